/** What follows the first packet: rules and routes that let a request through may stop the answer to it, or what comes after. */
import type { Hook } from '../../model/rules.js';
import { stopJourney, type Journey } from './ends.js';
import { FLAGS, UNZONED, type Packet, type Turn } from './packet.js';
import type { Router, Way } from './routing/router.js';
import type { Stop } from './routing/stops.js';
import type { RuleRef } from './rule-index.js';
import type { Meant } from './translate.js';
import type { HookEnd, Walk } from './walk.js';

type Device = Packet['inDevice'];

/** A hook that a packet passes, between two devices. */
interface Hop {
  readonly hook: Hook;
  readonly in: Device;
  readonly out: Device;
  /** The host looks up the route after this hook. */
  readonly routes?: 'enter' | 'leave';
  /** Of a frame between two ports of a bridge. */
  readonly bridged?: true;
}

/** The hooks of a connection, there and back. */
export interface Course {
  readonly there: readonly Hop[];
  readonly back: readonly Hop[];
}

/** Of a packet that has arrived, and the device that its answer comes in on. */
export type MakeCourse = (packet: Packet, returns?: Device) => Course;

const through = (from: Device, to: Device): Hop[] => [
  { hook: 'prerouting', in: from, out: null, routes: 'enter' },
  { hook: 'forward', in: from, out: to },
  { hook: 'postrouting', in: null, out: to },
];
const away = (to: Device, asked: Device = to): Hop[] => [
  {
    hook: 'output',
    in: null,
    out: asked,
    ...(to === 'lo' ? {} : { routes: 'leave' as const }),
  },
  { hook: 'postrouting', in: null, out: to },
];
/** What comes over lo brings its route along. */
const home = (from: Device): Hop[] => [
  {
    hook: 'prerouting',
    in: from,
    out: null,
    ...(from === 'lo' ? {} : { routes: 'enter' as const }),
  },
  { hook: 'input', in: from, out: null },
];

/** @param returns the device that the answer comes in on. */
export function forwarded({ inDevice, outDevice }: Packet, returns = outDevice): Course {
  return {
    there: through(inDevice, outDevice),
    back: through(returns, inDevice),
  };
}

/** @param asked the device of the route to what was dialled: the socket keeps it, and OUTPUT sees it each time. */
export function fromHost({ outDevice }: Packet, asked: Device, returns = outDevice): Course {
  return { there: away(outDevice, asked), back: home(returns) };
}

/** Over lo both ways are the same. */
export function toHost({ inDevice }: Packet): Course {
  const loop = [...away('lo'), ...home('lo')];
  if (inDevice === 'lo') return { there: loop, back: loop };
  return { there: home(inDevice), back: away(inDevice) };
}

/** Frames between two ports of a bridge meet rules, and no routes. */
export function bridged({ inDevice, outDevice }: Packet): Course {
  const plain = (from: Device, to: Device): Hop[] =>
    through(from, to).map(({ hook, in: own, out }) => ({
      hook,
      in: own,
      out,
      bridged: true,
    }));
  return {
    there: plain(inDevice, outDevice),
    back: plain(outDevice, inDevice),
  };
}

/** A packet that follows the first one. */
interface Next {
  readonly turn: Exclude<Turn, 'first'>;
  readonly flags: number;
}

const { syn, ack, rst, psh } = FLAGS;

interface Tools {
  readonly walk: Walk;
  readonly router: Router;
}

/**
 * Takes the answer to a packet that has arrived, and the client's next one, through the rules.
 * @returns the end as it was with the way that the answer leaves by, or that one of them is lost.
 */
export function goOn(tools: Tools, packet: Packet, end: Journey, { there, back }: Course): Journey {
  if (!isAnswered(end)) return end;
  const tcp = packet.protocol === 'tcp';
  const state = carryOn(packet);
  if (end.end === 'refused') {
    const next = { turn: 'refusal', flags: tcp ? rst | ack : 0 } as const;
    const refusal = tcp ? state : { ...state, icmp: true };
    return follow({ ...tools, state: refusal, end, hops: back, next });
  }
  const next = { turn: 'answer', flags: tcp ? syn | ack : 0 } as const;
  const answer = follow({ ...tools, state, end, hops: back, next });
  // A datagram may be all that a client has to say.
  if (answer.end !== end.end || !tcp) return answer;
  const known = state.entry?.answered === true && !tools.walk.asksFlags;
  for (const turn of known ? (['later'] as const) : (['later', 'answer'] as const)) {
    const hops = turn === 'later' ? there : back;
    const send = (bits: number): Journey =>
      follow({ ...tools, state, end, hops, next: { turn, flags: bits } });
    const bare = send(ack);
    const pushed = known ? bare : send(psh | ack);
    if (pushed.end !== end.end) return pushed;
    if (bare.end !== end.end) return leaveOpen(bare);
  }
  return answer;
}

/** An acknowledgement that is lost does no harm where data that brings it along gets through. */
function leaveOpen(lost: Journey): Journey {
  const why = `${lost.why}, unless it carries data that is pushed`;
  return { ...lost, end: 'unknown', why, obstacles: [] };
}

/** What the packets that follow have in common with the first one, as it arrived. */
function carryOn(packet: Packet): Packet {
  const { destination, destinationPort, source } = packet;
  const expected = {
    source: destination,
    port: destinationPort,
    destination: source,
  };
  return { ...packet, expected };
}

interface Following extends Tools {
  /** Keeps what packets tell the connection: its mark and its entry. */
  readonly state: Packet;
  readonly end: Journey;
  readonly hops: readonly Hop[];
  readonly next: Next;
}

function follow(following: Following): Journey {
  const { walk, state, end, hops, next } = following;
  const { turn, flags } = next;
  const [written, meant] = turn === 'later' ? goThere(state) : comeBack(state);
  let packet: Packet = {
    ...{ ...state, ...written, turn, flags },
    ...{ mark: 0, tracking: 'none', zone: UNZONED },
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
    const crossed = hop.bridged && i === 0 ? walk.cross({ ...packet }) : null;
    const met = crossed ?? walk[hop.bridged ? 'runHook' : 'run'](hook, packet, true, meant);
    state.connectionMark = packet.connectionMark;
    state.entry = packet.entry;
    state.helped = packet.helped;
    state.offloaded ||= packet.offloaded;
    if (met.verdict !== 'accept') return loseToRule(following, met, hook);
    // What begins a connection of its own in the middle of this one is translated by itself.
    const anew = packet.dnat || packet.snat;
    if (
      (translated || anew) &&
      packet.tracking !== 'established' &&
      packet.tracking !== 'related'
    ) {
      return loseTranslation(end, packet, turn);
    }
    const routed = route(following, hop, packet);
    if (routed === null) continue;
    if ('end' in routed) return routed;
    leaves = routed.kind === 'device' ? routed : leaves;
  }
  return turn === 'later' ? end : { ...end, back: leaves };
}

type Leaving = Extract<Way, { kind: 'device' }>;

/** The way that the host chooses for a packet; null where it does not look, an end where the packet is lost. */
function route(
  { router, hops, end, next: { turn } }: Following,
  { routes }: Hop,
  packet: Packet,
): Way | Journey | null {
  if (!routes || !router.isKnown) return null;
  const way = routes === 'enter' ? router.enter(packet) : router.leave(packet);
  if (way.kind === 'stop') return lose(end, way.stop, turn);
  const stays = hops.every(({ out }) => out === null || out === 'lo');
  return stays === (way.kind === 'host') ? way : stray(end, stays, turn);
}

/** What the client sends: written to what it dialled, meant for who answers. */
function goThere({
  client,
  dialled,
  destination,
  destinationPort,
  source,
}: Packet): [Partial<Packet>, Meant] {
  return [
    {
      source: client,
      destination: dialled.address,
      destinationPort: dialled.port,
    },
    { destination: { destination, destinationPort }, source: { source } },
  ];
}

/** What the server sends: written to whom it saw, meant for the client, from what the client dialled. */
function comeBack({ client, dialled, destination, source }: Packet): [Partial<Packet>, Meant] {
  return [
    { source: destination, destination: source },
    {
      destination: { destination: client },
      source: { source: dialled.address },
    },
  ];
}

function nameTurn(turn: Next['turn']): string {
  return turn === 'later' ? 'what follows it' : 'its answer';
}

/** Routing loses it, and the client hears nothing of that. */
export function lose(end: Journey, stop: Stop, turn: Next['turn'] = 'answer'): Journey {
  return {
    ...{
      ...end,
      deciding: null,
      stop,
      end: stop.end === 'unknown' ? 'unknown' : 'dropped',
    },
    why: `${end.why}, but ${nameTurn(turn)} does not arrive: ${stop.why}`,
    obstacles: stop.obstacle === null ? [] : [stop.obstacle],
  };
}

function stray(end: Journey, stays: boolean, turn: Next['turn']): Journey {
  const why = stays
    ? `${nameTurn(turn)} would be routed on instead of to this host`
    : `${nameTurn(turn)} would be taken for this host`;
  return lose(end, { code: 'elsewhere', end: 'unknown', why, obstacle: null }, turn);
}

/** Conntrack does not know it, so nothing gives it back the addresses that the client knows. */
function loseTranslation(end: Journey, packet: Packet, turn: Next['turn']): Journey {
  const why = `connection tracking takes ${nameTurn(turn)} for ${packet.tracking}, so it does not come from where the client expects it`;
  return {
    ...{ ...end, end: 'dropped', deciding: null },
    ...{ why: `${end.why}, but ${why}`, obstacles: [why] },
  };
}

function loseToRule(
  { end, state, next: { turn } }: Following,
  { verdict, by, reset }: HookEnd,
  hook: Hook,
): Journey {
  const act = `${nameRule(by, hook)} ${verdict === 'reject' ? 'rejects' : 'drops'} ${nameTurn(turn)}`;
  if (state.offloaded) {
    return {
      ...{ ...end, end: 'unknown', deciding: by },
      why: `${end.why}; ${act}, unless the flow table forwards it before`,
      obstacles: [],
    };
  }
  // A reset ends the client's connection; in the middle of one, a message of ICMP does not.
  const told = turn === 'later' && verdict === 'reject' && reset;
  return {
    ...{ ...end, end: told ? 'refused' : 'dropped', deciding: by },
    ...{
      why: `${end.why}, but ${act} in ${hook.toUpperCase()}`,
      obstacles: [act],
    },
  };
}

function nameRule(by: RuleRef | null, hook: Hook): string {
  const place = by ? `chain ${by.chain.name} of table ${by.table.name}` : hook.toUpperCase();
  return by?.rule ? `the rule "${by.rule.text}" in ${place}` : `the policy of ${place}`;
}

/** Whether anything comes back at all that no rule of this host has made. */
function isAnswered({ end, deciding, stop }: Journey): boolean {
  if (end === 'answered') return true;
  const rejects = deciding?.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.do === 'reject',
  );
  return end === 'refused' && rejects !== true && !stop;
}

/** Where a rule has rejected a packet. */
export interface Rejection {
  readonly packet: Packet;
  readonly stop: HookEnd;
  /** As it is named in words. */
  readonly place: string;
}

/** The end of a packet that a rule stops: who is rejected learns of it only where the message gets through. */
export function stopPacket(walk: Walk, { packet, stop, place }: Rejection): Journey {
  const end = stopJourney(packet, stop, place);
  if (stop.verdict !== 'reject') return end;
  const { outDevice, inDevice, protocol } = packet;
  const loop = inDevice === null || inDevice === 'lo';
  const hops = loop ? [...away('lo'), ...home('lo')] : away(inDevice);
  const tracked = packet.tracking !== 'none' && packet.tracking !== 'untracked';
  const reset = stop.reset && protocol === 'tcp';
  let message: Packet = {
    ...{ ...packet, ...comeBack(packet)[0], expected: null },
    icmp: !reset,
    turn: 'refusal',
    flags: reset ? FLAGS.rst | FLAGS.ack : 0,
    mark: 0,
    tracking: tracked ? 'related' : 'invalid',
  };
  for (const hop of hops) {
    message = { ...message, inDevice: hop.in, outDevice: hop.out };
    const { verdict, by } = walk.run(hop.hook, message, false, comeBack(packet)[1]);
    if (verdict === 'accept') continue;
    const act = `${nameRule(by, hop.hook)} stops the message that says so`;
    Object.assign(packet, { inDevice, outDevice });
    return {
      ...{ ...end, end: 'dropped' },
      ...{ why: `${end.why}, but ${act}`, obstacles: [...end.obstacles, act] },
    };
  }
  return end;
}
