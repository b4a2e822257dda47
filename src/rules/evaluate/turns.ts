/** What follows the first packet: rules that let a request through may stop the answer to it, or all that comes after. */
import type { Hook } from '../../model/rules.js';
import type { Journey } from './ends.js';
import type { Packet } from './packet.js';
import type { Walk } from './walk.js';

type Device = Packet['inDevice'];

/** A hook that a packet passes, between two devices. */
interface Hop {
  readonly hook: Hook;
  readonly in: Device;
  readonly out: Device;
}

/** The hooks of a connection, there and back. */
export interface Course {
  readonly there: readonly Hop[];
  readonly back: readonly Hop[];
}

const through = (from: Device, to: Device): Hop[] => [
  { hook: 'prerouting', in: from, out: null },
  { hook: 'forward', in: from, out: to },
  { hook: 'postrouting', in: null, out: to },
];
const away = (to: Device): Hop[] => [
  { hook: 'output', in: null, out: to },
  { hook: 'postrouting', in: null, out: to },
];
const home = (from: Device): Hop[] => [
  { hook: 'prerouting', in: from, out: null },
  { hook: 'input', in: from, out: null },
];

export function forwarded({ inDevice, outDevice }: Packet): Course {
  return { there: through(inDevice, outDevice), back: through(outDevice, inDevice) };
}

export function fromHost({ outDevice }: Packet): Course {
  return { there: away(outDevice), back: home(outDevice) };
}

/** Over lo both ways are the same. */
export function toHost({ inDevice }: Packet): Course {
  const loop = [...away('lo'), ...home('lo')];
  if (inDevice === 'lo') return { there: loop, back: loop };
  return { there: home(inDevice), back: away(inDevice) };
}

/**
 * Takes the answer to a packet that has arrived, and the client's next one, through the rules.
 * @returns the end as it was, or that one of them is lost.
 */
export function goOn(walk: Walk, packet: Packet, end: Journey, { there, back }: Course): Journey {
  if (!isAnswered(packet, end) || packet.untracked) return end;
  const refused = end.end === 'refused';
  const lost = follow(walk, packet, end, back, refused ? 'refusal' : 'answer');
  // A datagram may be all that a client has to say.
  if (lost !== null || refused || packet.protocol === 'udp') return lost ?? end;
  return follow(walk, packet, end, there, 'later') ?? end;
}

function follow(
  walk: Walk,
  packet: Packet,
  end: Journey,
  hops: readonly Hop[],
  turn: Exclude<Packet['turn'], 'first'>,
): Journey | null {
  const base: Packet = { ...packet, mark: 0, turn };
  for (const { hook, in: inDevice, out: outDevice } of hops) {
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
    const next: Packet = { ...base, ...written, ...(early ? {} : meant), inDevice, outDevice };
    const { verdict, by } = walk.run(hook, next, false, early ? meant : null);
    // Marks of the connection that one packet sets the next one has.
    packet.connectionMark = next.connectionMark;
    base.connectionMark = next.connectionMark;
    base.mark = next.mark;
    if (verdict === 'accept') continue;
    const place = by ? `chain ${by.chain.name} of table ${by.table.name}` : hook.toUpperCase();
    const what = by?.rule ? `the rule "${by.rule.text}" in ${place}` : `the policy of ${place}`;
    const whose = turn === 'later' ? 'what follows it' : 'its answer';
    const act = `${what} ${verdict === 'reject' ? 'rejects' : 'drops'} ${whose}`;
    // A client in the middle of a conversation may or may not take ICMP's word for its end.
    const told = turn === 'later' && verdict === 'reject';
    return {
      ...{ ...end, end: told ? 'unknown' : 'dropped', deciding: by },
      ...{ why: `${end.why}, but ${act} in ${hook.toUpperCase()}`, obstacles: [act] },
    };
  }
  return null;
}

/** Whether anything comes back at all that no rule of this host has made: a refusal of UDP is ICMP's. */
function isAnswered({ protocol }: Packet, { end, deciding }: Journey): boolean {
  if (end === 'answered') return true;
  const rejects = deciding?.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.do === 'reject',
  );
  return end === 'refused' && protocol === 'tcp' && rejects !== true;
}
