/** What follows the first packet: rules and routes that let a request through may stop the answer to it, or what comes after. */
import type { Hook } from '../../model/rules.js';
import type { Journey } from './ends.js';
import type { Packet } from './packet.js';
import type { Router, Way } from './routing/router.js';
import type { Stop } from './routing/stops.js';
import type { Walk } from './walk.js';

type Device = Packet['inDevice'];

/** A hook that a packet passes, between two devices. */
interface Hop {
  readonly hook: Hook;
  readonly in: Device;
  readonly out: Device;
  /** The host looks up the route after this hook. */
  readonly routes?: 'enter' | 'leave';
}

/** The hooks of a connection, there and back. */
export interface Course {
  readonly there: readonly Hop[];
  readonly back: readonly Hop[];
}

const through = (from: Device, to: Device): Hop[] => [
  { hook: 'prerouting', in: from, out: null, routes: 'enter' },
  { hook: 'forward', in: from, out: to },
  { hook: 'postrouting', in: null, out: to },
];
const away = (to: Device): Hop[] => [
  { hook: 'output', in: null, out: to, ...(to === 'lo' ? {} : { routes: 'leave' as const }) },
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
  return { there: through(inDevice, outDevice), back: through(returns, inDevice) };
}

export function fromHost({ outDevice }: Packet, returns = outDevice): Course {
  return { there: away(outDevice), back: home(returns) };
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
    through(from, to).map(({ hook, in: own, out }) => ({ hook, in: own, out }));
  return { there: plain(inDevice, outDevice), back: plain(outDevice, inDevice) };
}

/**
 * Takes the answer to a packet that has arrived, and the client's next one, through the rules.
 * @returns the end as it was with the way that the answer leaves by, or that one of them is lost.
 */
export function goOn(
  tools: { readonly walk: Walk; readonly router: Router },
  packet: Packet,
  end: Journey,
  { there, back }: Course,
): Journey {
  if (!isAnswered(packet, end) || packet.untracked) return end;
  const refused = end.end === 'refused';
  const answer = follow(tools, packet, end, { hops: back, turn: refused ? 'refusal' : 'answer' });
  // A datagram may be all that a client has to say.
  if (answer.end !== end.end || refused || packet.protocol === 'udp') return answer;
  const later = follow(tools, packet, end, { hops: there, turn: 'later' });
  return later.end === end.end ? answer : later;
}

interface Leg {
  readonly hops: readonly Hop[];
  readonly turn: Exclude<Packet['turn'], 'first'>;
}

function follow(
  { walk, router }: { readonly walk: Walk; readonly router: Router },
  packet: Packet,
  end: Journey,
  { hops, turn }: Leg,
): Journey {
  const base: Packet = { ...packet, mark: 0, turn };
  let leaves: Extract<Way, { kind: 'device' }> | null = null;
  for (const { hook, in: inDevice, out, routes } of hops) {
    const early = hook === 'prerouting' || hook === 'output';
    const [written, meant]: [Partial<Packet>, Partial<Packet>] =
      turn === 'later'
        ? [
            {
              source: packet.client,
              destination: packet.dialled.address,
              destinationPort: packet.dialled.port,
            },
            { destination: packet.destination, destinationPort: packet.destinationPort },
          ]
        : [
            { source: packet.destination, destination: packet.source },
            { destination: packet.client },
          ];
    const outDevice: Device = out === null ? null : (leaves?.device ?? out);
    const next: Packet = { ...base, ...written, ...(early ? {} : meant), inDevice, outDevice };
    const { verdict, by } = walk.run(hook, next, false, early ? meant : null);
    // Marks of the connection that one packet sets the next one has.
    packet.connectionMark = next.connectionMark;
    base.connectionMark = next.connectionMark;
    base.mark = next.mark;
    if (verdict !== 'accept') {
      const place = by ? `chain ${by.chain.name} of table ${by.table.name}` : hook.toUpperCase();
      const what = by?.rule ? `the rule "${by.rule.text}" in ${place}` : `the policy of ${place}`;
      const act = `${what} ${verdict === 'reject' ? 'rejects' : 'drops'} ${nameTurn(turn)}`;
      // A client in the middle of a conversation may or may not take ICMP's word for its end.
      const told = turn === 'later' && verdict === 'reject';
      return {
        ...{ ...end, end: told ? 'unknown' : 'dropped', deciding: by },
        ...{ why: `${end.why}, but ${act} in ${hook.toUpperCase()}`, obstacles: [act] },
      };
    }
    if (!routes || !router.isKnown) continue;
    const routed = { ...next, ...meant };
    const way = routes === 'enter' ? router.enter(routed) : router.leave(routed);
    if (way.kind === 'stop') return lose(end, way.stop, turn);
    if (way.kind === 'device') leaves = way;
    const stays = hops.every((hop) => hop.out === null || hop.out === 'lo');
    if (stays !== (way.kind === 'host')) return stray(end, stays, turn);
  }
  return turn === 'later' ? end : { ...end, back: leaves };
}

function nameTurn(turn: Leg['turn']): string {
  return turn === 'later' ? 'what follows it' : 'its answer';
}

/** Routing loses it, and the client hears nothing of that. */
export function lose(end: Journey, stop: Stop, turn: Leg['turn'] = 'answer'): Journey {
  return {
    ...{ ...end, deciding: null, stop, end: stop.end === 'unknown' ? 'unknown' : 'dropped' },
    why: `${end.why}, but ${nameTurn(turn)} does not arrive: ${stop.why}`,
    obstacles: stop.obstacle === null ? [] : [stop.obstacle],
  };
}

function stray(end: Journey, stays: boolean, turn: Leg['turn']): Journey {
  const why = stays
    ? `${nameTurn(turn)} would be routed on instead of to this host`
    : `${nameTurn(turn)} would be taken for this host`;
  return lose(end, { code: 'elsewhere', end: 'unknown', why, obstacle: null }, turn);
}

/** Whether anything comes back at all that no rule of this host has made: a refusal of UDP is ICMP's. */
function isAnswered({ protocol }: Packet, { end, deciding, stop }: Journey): boolean {
  if (end === 'answered') return true;
  const rejects = deciding?.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.do === 'reject',
  );
  return end === 'refused' && protocol === 'tcp' && rejects !== true && !stop;
}
