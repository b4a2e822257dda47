/** Reads the lines that the probe programs print; the header of each .bt file describes its own. */
import { addressFromBytes, type Endpoint } from '../../model/address.js';
import {
  NETFILTER_HOOKS,
  TCP_STATE,
  type ConntrackView,
  type TraceEvent,
} from '../../model/event.js';
import { describeCall, nameAside } from './asides.js';
import { hex, isHex, NAMED_LINES, NUMBERS, splitFields, unescapeCommand } from './line-fields.js';
import { bytesOf, bytesOfIpv4 } from './map-keys.js';
import { readSums } from './sums.js';

/** An event before it has its place in the order of the trace. */
export type Unnumbered<E = TraceEvent> = E extends TraceEvent ? Omit<E, 'id'> : never;

export type Line =
  | { readonly kind: 'event'; readonly event: Unnumbered }
  /** BEGIN and END of the program, in nanoseconds of the kernel's clock. */
  | { readonly kind: 'begin' | 'end'; readonly clock: bigint }
  | { readonly kind: 'lost'; readonly count: number }
  /** A map that is printed at the end: exact counts of what was not printed. */
  | {
      readonly kind: 'map';
      readonly map: string;
      readonly keys: readonly bigint[];
      readonly value: bigint;
    }
  /** bpftrace's own talk, such as `Attaching 20 probes...`. */
  | { readonly kind: 'other'; readonly text: string };

export interface LineReader {
  read(line: string): Line;
}

export interface LineReaderOptions {
  /** Drop reasons of this kernel by number. */
  readonly dropReasons: ReadonlyMap<number, string>;
  readonly littleEndian: boolean;
}

/** Field counts of the packet part, shared by P, D, N, K and R lines: time to payload. */
const PACKET_FIELDS = 17;
/** Fields of the lines of one socket beyond those that all have. */
const EXTRA_FIELDS = { A: 0, S: 1, Z: 8, T: 0 } as const;
/** Fields of a conntrack entry: its address, its status, two tuples. */
const CONNTRACK_FIELDS = 22;

/**
 * A reader for one run of one program. Times of its events are nanoseconds since the program's BEGIN, so that
 * they stay exact in a double however long the machine has been up.
 */
export function createLineReader(options: LineReaderOptions): LineReader {
  let base: bigint | null = null;
  const addresses = new Map<string, string>();

  const time = (hex: string): number => Number(BigInt(`0x${hex}`) - (base ?? 0n));

  /** Cached, since a trace has few addresses and many packets. */
  const address = (wordBytes: 4 | 8, words: readonly string[], family: 4 | 6): string => {
    const key = `${family}:${words.join(':')}`;
    let text = addresses.get(key);
    if (text === undefined) {
      const bytes = words.flatMap((word) => bytesOf(word, wordBytes, options.littleEndian));
      text = addressFromBytes(
        family === 4 ? bytesOfIpv4(bytes, wordBytes, options.littleEndian) : bytes,
      );
      if (addresses.size > 10_000) addresses.clear();
      addresses.set(key, text);
    }
    return text;
  };

  const packet = (f: readonly string[], at: number) => {
    const family = f[at + 6] === '6' ? 6 : 4;
    const protocol = f[at + 5] === '11' ? ('udp' as const) : ('tcp' as const);
    const namespace = hex(f[at + 1]);
    const ifindex = hex(f[at + 2]);
    return {
      time: time(f[at] ?? ''),
      // What a socket has received has no place any more, and what one sends has no device yet.
      namespace: namespace === 0 ? null : namespace,
      ifindex: namespace === 0 || ifindex === 0 ? null : ifindex,
      skb: f[at + 3] ?? null,
      socket: f[at + 4] === '0' ? null : (f[at + 4] ?? null),
      protocol,
      source: { address: address(8, f.slice(at + 7, at + 9), family), port: hex(f[at + 9]) },
      destination: {
        address: address(8, f.slice(at + 10, at + 12), family),
        port: hex(f[at + 12]),
      },
      seq: hex(f[at + 13]),
      ack: hex(f[at + 14]),
      flags: hex(f[at + 15]),
      length: hex(f[at + 16]),
    };
  };

  const conntrack = (f: readonly string[], at: number, family: 4 | 6): ConntrackView => {
    const end = (from: number): Endpoint => ({
      address: address(4, f.slice(from, from + 4), family),
      port: hex(f[from + 4]),
    });
    return {
      id: f[at] ?? '',
      status: hex(f[at + 1]),
      original: { source: end(at + 2), destination: end(at + 7) },
      reply: { source: end(at + 12), destination: end(at + 17) },
    };
  };

  const socketEnds = (
    f: readonly string[],
    at: number,
  ): { socket: string; local: Endpoint; remote: Endpoint } => ({
    socket: f[at] ?? '',
    local: { address: address(4, f.slice(at + 1, at + 5), 6), port: hex(f[at + 5]) },
    remote: { address: address(4, f.slice(at + 6, at + 10), 6), port: hex(f[at + 10]) },
  });

  const event = (f: readonly string[]): Unnumbered | null => {
    switch (f[0]) {
      case 'P': {
        const bare = f.length === PACKET_FIELDS + 2;
        if (!bare && f.length !== PACKET_FIELDS + 2 + CONNTRACK_FIELDS) return null;
        const direction = f[1];
        if (direction !== 'in' && direction !== 'out') return null;
        const family = f[8] === '6' ? 6 : 4;
        return {
          kind: 'packet',
          ...packet(f, 2),
          direction,
          conntrack: bare ? null : conntrack(f, PACKET_FIELDS + 2, family),
        };
      }
      case 'D': {
        const bare = f.length === PACKET_FIELDS + 4;
        if (!bare && f.length !== PACKET_FIELDS + 4 + CONNTRACK_FIELDS) return null;
        const mtu = hex(f[PACKET_FIELDS + 1]);
        const code = hex(f[PACKET_FIELDS + 2]);
        return {
          kind: 'drop',
          ...packet(f, 1),
          mtu: mtu === 0 ? null : mtu,
          reason: options.dropReasons.get(code) ?? `reason ${code}`,
          function: (f.at(-1) ?? '').replace(/\+\d+$/, ''),
          conntrack: bare ? null : conntrack(f, PACKET_FIELDS + 3, f[7] === '6' ? 6 : 4),
        };
      }
      case 'N': {
        if (f.length !== PACKET_FIELDS + 4 + CONNTRACK_FIELDS) return null;
        const view = conntrack(f, PACKET_FIELDS + 4, f[10] === '6' ? 6 : 4);
        // What an end becomes is the opposite end of the entry's other direction.
        const other = hex(f[3]) === 0 ? view.reply : view.original;
        const source = hex(f[2]) === 0;
        return {
          kind: 'nat',
          ...packet(f, 4),
          hook: NETFILTER_HOOKS[hex(f[1])] ?? null,
          field: source ? 'source' : 'destination',
          becomes: source ? other.destination : other.source,
          conntrack: view,
        };
      }
      case 'K':
        if (f.length !== PACKET_FIELDS + 3) return null;
        return {
          kind: 'function',
          ...packet(f, 2),
          hook: NETFILTER_HOOKS[hex(f[1])] ?? null,
          function: f.at(-1) ?? '',
        };
      case 'R':
        if (f.length !== PACKET_FIELDS + 1) return null;
        return { kind: 'reset', ...packet(f, 1) };
      case 'A':
      case 'S':
      case 'Z':
      case 'T': {
        const extra = EXTRA_FIELDS[f[0]];
        if (f.length !== 18 + extra) return null;
        const common = {
          time: time(f[1] ?? ''),
          namespace: hex(f[2]),
          pid: hex(f[3]),
          tid: hex(f[4]),
          command: unescapeCommand(f[17 + extra] ?? ''),
          ...socketEnds(f, 6),
        };
        if (f[0] === 'A') return { kind: 'accept', ...common, fd: hex(f[5]) };
        if (f[0] === 'S') return { kind: 'state', ...common, from: hex(f[5]), to: hex(f[17]) };
        if (f[0] === 'Z') {
          return {
            kind: 'state',
            ...common,
            from: hex(f[5]),
            to: TCP_STATE.CLOSE,
            sums: readSums(f.slice(17, 25).map(hex)),
          };
        }
        const { namespace, socket, local, remote } = common;
        return {
          kind: 'retransmit',
          time: common.time,
          namespace,
          socket,
          local,
          remote,
          state: hex(f[5]),
        };
      }
      case 'M':
        if (f.length !== 32) return null;
        return {
          kind: 'move',
          time: time(f[1] ?? ''),
          pid: hex(f[2]),
          tid: hex(f[3]),
          fds: [hex(f[4]), hex(f[5])],
          bytes: hex(f[6]),
          total: hex(f[7]),
          calls: hex(f[8]),
          from: socketEnds(f, 9),
          to: socketEnds(f, 20),
          command: unescapeCommand(f[31] ?? ''),
        };
      case 'Y':
        if (f.length !== 27 || !/^[rw]$/.test(f[1] ?? '')) return null;
        return {
          kind: 'copy',
          operation: f[1] === 'r' ? 'read' : 'write',
          time: time(f[2] ?? ''),
          namespace: hex(f[3]),
          pid: hex(f[4]),
          tid: hex(f[5]),
          fd: hex(f[6]),
          bytes: hex(f[7]),
          total: hex(f[8]),
          calls: hex(f[9]),
          protocol: f[10] === '2' ? 'udp' : 'tcp',
          buffer: f[11] ?? '',
          mark: hex(f[12]),
          tail: hex(f[13]),
          life: hex(f[14]),
          ...socketEnds(f, 15),
          command: unescapeCommand(f[26] ?? ''),
        };
      case 'O': {
        const what = nameAside(hex(f[6]));
        if (f.length !== 22 || what === null || !/^[rw]$/.test(f[1] ?? '')) return null;
        const { socket, local, remote } = socketEnds(
          ['', '', ...f.slice(9, 10), ...f.slice(11)],
          2,
        );
        return {
          kind: 'aside',
          what,
          operation: f[1] === 'r' ? 'read' : 'write',
          time: time(f[2] ?? ''),
          pid: hex(f[3]),
          tid: hex(f[4]),
          fd: hex(f[5]),
          bytes: hex(f[7]),
          calls: hex(f[8]),
          object: socket,
          peer: f[10] ?? '0',
          local: what === 'socket' ? local : null,
          remote: what === 'socket' ? remote : null,
          command: unescapeCommand(f[21] ?? ''),
        };
      }
      case 'Q': {
        const what = nameAside(hex(f[4]));
        if (f.length !== 7 || what === null) return null;
        const task = { pid: hex(f[2]), tid: hex(f[3]), command: unescapeCommand(f[6] ?? '') };
        return { ...describeCall(what, task, hex(f[5])), time: time(f[1] ?? '') };
      }
      case 'F':
        if (f.length !== 5) return null;
        return {
          kind: 'fork',
          time: time(f[1] ?? ''),
          pid: hex(f[2]),
          child: hex(f[3]),
          command: unescapeCommand(f[4] ?? ''),
        };
      default:
        return null;
    }
  };

  return {
    read(line) {
      const mark = line.slice(0, line.indexOf(' '));
      const fields = splitFields(line, NAMED_LINES.get(mark));
      if (numbersAreHex(fields)) {
        if ((mark === 'B' || mark === 'E') && fields.length === 2) {
          const clock = BigInt(`0x${fields[1]}`);
          if (mark === 'B') base ??= clock;
          return { kind: mark === 'B' ? 'begin' : 'end', clock };
        }
        const parsed = event(fields);
        if (parsed) return { kind: 'event', event: parsed };
      }
      // On stdout up to bpftrace 0.23, a warning on stderr since.
      const lost = /^(?:WARNING: )?Lost (\d+) events?$/.exec(line);
      if (lost) return { kind: 'lost', count: Number(lost[1]) };
      const map = /^@(\w+)(?:\[(-?\d+(?:, ?-?\d+)*)\])?: (-?\d+)$/.exec(line);
      if (map) {
        const keys = (map[2]?.split(',') ?? []).map((key) =>
          BigInt.asUintN(64, BigInt(key.trim())),
        );
        return { kind: 'map', map: map[1] ?? '', keys, value: BigInt(map[3] ?? '0') };
      }
      return { kind: 'other', text: line };
    },
  };
}

/** True for a line with a known letter whose numbers are numbers. */
function numbersAreHex(fields: readonly string[]): boolean {
  const range = NUMBERS.get(fields[0] ?? '');
  return range !== undefined && fields.slice(...range).every(isHex);
}
