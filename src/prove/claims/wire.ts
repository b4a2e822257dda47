/** What a capture says for and against each path: each claim holds, is refuted, or cannot be known from packets. */
import type { Twin } from '../../correlate/capture/twins.js';
import { isMarked } from '../../correlate/capture/same-packet.js';
import type { CapturedLeg } from '../../correlate/capture/legs.js';
import type { Ownership } from '../../correlate/capture/services.js';
import type { Pairing } from '../../correlate/capture/relays.js';
import { findCrossing } from '../../correlate/capture/sightings.js';
import type { Likeness } from '../../correlate/capture/streams.js';
import type { Leg } from '../../correlate/leg.js';
import { formatEndpoint, isLoopback } from '../../model/address.js';
import type { Evidence } from '../../model/report.js';
import type { ObservedOnWire } from '../observed-wire.js';

type ClaimCode =
  | 'nat-rewritten'
  | 'same-packet'
  | 'machine-between'
  | 'handshakes-nested'
  | 'streams-equal'
  | 'only-pairing'
  | 'content-own'
  | 'never-rewritten'
  | 'complete';

export type CaptureFacts = Readonly<Record<ClaimCode, boolean | null>>;

interface Claim {
  readonly code: ClaimCode;
  /** Undefined where there is nothing to claim. */
  readonly holds: (subject: ObservedOnWire) => boolean | null | undefined;
  /** Its words are wanted for few connections. */
  readonly tell: (subject: ObservedOnWire) => Pick<Evidence, 'claim' | 'events'>;
}

const REWRITTEN: Claim = {
  code: 'nat-rewritten',
  holds: ({ leg, link }) => (isRewritten(leg) ? true : link ? false : null),
  tell: ({ leg, captured }) =>
    isRewritten(leg) && leg.server
      ? {
          claim: `packets for ${formatEndpoint(leg.server)} went on to ${formatEndpoint(leg.destination)}`,
          events: eventsOf(captured.rewriting?.twins[0]),
        }
      : { claim: 'a packet was seen under two destinations', events: [] },
};

const SAME_PACKET: Claim = {
  code: 'same-packet',
  holds: ({ leg, captured }) =>
    !leg.nat?.destinationRewritten ? undefined : listMarked(captured).length > 0 || null,
  tell: ({ captured }) => {
    const proofs = listMarked(captured);
    const [twin] = proofs;
    return {
      claim: twin
        ? tellMarks(proofs, twin)
        : 'IP identification or TCP timestamp agree on both sides of the rewriting',
      events: eventsOf(twin ?? captured.rewriting?.twins[0]),
    };
  },
};

/** What a machine in between does to packets, and copies of them do not show. */
const MACHINE: Claim = {
  code: 'machine-between',
  holds: ({ leg, captured: { rewriting } }) => {
    if (!leg.nat?.destinationRewritten || rewriting === null) return undefined;
    return (rewriting.doubt !== 'one-way' && rewriting.doubt !== 'both-ends') || null;
  },
  tell: ({ captured }) => ({
    claim:
      'a machine stands between both sightings: requests passed it one way and answers the other, ' +
      'with a lower TTL behind it or in at one device and out at another, and it left the client as it was',
    events: eventsOf(captured.rewriting?.twins[0]),
  }),
};

const HANDSHAKES: Claim = {
  code: 'handshakes-nested',
  holds: ({ captured, pairing }) => {
    if (!pairing || captured.leg.protocol === 'udp') return undefined;
    return (captured.first.synTime !== null && pairing.upstream.first.synTime !== null) || null;
  },
  tell: (subject) => {
    const { captured, link, pairing } = subject;
    if (!link || !pairing) return { claim: '', events: [] };
    const { client, destination } = link.upstream;
    const legs = HANDSHAKES.holds(subject) === true ? [captured, pairing.upstream] : [];
    return {
      claim:
        `a second handshake, ${formatEndpoint(client)} to ${formatEndpoint(destination)} ` +
        "with other sequence numbers, followed the client's",
      events: legs.flatMap(({ leg }) => leg.events[0]?.id ?? []),
    };
  },
};

const STREAMS: Claim = {
  code: 'streams-equal',
  holds: ({ pairing }) => (pairing ? isCarried(pairing) || null : undefined),
  tell: ({ pairing, leg, link }) => {
    if (!pairing || !link) return { claim: '', events: [] };
    const { request, reply } = pairing;
    const told = `both legs carried the same bytes: to the container ${TOLD[request]}, back ${TOLD[reply]}`;
    return {
      claim: pairing.thin ? `${told}; ${tellThin(leg.protocol)}` : told,
      events: [leg, link.upstream].flatMap(
        ({ events }) =>
          events.find((event) => event.kind === 'packet' && event.length > 0)?.id ?? [],
      ),
    };
  },
};

const ONLY_PAIRING: Claim = {
  code: 'only-pairing',
  holds: ({ pairing }) => (pairing ? pairing.only || null : undefined),
  tell: () => ({
    claim: 'no other connection of the capture could be the other leg',
    events: [],
  }),
};

const OWN: Claim = {
  code: 'content-own',
  holds: ({ pairing }) => (pairing ? pairing.own !== null || null : undefined),
  tell: ({ pairing }) => ({ claim: OWNED[pairing?.own ?? 'content'], events: [] }),
};

const OWNED: Readonly<Record<Ownership, string>> = {
  content:
    'what both legs carried is their own: so much content, and nothing else in the capture carried it',
  course:
    'nothing else in the capture carried these bytes, and all of it passed in turn: the dial, the request, the answer, the end',
  service: 'every connection of this service has its pair, and there are eight of them at least',
};

/** Seen before and after the machine, under the same addresses. */
const NEVER_REWRITTEN: Claim = {
  code: 'never-rewritten',
  holds: ({ leg, link, captured }) =>
    link || leg.nat || leg.server === null || isLoopback(leg.server.address)
      ? undefined
      : seesCrossing(captured) !== null || null,
  tell: ({ leg, captured }) => {
    const { ttl } = captured;
    const to = formatEndpoint(leg.destination);
    const crossing = seesCrossing(captured);
    if (crossing === null) {
      const claim = `packets for ${to} kept their addresses from before the machine to behind it`;
      return { claim, events: [] };
    }
    const how =
      crossing === 'routed'
        ? `before and after routing (TTL ${ttl.first} and ${ttl.last})`
        : `as they came in and as they went out, unrouted (TTL ${ttl.first})`;
    return {
      claim: `packets for ${to} were seen ${how}, with the same addresses, and their replies the other way`,
      events: leg.events.slice(0, 1).map(({ id }) => id),
    };
  },
};

const COMPLETE: Claim = {
  code: 'complete',
  holds: ({ tail }) => !tail.truncated && tail.lostEvents === 0,
  tell: (subject) => {
    const text = 'the capture was read to its end and reports no lost packet';
    const [why] = subject.tail.notes;
    const missing = COMPLETE.holds(subject) === false;
    return { claim: missing && why !== undefined ? `${text} (${why})` : text, events: [] };
  },
};

const CLAIMS = [
  REWRITTEN,
  SAME_PACKET,
  MACHINE,
  HANDSHAKES,
  STREAMS,
  ONLY_PAIRING,
  OWN,
  NEVER_REWRITTEN,
  COMPLETE,
];

/** What the judge needs of the claims. */
export function findFacts(subject: ObservedOnWire): CaptureFacts {
  return {
    'nat-rewritten': REWRITTEN.holds(subject) ?? null,
    'same-packet': SAME_PACKET.holds(subject) ?? null,
    'machine-between': MACHINE.holds(subject) ?? null,
    'handshakes-nested': HANDSHAKES.holds(subject) ?? null,
    'streams-equal': STREAMS.holds(subject) ?? null,
    'only-pairing': ONLY_PAIRING.holds(subject) ?? null,
    'content-own': OWN.holds(subject) ?? null,
    'never-rewritten': NEVER_REWRITTEN.holds(subject) ?? null,
    complete: COMPLETE.holds(subject) ?? null,
  };
}

export function tellClaims(subject: ObservedOnWire): Evidence[] {
  return CLAIMS.flatMap(({ code, holds, tell }) => {
    const answer = holds(subject);
    if (answer === undefined) return [];
    const { claim, events } = tell(subject);
    return [{ code, claim, holds: answer, events }];
  });
}

function isRewritten({ nat, server }: Leg): boolean {
  return nat?.destinationRewritten === true && server !== null;
}

function listMarked({ rewriting }: CapturedLeg): Twin[] {
  return rewriting?.twins.filter(({ a, b }) => isMarked(a, b)) ?? [];
}

function seesCrossing({ uniform, leg }: CapturedLeg): 'routed' | 'bridged' | null {
  return uniform && !leg.isAtOneDevice ? findCrossing(leg.sightings) : null;
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

const TOLD: Readonly<Record<Likeness, string>> = {
  equal: 'all bytes equal',
  'same-start': 'the known bytes equal',
  'same-length': 'as many bytes, cut off by the capture',
  part: 'equal as far as both go',
  empty: 'no bytes',
  different: 'different',
};

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

function eventsOf(twin: Twin | undefined): number[] {
  return twin ? [twin.a.id, twin.b.id] : [];
}
