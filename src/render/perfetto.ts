/** Renders a trace for Perfetto and Chrome's viewer (trace event JSON): namespaces are processes, devices threads. */
import type { Connection, Hop, Report } from '../model/report.js';
import { printable } from './text.js';

interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M' | 's' | 't' | 'f';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly [field: string]: unknown;
}

/** Length of a drawn hop in microseconds: a slice without length is not visible and carries no arrow. */
const MOMENT = 1;

/** The report's hops as slices, with an arrow along each packet's way. Times are microseconds since the first hop. */
export function renderPerfetto(report: Report): string {
  const places = new Places(report);
  const first = report.connections
    .flatMap(({ hops }) => hops.map(({ time }) => BigInt(time)))
    .reduce<bigint | null>((least, time) => (least === null || time < least ? time : least), null);
  const at = ({ time }: Hop): number => Number(BigInt(time) - (first ?? 0n)) / 1000;
  const slices = report.connections.flatMap((connection) =>
    connection.hops.map((hop) => drawHop(hop, connection, places, at(hop))),
  );
  const arrows = report.connections.flatMap((connection) => drawWays(connection, places, at));
  return `${JSON.stringify({
    displayTimeUnit: 'ns',
    otherData: {
      verdict: `${report.verdict.path} (${report.verdict.proof})`,
      reason: printable(report.verdict.reason),
      begins: `${first ?? 0} ns since 1970`,
    },
    traceEvents: [...places.names(), ...slices, ...arrows],
  })}\n`;
}

function drawHop(hop: Hop, connection: Connection, places: Places, ts: number): TraceEvent {
  const { event, source, destination, leg, flow, skb, rewrite, process } = hop;
  return {
    name: printable(hop.summary),
    ph: 'X',
    ts,
    dur: MOMENT,
    ...places.of(hop),
    cat: hop.kind,
    args: {
      event,
      connection: connection.id,
      path: connection.path,
      source,
      destination,
      leg,
      flow,
      direction: hop.direction,
      skb,
      ...(rewrite && { rewrite: `${rewrite.hook}: ${rewrite.from} → ${rewrite.to}` }),
      ...(process && { process: printable(`${process.command} (pid ${process.pid})`) }),
    },
  };
}

/** One arrow per packet, along the devices that it passed. */
function drawWays(
  { id, hops }: Connection,
  places: Places,
  at: (hop: Hop) => number,
): TraceEvent[] {
  const ways = new Map<number, Hop[]>();
  for (const hop of hops) {
    if (hop.kind !== 'packet' || hop.journey === undefined) continue;
    const way = ways.get(hop.journey.id);
    if (way) way.push(hop);
    else ways.set(hop.journey.id, [hop]);
  }
  return [...ways.values()].flatMap((way) =>
    way.length < 2
      ? []
      : way.map((hop, index): TraceEvent => {
          const last = index === way.length - 1;
          return {
            name: 'packet',
            cat: 'packet',
            id: `${id}-${way[0]?.event ?? 0}`,
            ph: index === 0 ? 's' : last ? 'f' : 't',
            ts: at(hop),
            ...places.of(hop),
            ...(last && { bp: 'e' }),
          };
        }),
  );
}

/** Numbers namespaces (`pid`) and devices (`tid`), as the format requires, in the order of the report. */
class Places {
  readonly #namespaces: string[];
  readonly #devices: string[];

  constructor({ places, connections }: Report) {
    const hops = connections.flatMap((connection) => connection.hops);
    this.#namespaces = unique([
      ...places.map(({ namespace }) => namespace),
      ...hops.map(({ namespace }) => namespace),
    ]);
    this.#devices = unique(hops.map(nameDevice));
  }

  of(hop: Hop): { readonly pid: number; readonly tid: number } {
    return {
      pid: this.#namespaces.indexOf(hop.namespace) + 1,
      tid: this.#devices.indexOf(nameDevice(hop)) + 1,
    };
  }

  names(): TraceEvent[] {
    const namespaces = this.#namespaces.map((name, index): TraceEvent => {
      return {
        name: 'process_name',
        ph: 'M',
        pid: index + 1,
        tid: 0,
        args: { name: printable(name) },
      };
    });
    const devices = this.#devices.map((key, index): TraceEvent => {
      const [namespace = '', device = ''] = key.split('\0');
      const pid = this.#namespaces.indexOf(namespace) + 1;
      return {
        name: 'thread_name',
        ph: 'M',
        pid,
        tid: index + 1,
        args: { name: printable(device) },
      };
    });
    return [...namespaces, ...devices];
  }
}

function nameDevice({ namespace, interface: device }: Hop): string {
  return `${namespace}\0${device}`;
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
