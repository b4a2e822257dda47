/** Plays packets past the devices of a capture: what the sender marks each with, what a router takes off, clocks apart. */
import type { WireFacts } from '../../src/model/conversation.js';
import { TCP, type PacketEvent } from '../../src/model/event.js';
import { CLIENT, CONTAINER, HOST, PUBLISHED } from './journey-places.js';

export interface CapturedWorld {
  readonly packets: readonly {
    readonly request: boolean;
    readonly seq: number;
    readonly length: number;
    /** Devices that it comes to. */
    readonly places: number;
  }[];
  /** What the senders mark their packets with: IPv4's identification, or TCP's timestamp alone (IPv6). */
  readonly marks: 'identification' | 'timestamp' | 'none';
  readonly directed: boolean;
  readonly turns: readonly number[];
  /** Nanoseconds by which the clock of the second file differs. */
  readonly skew: number;
}

type Captured = PacketEvent & { readonly wire: WireFacts };

interface Place {
  readonly ifindex: number;
  readonly file: number;
  readonly direction: 'in' | 'out';
  readonly behind: boolean;
}

/** Outside of the host, and, in a file of its own, behind it. */
const THERE: readonly Place[] = [
  { ifindex: 3, file: 0, direction: 'in', behind: false },
  { ifindex: 4, file: 1, direction: 'out', behind: true },
  { ifindex: 5, file: 1, direction: 'out', behind: true },
];
const BACK: readonly Place[] = [
  { ifindex: 5, file: 1, direction: 'in', behind: true },
  { ifindex: 4, file: 1, direction: 'in', behind: true },
  { ifindex: 3, file: 0, direction: 'out', behind: false },
];

interface Runner {
  readonly packet: CapturedWorld['packets'][number];
  readonly way: readonly Place[];
  readonly seen: Captured[];
  readonly mark: number;
  at: number;
}

/** Truth: the events of each packet, in the order of its way. */
export function playWire(world: CapturedWorld): {
  events: Captured[];
  truth: { events: number[] }[];
} {
  const runners: Runner[] = [];
  const all: Captured[] = [];
  const waiting = world.packets.map((packet, i): Runner => ({
    packet,
    way: packet.request ? THERE : BACK,
    seen: [],
    mark: i + 1,
    at: 0,
  }));
  const order = [...waiting];
  let time = 0;
  for (let step = 0; waiting.length > 0 || runners.length > 0; step++) {
    const turn = world.turns[step % world.turns.length] ?? 0;
    if (waiting.length > 0 && (runners.length === 0 || turn < 3))
      runners.push(waiting.shift() as Runner);
    const runner = runners[turn % runners.length] as Runner;
    const place = runner.way[runner.at];
    if (place === undefined || runner.at >= runner.packet.places) {
      runners.splice(runners.indexOf(runner), 1);
      continue;
    }
    time += 1000;
    const event = capture(world, runner, place, time + (place.file === 1 ? world.skew : 0));
    runner.seen.push(event);
    all.push(event);
    runner.at += 1;
  }
  // Numbers are given in order of time, as reading gives them.
  const sorted = [...all].sort((a, b) => a.time - b.time);
  const numbers = new Map(sorted.map((event, i) => [event, i + 1]));
  const number = (event: Captured): number => numbers.get(event) ?? 0;
  return {
    events: sorted.map((event) => ({ ...event, id: number(event) })),
    truth: order.flatMap(({ seen }) => (seen.length > 0 ? [{ events: seen.map(number) }] : [])),
  };
}

function capture(
  { marks, directed }: CapturedWorld,
  { packet, mark }: Runner,
  { ifindex, file, direction, behind }: Place,
  time: number,
): Captured {
  const { request, seq, length } = packet;
  const server = behind ? CONTAINER : PUBLISHED;
  const [source, destination] = request ? [CLIENT, server] : [server, CLIENT];
  return {
    ...({
      kind: 'packet',
      id: 0,
      protocol: 'tcp',
      namespace: HOST,
      skb: null,
      socket: null,
    } as const),
    time,
    ifindex,
    direction,
    source,
    destination,
    seq,
    length,
    conntrack: null,
    ack: 1,
    flags: TCP.ACK,
    wire: {
      conversation: behind ? 2 : 1,
      file,
      directed,
      digest: length > 0 ? seq : null,
      ttl: request === behind ? 63 : 64,
      ipId: marks === 'identification' ? mark : null,
      timestamp: marks === 'timestamp' ? mark : null,
      hardware: null,
    },
  };
}
