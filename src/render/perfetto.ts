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
  const known = hops.filter(({ kind, journey }) => kind === 'packet' && journey !== undefined);
  const ways = [...Map.groupBy(known, ({ journey }) => journey?.id).values()];
  return ways
    .filter((way) => way.length > 1)
    .flatMap((way) =>
      way.map((hop, index): TraceEvent => {
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

/** Numbers namespaces (`pid`) and devices (`tid`) from 1, as the format requires, in the order of the report. */
class Places {
  readonly #namespaces: string[];
  /** Each as `[namespace, device]`. */
  readonly #devices: string[];

  constructor({ places, connections }: Report) {
    const hops = connections.flatMap((connection) => connection.hops);
    const names = [...places, ...hops].map(({ namespace }) => namespace);
    this.#namespaces = [...new Set(names)];
    this.#devices = [...new Set(hops.map(keyOf))];
  }

  of(hop: Hop): { readonly pid: number; readonly tid: number } {
    return { pid: this.#number(hop.namespace), tid: this.#devices.indexOf(keyOf(hop)) + 1 };
  }

  names(): TraceEvent[] {
    const name = (text: string): object => ({ args: { name: printable(text) } });
    return [
      ...this.#namespaces.map((namespace): TraceEvent => {
        return {
          name: 'process_name',
          ph: 'M',
          pid: this.#number(namespace),
          tid: 0,
          ...name(namespace),
        };
      }),
      ...this.#devices.map((key, index): TraceEvent => {
        const [namespace, device] = JSON.parse(key) as [string, string];
        return {
          name: 'thread_name',
          ph: 'M',
          pid: this.#number(namespace),
          tid: index + 1,
          ...name(device),
        };
      }),
    ];
  }

  #number(namespace: string): number {
    return this.#namespaces.indexOf(namespace) + 1;
  }
}

function keyOf({ namespace, interface: device }: Hop): string {
  return JSON.stringify([namespace, device]);
}
