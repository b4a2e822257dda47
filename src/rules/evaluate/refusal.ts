/** What tells a client that it is refused: a packet of its own, which rules and routes may stop as well. */
import { away, comeBack, home } from './course.js';
import { endByStop, endJourney, nameRule, stopJourney, type Journey } from './ends.js';
import { exactAddress, FLAGS, type Packet } from './packet.js';
import type { Router, Way } from './routing/router.js';
import type { Stop } from './routing/stops.js';
import type { RuleRef } from './rule-index.js';
import type { Walk } from './walk.js';
import type { HookEnd } from './hook-end.js';

/** Hooks on the way through a host, and their names in rules of iptables. */
export const PASSING = [
  ['forward', 'FORWARD'],
  ['postrouting', 'POSTROUTING'],
] as const;

/** What takes packets through rules and routes. */
export interface Tools {
  readonly walk: Walk;
  readonly router: Router;
}

/** Where a rule has stopped a packet. */
export interface Rejection {
  readonly packet: Packet;
  readonly stop: HookEnd;
  /** As it is named in words. */
  readonly place: string;
  /** Of a frame between two ports of a bridge: a reset goes back by the port itself, and meets no rule. */
  readonly bridged?: boolean;
}

/** The end of a packet that a rule stops: who is rejected learns of it only where the message gets through. */
export function stopPacket(tools: Tools, rejection: Rejection): Journey {
  const { packet, stop, place, bridged = false } = rejection;
  const end = stopJourney(packet, stop, place);
  if (stop.verdict !== 'reject') return end;
  const reset = stop.reset && packet.protocol === 'tcp';
  if (!bridged || !reset) return tellClient(tools, packet, end, reset);
  if (!packet.dnat && !packet.snat) return end;
  return loseMessage(end, { end: 'dropped', why: 'no rule translates what a bridge sends back' });
}

/** @param calls whether frames between ports of a bridge meet the rules; null where that is not known. */
export function stopCrossing(tools: Tools, rejection: Rejection, calls: boolean | null): Journey {
  if (calls === true) return stopPacket(tools, { ...rejection, bridged: true });
  const { packet, place } = rejection;
  return endJourney(packet, null, 'unknown', {
    why: `${place} would drop it, but whether bridged packets meet the rules is not known`,
    obstacles: [],
  });
}

/** The end of a packet that came in and that routing stops. */
export function refuseByRoute(
  tools: Tools,
  packet: Packet,
  nat: RuleRef | null,
  stop: Stop,
): Journey {
  const end = endByStop(packet, nat, stop);
  return end.end === 'refused' ? tellClient(tools, packet, end, false) : end;
}

/** The way of the message back to the client, through routes and rules. */
function tellClient(
  { walk, router }: Tools,
  packet: Packet,
  end: Journey,
  reset: boolean,
): Journey {
  const { outDevice, inDevice } = packet;
  const loop = inDevice === null || inDevice === 'lo';
  const hops = loop ? [...away('lo'), ...home('lo')] : away(inDevice);
  const tracked = packet.tracking !== 'none' && packet.tracking !== 'untracked';
  let message: Packet = {
    ...packet,
    ...comeBack(packet)[0],
    expected: null,
    icmp: !reset,
    turn: 'refusal',
    flags: reset ? FLAGS.rst | FLAGS.ack : 0,
    mark: 0,
    rerouted: null,
    tracking: tracked ? 'related' : 'invalid',
  };
  const way = loop || !router.isKnown ? null : router.tell(message);
  const lost = way && judgeWay(way, inDevice);
  if (lost) return loseMessage(end, lost);
  if (!reset && way?.kind === 'device' && way.source !== null) {
    message.source = exactAddress(way.source);
  }
  for (const hop of hops) {
    message = { ...message, inDevice: hop.in, outDevice: hop.out };
    const { verdict, by } = walk.run(hop.hook, message, false, comeBack(packet)[1]);
    if (verdict === 'accept') continue;
    const act = `${nameRule(by, hop.hook)} stops the message that says so`;
    Object.assign(packet, { inDevice, outDevice });
    return {
      ...end,
      end: 'dropped',
      why: `${end.why}, but ${act}`,
      obstacles: [...end.obstacles, act],
    };
  }
  return end;
}

/** Null where the message leaves by the device that the request came by. */
function judgeWay(way: Way, inDevice: Packet['inDevice']): Pick<Stop, 'end' | 'why'> | null {
  if (way.kind === 'stop') return way.stop;
  if (way.kind === 'device' && way.device === inDevice) return null;
  const by = way.kind === 'device' ? String(way.device) : 'lo';
  return { end: 'unknown', why: `it leaves by ${by}, and the request came in on another device` };
}

function loseMessage(end: Journey, { end: how, why }: Pick<Stop, 'end' | 'why'>): Journey {
  const told = `the message that says so does not arrive: ${why}`;
  const open = how === 'unknown';
  return {
    ...end,
    end: open ? 'unknown' : 'dropped',
    why: `${end.why}, but ${told}`,
    obstacles: open ? [] : [...end.obstacles, told],
  };
}
