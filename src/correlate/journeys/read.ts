/** Reads the journeys of a leg's packets: the only place that decides which of its events show the same packet. */
import type { WireFacts } from '../../model/conversation.js';
import type { PacketEvent } from '../../model/event.js';
import { isRequest } from '../bytes.js';
import type { Leg, LegEvent } from '../leg.js';
import { findJourneyEnd, type EndContext } from './journey-end.js';
import type { Journey, Passage, Sight, Track } from './journey.js';
import { readLive } from './live.js';
import { findRewritings } from './rewritings.js';
import { readWire } from './wire.js';

/** In the order in which the packets were first seen. */
export function readJourneys(leg: Leg, context: EndContext): Journey[] {
  const sights = leg.events.filter(isSight);
  const tracks = isCaptured(sights) ? readWire(sights) : readLive(sights);
  const numbers = new Map(tracks.map((track, index) => [track, index + 1]));
  return tracks.map((track, index) => {
    const [first] = (track.copyOf ?? track).sights;
    const request = first !== undefined && isRequest(leg, first);
    return {
      number: index + 1,
      request,
      passages: listPassages(leg, track, request, context.topology.host),
      copyOf: track.copyOf && (numbers.get(track.copyOf) ?? null),
      end: findJourneyEnd(track.sights, (request ? leg.destination : leg.client).address, context),
    };
  });
}

function isSight(event: LegEvent): event is Sight {
  return event.kind === 'packet' || event.kind === 'nat' || event.kind === 'drop';
}

function isCaptured(
  sights: readonly Sight[],
): sights is readonly (PacketEvent & { readonly wire: WireFacts })[] {
  return sights.length > 0 && sights.every((one) => one.kind === 'packet' && one.wire);
}

function listPassages(leg: Leg, track: Track, request: boolean, host: number): Passage[] {
  let before = track.copyOf?.sights.findLast(({ kind }) => kind !== 'drop') ?? null;
  return track.sights.map((event) => {
    const rewritings = findRewritings(event, { leg, request, before, host });
    before = event;
    return { event, rewritings };
  });
}
