/** What follows the first packet: rules and routes that let a request through may stop the answer to it, or what comes after. */
import { TCP_FLAGS } from '../../model/rules.js';
import { comeBack, goThere, type HookCourse, type HookPassage } from './course.js';
import { placeRule, type TrialEnd } from './journey-end.js';
import { addressText, beginsAnew, UNZONED, type TrialPacket, type Turn } from './packet.js';
import { stopPacket, type Evaluators } from './refusal.js';
import type { Leaving, RoutedWay } from './routing/router.js';
import type { RouteStop } from './routing/stops.js';
import type { HookEnd } from './hook-end.js';

/** A packet that follows the first one. */
interface Next {
  readonly turn: Exclude<Turn, 'first'>;
  readonly flags: number;
}

const { syn, ack, rst, psh } = TCP_FLAGS;

/**
 * Takes the answer to a packet that has arrived, and the client's next one, through the rules.
 * @returns the end as it was with the way that the answer leaves by, or that one of them is lost.
 */
export function goOn(
  tools: Evaluators,
  packet: TrialPacket,
  end: TrialEnd,
  { there, back }: HookCourse,
): TrialEnd {
  if (!isAnswered(end)) return end;
  const tcp = packet.protocol === 'tcp';
  const state = carryOn(packet);
  if (end.end === 'refused') {
    const resets = end.refusal === undefined ? tcp : end.refusal === 'reset';
    const next = { turn: 'refusal', flags: resets ? rst | ack : 0 } as const;
    const refusal = resets ? state : { ...state, icmp: true };
    return follow({ ...tools, state: refusal, end, hops: back, next });
  }
  const next = { turn: 'answer', flags: tcp ? syn | ack : 0 } as const;
  const answer = follow({ ...tools, state, end, hops: back, next });
  if (tcp && answer.end === 'dropped' && state.entry?.answered === true) {
    return dialAgain(
      { ...tools, state, end, hops: there, next: { turn: 'later', flags: syn } },
      answer,
    );
  }
  // A datagram may be all that a client has to say.
  if (answer.end !== end.end || !tcp) return answer;
  const known = state.entry?.answered === true && !tools.walk.asksFlags;
  for (const turn of known ? (['later'] as const) : (['later', 'answer'] as const)) {
    const hops = turn === 'later' ? there : back;
    const send = (bits: number): TrialEnd =>
      follow({ ...tools, state, end, hops, next: { turn, flags: bits } });
    const bare = send(ack);
    const pushed = known ? bare : send(psh | ack);
    if (bare.end === 'unknown') return bare;
    if (pushed.end !== end.end) return pushed;
    if (bare.end !== end.end) return leaveOpen(bare);
  }
  return answer;
}

/** Who hears nothing sends the SYN again, which belongs to a known connection once the answer has been seen. */
function dialAgain(following: Following, lost: TrialEnd): TrialEnd {
  const again = follow(following);
  if (again.end !== 'refused') return lost;
  return {
    ...again,
    why: { code: 'when-asked-again', reason: again.why },
    obstacles: [...lost.obstacles, ...again.obstacles],
  };
}

/** An acknowledgement that is lost does no harm where data that brings it along gets through. */
function leaveOpen(lost: TrialEnd): TrialEnd {
  const why = { code: 'unless-pushed', reason: lost.why } as const;
  return { ...lost, end: 'unknown', why, obstacles: [] };
}

/** What the packets that follow have in common with the first one, as it arrived. */
function carryOn(packet: TrialPacket): TrialPacket {
  const { destination, destinationPort, source } = packet;
  const expected = {
    source: destination,
    port: destinationPort,
    destination: source,
  };
  return { ...packet, expected };
}

interface Following extends Evaluators {
  /** Keeps what packets tell the connection: its mark and its entry. */
  readonly state: TrialPacket;
  readonly end: TrialEnd;
  readonly hops: readonly HookPassage[];
  readonly next: Next;
}

function follow(following: Following): TrialEnd {
  const { walk, state, end, hops, next } = following;
  const { turn, flags } = next;
  const [written, meant] = turn === 'later' ? goThere(state) : comeBack(state);
  let packet: TrialPacket = {
    ...state,
    ...written,
    turn,
    flags,
    mark: 0,
    rerouted: null,
    tracking: 'none',
    zone: UNZONED,
  };
  const translated = state.dnat || state.snat;
  let leaves: Leaving | null = null;
  for (const [i, hop] of hops.entries()) {
    const { hook, in: inDevice, out } = hop;
    packet = {
      ...packet,
      inDevice,
      outDevice: out === null ? null : (leaves?.device ?? out),
    };
    const before = addressText(packet.destination);
    const crossed = hop.bridged && i === 0 ? walk.cross({ ...packet }) : null;
    const turned = hop.turns === true && hook === 'forward' ? walk.cross({ ...packet }) : null;
    if (hop.turns && (crossed ?? turned)) return leaveToBridge(end, crossed ?? turned, turn);
    const met = crossed ?? walk[hop.bridged ? 'runHook' : 'run'](hook, packet, true, meant);
    state.connectionMark = packet.connectionMark;
    state.entry = packet.entry;
    state.helped = packet.helped;
    state.offloaded ||= packet.offloaded;
    if (met.verdict !== 'accept') {
      const lost = loseToRule(following, met, hop, packet);
      return beginsAnew(packet) ? leaveToTracking(end, lost, turn) : lost;
    }
    if (isTaken(packet)) return leaveToTracking(end, { ...end, end: 'dropped' }, turn);
    // What begins a connection of its own in the middle of this one is translated by itself.
    const anew = packet.dnat || packet.snat;
    if (
      (translated || anew) &&
      packet.tracking !== 'established' &&
      packet.tracking !== 'related'
    ) {
      const lost = loseTranslation(end, packet, turn);
      return beginsAnew(packet) ? leaveToTracking(end, lost, turn) : lost;
    }
    if (hop.turns && addressText(packet.destination) === before) continue;
    const routed = route(following, hop, packet);
    if (routed === null) continue;
    if ('end' in routed) return routed;
    leaves = routed.kind === 'device' ? routed : leaves;
  }
  return turn === 'later' ? end : { ...end, back: leaves };
}

/**
 * Whether it begins a connection of its own whose answers the known connection has already: NAT then gives it another port,
 * see nf_nat_used_tuple in net/netfilter/nf_nat_core.c.
 */
function isTaken(packet: TrialPacket): boolean {
  const { entry, zone } = packet;
  return beginsAnew(packet) && entry !== null && entry.zones.original === zone.original;
}

/** The way that the host chooses for a packet; null where it does not look, an end where the packet is lost. */
function route(
  { router, hops, end, next: { turn } }: Following,
  { routes, turns = false }: HookPassage,
  packet: TrialPacket,
): RoutedWay | TrialEnd | null {
  if (!routes || !router.isKnown) return null;
  const way =
    routes === 'enter'
      ? router.enter(packet, turns ? packet.inDevice : null)
      : router.leaveAgain(packet);
  if (way.kind === 'stop') return lose(end, way.stop, turn);
  const stays = hops.every(({ out }) => out === null || out === 'lo');
  return stays === (way.kind === 'host') ? way : stray(end, stays, turn);
}

/** Routing loses it, and the client hears nothing of that. */
export function lose(end: TrialEnd, stop: RouteStop, turn: Next['turn'] = 'answer'): TrialEnd {
  return {
    ...end,
    deciding: null,
    stop,
    end: stop.end === 'unknown' ? 'unknown' : 'dropped',
    why: {
      code: 'but',
      first: end.why,
      but: { code: 'following-lost', turn, reason: stop.why },
    },
    obstacles: stop.obstacle === null ? [] : [stop.obstacle],
  };
}

function stray(end: TrialEnd, stays: boolean, turn: Next['turn']): TrialEnd {
  const why = { code: 'following-strays', turn, stays } as const;
  return lose(end, { code: 'elsewhere', end: 'unknown', why, obstacle: null }, turn);
}

/** Conntrack does not know it, so nothing gives it back the addresses that the client knows. */
function loseTranslation(end: TrialEnd, packet: TrialPacket, turn: Next['turn']): TrialEnd {
  const why = { code: 'mistaken', turn, tracking: packet.tracking } as const;
  return {
    ...end,
    end: 'dropped',
    deciding: null,
    why: { code: 'but', first: end.why, but: why },
    obstacles: [why],
  };
}

/** Which entries a connection then has, and what each of them has seen, is not followed. */
function leaveToTracking(end: TrialEnd, lost: TrialEnd, turn: Next['turn']): TrialEnd {
  if (lost.end === 'unknown') return lost;
  return {
    ...lost,
    end: 'unknown',
    obstacles: [],
    why: { code: 'but', first: end.why, but: { code: 'tracked-anew', turn } },
  };
}

/** A bridge's own rules see what NAT turns back before or after it is rewritten. */
function leaveToBridge(end: TrialEnd, stop: HookEnd | null, turn: Next['turn']): TrialEnd {
  const by = stop?.by ?? null;
  const but = {
    code: 'following-at-bridge',
    by: placeRule(by),
    place: 'FORWARD',
    turn,
  } as const;
  const why = { code: 'but', first: end.why, but } as const;
  return { ...end, end: 'unknown', deciding: by, why, obstacles: [] };
}

function loseToRule(
  { walk, router, end, state, next: { turn, flags } }: Following,
  stop: HookEnd,
  { hook, bridged = false }: HookPassage,
  packet: TrialPacket,
): TrialEnd {
  const { verdict, by, reset } = stop;
  const place = hook.toUpperCase();
  const rejects = verdict === 'reject';
  const stopped = { by: placeRule(by), place, rejects, turn };
  const act = { code: 'following-stopped', ...stopped } as const;
  if (state.offloaded) {
    return {
      ...end,
      end: 'unknown',
      deciding: by,
      why: { code: 'unless-offloaded', first: end.why, stopped: act },
      obstacles: [],
    };
  }
  const hears =
    turn === 'later' &&
    rejects &&
    stopPacket({ walk, router }, { packet, stop, place, bridged }).end === 'refused';
  // A message of ICMP fails a connection that is not yet there. Right behind the handshake it fails one only whose client asks
  // for errors (SO_ERROR) after it has come, and later none.
  if (hears && !reset && flags === ack) {
    return {
      ...end,
      end: 'unknown',
      deciding: by,
      ruledIn: null,
      why: { code: 'but', first: end.why, but: { code: 'following-unheard', ...stopped } },
      obstacles: [act],
    };
  }
  const told = hears && (reset || flags === syn);
  return {
    ...end,
    end: told ? 'refused' : 'dropped',
    deciding: by,
    ruledIn: null,
    why: { code: 'but', first: end.why, but: { code: 'following-stopped-in', ...stopped } },
    obstacles: [act],
  };
}

/** Whether anything comes back at all that no rule of this host has made. */
function isAnswered({ end, deciding, stop, refusal }: TrialEnd): boolean {
  if (end === 'answered' || (end === 'refused' && refusal !== undefined)) return true;
  const rejects = deciding?.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.do === 'reject',
  );
  return end === 'refused' && rejects !== true && !stop;
}
