/** Follows the packet that tells a client of a refusal: rules and routes may stop it too. */
import type { RuledPlace } from '../../model/reason.js';
import { TCP_FLAGS } from '../../model/rules.js';
import { away, comeBack, home } from './course.js';
import { endByStop, endJourney, placeRule, stopJourney, type TrialEnd } from './journey-end.js';
import { exactAddress, type TrialPacket } from './packet.js';
import type { Router, RoutedWay } from './routing/router.js';
import type { RouteStop } from './routing/stops.js';
import type { RuleRef } from './rule-index.js';
import type { Walk } from './walk.js';
import type { HookEnd } from './hook-end.js';

/** The hooks on the way through a host, with their names in iptables rules. */
export const PASSING = [
  ['forward', 'FORWARD'],
  ['postrouting', 'POSTROUTING'],
] as const;

/** What takes packets through rules and routes. */
export interface Evaluators {
  readonly walk: Walk;
  readonly router: Router;
}

/** Where a rule has stopped a packet. */
export interface Rejection {
  readonly packet: TrialPacket;
  readonly stop: HookEnd;
  readonly place: RuledPlace;
  /**
   * Whether it is a frame between two ports of a bridge: a TCP reset then goes back by the port itself and meets no
   * rule.
   */
  readonly bridged?: boolean;
}

/** Ends a packet that a rule stops: a rejected client learns of it only if the message gets through. */
export function stopPacket(tools: Evaluators, rejection: Rejection): TrialEnd {
  const { packet, stop, place, bridged = false } = rejection;
  const end = stopJourney(packet, stop, place);
  if (stop.verdict !== 'reject') return end;
  const reset = stop.reset && packet.protocol === 'tcp';
  const how = readHow(stop.by);
  if (packet.protocol === 'udp' && MUTE.some((kind) => kind.test(how))) return muffle(end, how);
  if (!bridged || !reset) return tellClient(tools, packet, end, reset);
  if (!packet.dnat && !packet.snat) return end;
  return loseMessage(end, { end: 'dropped', why: { code: 'bridge-untranslated' } });
}

/**
 * ICMP refusals that the kernel does not report to a UDP socket unless it asks for them: those not `fatal` in
 * icmp_err_convert (net/ipv4/icmp.c) and tab_unreach (net/ipv6/icmp.c).
 */
const MUTE = [
  /^(icmp-net-unreachable|icmp-host-unreachable|net-unreach|host-unreach)$/,
  /^(icmp6-no-route|icmp6-addr-unreachable|no-route|addr-unreach)$/,
  /^with icmp (net-unreachable|host-unreachable|0|1)$/,
  /^with icmpv6 (no-route|addr-unreachable|0|3)$/,
  /^with icmpx (no-route|host-unreachable|0|2)$/,
];

/** The kind of a rule's refusal, as the rule's own language writes it. */
function readHow(by: RuleRef | null): string {
  const verdict = by?.rule?.steps.findLast((step) => step.kind === 'verdict')?.verdict;
  return verdict?.do === 'reject' ? verdict.how : '';
}

/** The sender of a datagram is not told of this refusal. */
function muffle(end: TrialEnd, how: string | null): TrialEnd {
  const act = { code: 'client-not-told', how } as const;
  return {
    ...end,
    end: 'dropped',
    why: { code: 'but', first: end.why, but: act },
    obstacles: [...end.obstacles, act],
  };
}

/** @param calls whether frames between ports of a bridge meet the rules; null if unknown. */
export function stopCrossing(
  tools: Evaluators,
  rejection: Rejection,
  calls: boolean | null,
): TrialEnd {
  if (calls === true) return stopPacket(tools, { ...rejection, bridged: true });
  const { packet, place } = rejection;
  return endJourney(packet, null, 'unknown', {
    why: { code: 'crossing-unknown', place },
    obstacles: [],
  });
}

/** Ends a packet that came in and that routing stops. */
export function refuseByRoute(
  tools: Evaluators,
  packet: TrialPacket,
  nat: RuleRef | null,
  stop: RouteStop,
): TrialEnd {
  const end = endByStop(packet, nat, stop);
  if (end.end === 'refused' && packet.protocol === 'udp' && stop.mute === true) {
    return muffle(end, null);
  }
  return end.end === 'refused' ? tellClient(tools, packet, end, false) : end;
}

/** Takes the refusal message back to the client through routes and rules. */
function tellClient(
  { walk, router }: Evaluators,
  packet: TrialPacket,
  end: TrialEnd,
  reset: boolean,
): TrialEnd {
  const { outDevice, inDevice } = packet;
  const loop = inDevice === null || inDevice === 'lo';
  const hops = loop ? [...away('lo'), ...home('lo')] : away(inDevice);
  const tracked = packet.tracking !== 'none' && packet.tracking !== 'untracked';
  let message: TrialPacket = {
    ...packet,
    ...comeBack(packet)[0],
    // The message belongs to the connection that it is about.
    expected: packet.expected ?? {
      source: packet.destination,
      port: packet.destinationPort,
      destination: packet.source,
    },
    icmp: !reset,
    turn: 'refusal',
    flags: reset ? TCP_FLAGS.rst | TCP_FLAGS.ack : 0,
    mark: 0,
    rerouted: null,
    tracking: tracked ? 'related' : 'invalid',
  };
  const way = loop || !router.isKnown ? null : router.tell(message);
  const lost = way && judgeWay(way, inDevice);
  if (lost) return loseMessage(end, lost);
  if (!reset && !router.isOwn(packet.destination)) {
    // The host itself answers a packet that it forwards or sends; to its own process it answers from the process's
    // address.
    if (inDevice === null) message.source = packet.source;
    else if (way?.kind !== 'device') message.source = { kind: 'own' };
    else if (way.source !== null) message.source = exactAddress(way.source);
  }
  for (const hop of hops) {
    message = { ...message, inDevice: hop.in, outDevice: hop.out };
    const { verdict, by } = walk.run(hop.hook, message, false, comeBack(packet)[1]);
    if (verdict === 'accept') continue;
    const place = hop.hook.toUpperCase();
    const act = { code: 'message-stopped', by: placeRule(by), place } as const;
    Object.assign(packet, { inDevice, outDevice });
    return {
      ...end,
      end: 'dropped',
      why: { code: 'but', first: end.why, but: act },
      obstacles: [...end.obstacles, act],
    };
  }
  return { ...end, back: way?.kind === 'device' ? way : null };
}

/** Returns null if the message leaves by the device that the request came in on. */
function judgeWay(
  way: RoutedWay,
  inDevice: TrialPacket['inDevice'],
): Pick<RouteStop, 'end' | 'why'> | null {
  if (way.kind === 'stop') return way.stop;
  if (way.kind === 'device' && way.device === inDevice) return null;
  const by = way.kind === 'device' ? way.device : 'lo';
  const device = typeof by === 'string' ? by : null;
  return { end: 'unknown', why: { code: 'leaves-by', device, cameBy: null } };
}

function loseMessage(end: TrialEnd, { end: how, why }: Pick<RouteStop, 'end' | 'why'>): TrialEnd {
  const told = { code: 'message-lost', reason: why } as const;
  const open = how === 'unknown';
  return {
    ...end,
    end: open ? 'unknown' : 'dropped',
    why: { code: 'but', first: end.why, but: told },
    obstacles: open ? [] : [...end.obstacles, told],
  };
}
