/**
 * Follows the packets after the first one: rules and routes that pass a request may stop its answer or later packets.
 */
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
 * Takes the answer to an arrived packet, and the client's next packet, through the rules.
 * @returns the same end plus the answer's route, or an end in which one of these packets is lost.
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
  // A UDP client may send only one datagram.
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

/**
 * A client that hears nothing resends the SYN, which belongs to a known connection once conntrack has seen the answer.
 */
function dialAgain(following: Following, lost: TrialEnd): TrialEnd {
  const again = follow(following);
  if (again.end !== 'refused') return lost;
  return {
    ...again,
    why: { code: 'when-asked-again', reason: again.why },
    obstacles: [...lost.obstacles, ...again.obstacles],
  };
}

/** Losing a bare ACK does no harm if a data packet that carries the same ACK gets through. */
function leaveOpen(lost: TrialEnd): TrialEnd {
  const why = { code: 'unless-pushed', reason: lost.why } as const;
  return { ...lost, end: 'unknown', why, obstacles: [] };
}

/** Returns the state that following packets share with the first one, as it arrived. */
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
  /** Keeps what packets change about the connection, such as its mark and its conntrack entry. */
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
    // A packet that begins a new connection in the middle of this one gets its own NAT.
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
 * Whether the packet begins a new connection whose answers the known connection already owns. NAT then gives it another
 * port: see nf_nat_used_tuple in net/netfilter/nf_nat_core.c.
 */
function isTaken(packet: TrialPacket): boolean {
  const { entry, zone } = packet;
  return beginsAnew(packet) && entry !== null && entry.zones.original === zone.original;
}

/** Looks up the packet's route; null if the host does not look it up, an end if the packet is lost. */
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

/** Ends with a packet that routing loses without telling the client. */
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

/** Conntrack does not know the packet, so nothing translates it back to the addresses that the client knows. */
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

/** This program does not follow which entries the connection then has, nor what each entry has seen. */
function leaveToTracking(end: TrialEnd, lost: TrialEnd, turn: Next['turn']): TrialEnd {
  if (lost.end === 'unknown') return lost;
  return {
    ...lost,
    end: 'unknown',
    obstacles: [],
    why: { code: 'but', first: end.why, but: { code: 'tracked-anew', turn } },
  };
}

/** A bridge's own rules may see a packet that NAT turns back either before or after the rewrite. */
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
  // An ICMP message fails a connection that is not yet established. Right after the handshake it fails only a client
  // that asks for errors (SO_ERROR) after the message has come. Later it fails none.
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

/** Whether anything comes back that no rule or route of this host has sent. */
function isAnswered({ end, deciding, stop, refusal }: TrialEnd): boolean {
  if (end === 'answered' || (end === 'refused' && refusal !== undefined)) return true;
  const rejects = deciding?.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.do === 'reject',
  );
  return end === 'refused' && rejects !== true && !stop;
}
