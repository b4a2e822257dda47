/** What a capture says for and against each path: each claim holds, is refuted, or cannot be known from packets. */
import { listProofs, type Twin } from '../../correlate/capture/groups.js';
import type { Pairing } from '../../correlate/capture/relays.js';
import { findCrossing } from '../../correlate/capture/sightings.js';
import type { Likeness } from '../../correlate/capture/streams.js';
import { formatEndpoint, isLoopback } from '../../model/address.js';
import type { Evidence } from '../../model/report.js';
import type { CapturedCase } from './case.js';

type ClaimCode =
  | 'nat-rewritten'
  | 'same-packet'
  | 'handshakes-nested'
  | 'streams-equal'
  | 'only-pairing'
  | 'never-rewritten'
  | 'complete';

/** A claim before it is put into words: most are never read. */
export interface CaptureClaim {
  readonly code: ClaimCode;
  readonly holds: boolean | null;
  readonly tell: () => Pick<Evidence, 'claim' | 'events'>;
}
export type CaptureFacts = Readonly<Record<ClaimCode, boolean | null>>;

type Check = (subject: CapturedCase) => CaptureClaim | null;

const CHECKS: readonly Check[] = [
  checkRewritten,
  checkSamePacket,
  checkHandshakes,
  checkStreams,
  checkOnlyPairing,
  checkNeverRewritten,
  checkComplete,
];

export function makeCaptureClaims(subject: CapturedCase): CaptureClaim[] {
  return CHECKS.flatMap((check) => check(subject) ?? []);
}

export function tellClaim({ code, holds, tell }: CaptureClaim): Evidence {
  const { claim, events } = tell();
  return { code, claim, holds, events };
}

function claim(
  code: ClaimCode,
  holds: boolean | null,
  text: () => string,
  events: () => number[] = () => [],
): CaptureClaim {
  return { code, holds, tell: () => ({ claim: text(), events: events() }) };
}

function checkRewritten({ leg, captured, link }: CapturedCase): CaptureClaim {
  const { server, destination } = leg;
  if (leg.nat?.destinationRewritten && server) {
    const text = (): string =>
      `packets for ${formatEndpoint(server)} went on to ${formatEndpoint(destination)}`;
    return claim('nat-rewritten', true, text, () => eventsOf(captured.twins[0]));
  }
  const text = 'a packet was seen under two destinations';
  return claim('nat-rewritten', link ? false : null, () => text);
}

function checkSamePacket({ leg, captured }: CapturedCase): CaptureClaim | null {
  if (!leg.nat?.destinationRewritten) return null;
  const proofs = listProofs(captured.twins);
  const [twin] = proofs;
  if (!twin) {
    const text = 'IP identification or TCP timestamp agree on both sides of the rewriting';
    const events = (): number[] => eventsOf(captured.twins[0]);
    return claim('same-packet', null, () => text, events);
  }
  const text = (): string => tellMarks(proofs, twin);
  return claim('same-packet', true, text, () => eventsOf(twin));
}

function tellMarks(proofs: readonly Twin[], twin: Twin): string {
  const marks = [
    twin.a.protocol === 'tcp' ? `sequence number ${twin.a.seq}` : `${twin.a.length} B`,
    ...(twin.a.wire.ipId ? [`IP identification ${twin.a.wire.ipId}`] : []),
    ...(twin.a.wire.timestamp === null ? [] : [`timestamp ${twin.a.wire.timestamp}`]),
    `TTL ${twin.a.wire.ttl} and ${twin.b.wire.ttl}`,
  ];
  const count = `${proofs.length} packet${proofs.length === 1 ? ' was' : 's were'}`;
  return `${count} seen on both sides of the rewriting; the first has the same ${marks.join(', ')}`;
}

function checkHandshakes({ captured, pairing }: CapturedCase): CaptureClaim | null {
  if (!pairing || captured.leg.protocol === 'udp') return null;
  const { first } = captured;
  const dialled = pairing.upstream.first;
  const text = (): string =>
    `a second handshake, ${formatEndpoint(pairing.upstream.leg.client)} to ` +
    `${formatEndpoint(pairing.upstream.leg.destination)} with other sequence numbers, followed the client's`;
  const known = first.synTime !== null && dialled.synTime !== null;
  const events = (): number[] =>
    known ? [captured, pairing.upstream].flatMap(({ leg }) => leg.events[0]?.id ?? []) : [];
  return claim('handshakes-nested', known ? true : null, text, events);
}

const TOLD: Readonly<Record<Likeness, string>> = {
  equal: 'all bytes equal',
  'same-start': 'the known bytes equal',
  'same-length': 'as many bytes, cut off by the capture',
  part: 'equal as far as both go',
  empty: 'no bytes',
  different: 'different',
};

function checkStreams({ pairing, leg, link }: CapturedCase): CaptureClaim | null {
  if (!pairing || !link) return null;
  const { request, reply } = pairing;
  const text = (): string => {
    const told = `both legs carried the same bytes: to the container ${TOLD[request]}, back ${TOLD[reply]}`;
    return pairing.thin ? `${told}; ${tellThin(leg.protocol)}` : told;
  };
  const data = (): number[] =>
    [leg, link.upstream].flatMap(
      ({ events }) => events.find((event) => event.kind === 'packet' && event.length > 0)?.id ?? [],
    );
  return claim('streams-equal', isCarried(pairing) ? true : null, text, data);
}

function tellThin(protocol: 'tcp' | 'udp'): string {
  return protocol === 'tcp'
    ? 'bytes of them are missing from the capture'
    : 'so few datagrams that another flow may have carried the same';
}

/** Something was compared, and in both directions nothing is missing. */
function isCarried({ request, reply, thin }: Pairing): boolean {
  if (thin) return false;
  const compared = (like: Likeness): boolean => like === 'equal' || like === 'same-start';
  return compared(request) && (compared(reply) || reply === 'empty');
}

function checkOnlyPairing({ pairing }: CapturedCase): CaptureClaim | null {
  if (!pairing) return null;
  return claim(
    'only-pairing',
    pairing.only ? true : null,
    () => 'no other connection of the capture could be the other leg',
  );
}

/** Seen before and after the machine, under the same addresses. */
function checkNeverRewritten({ leg, link, captured }: CapturedCase): CaptureClaim | null {
  if (link || leg.nat || leg.server === null || isLoopback(leg.server.address)) return null;
  const { ttl, sightings, uniform } = captured;
  const { server } = leg;
  const crossing = uniform ? findCrossing(sightings) : null;
  if (crossing === null) {
    return claim(
      'never-rewritten',
      null,
      () =>
        `packets for ${formatEndpoint(server)} kept their addresses from before the machine to behind it`,
    );
  }
  const how =
    crossing === 'routed'
      ? `before and after routing (TTL ${ttl.first} and ${ttl.last})`
      : `as they came in and as they went out, unrouted (TTL ${ttl.first})`;
  const [first] = leg.events;
  const text = (): string =>
    `packets for ${formatEndpoint(server)} were seen ${how}, with the same addresses, and their replies the other way`;
  return claim('never-rewritten', true, text, () => (first ? [first.id] : []));
}

function checkComplete({ tail }: CapturedCase): CaptureClaim {
  const missing = tail.truncated || tail.lostEvents > 0;
  const why = tail.notes[0];
  const text = 'the capture was read to its end and reports no lost packet';
  const told = missing && why !== undefined ? `${text} (${why})` : text;
  return claim('complete', !missing, () => told);
}

function eventsOf(twin: Twin | undefined): number[] {
  return twin ? [twin.a.id, twin.b.id] : [];
}
