/** Lists the kernel functions that a connection's packets passed, and finds the hook that dropped one. */
import { isRequest } from '../../correlate/bytes.js';
import type { TracedConnection } from '../../correlate/connections.js';
import { packetKey, type Leg } from '../../correlate/leg.js';
import { formatEndpoint } from '../../model/address.js';
import type { DropEvent, FunctionEvent, NetfilterHook, TraceEvent } from '../../model/event.js';
import type { Connection } from '../../model/report.js';
import type { Places } from './places.js';

type Passed = NonNullable<Connection['functions']>;

/** Function events by packet. They are looked up only here and never assign a packet to a connection. */
export type FunctionIndex = ReadonlyMap<string, readonly FunctionEvent[]>;

/** Null where no function event was seen, as in every trace without function probes. */
export function indexFunctions(events: readonly TraceEvent[]): FunctionIndex | null {
  const index = new Map<string, FunctionEvent[]>();
  for (const event of events) {
    if (event.kind !== 'function' || event.skb === null) continue;
    const key = packetKey(event);
    const list = index.get(key);
    if (list) list.push(event);
    else index.set(key, [event]);
  }
  return index.size === 0 ? null : index;
}

/** Lists each function once per leg, direction and device, because retransmitted packets show nothing new. */
export function listFunctions(
  { leg, links }: Pick<TracedConnection, 'leg' | 'links'>,
  index: FunctionIndex,
  places: Places,
): Passed {
  const own = passedBy(leg, 'client', index, places);
  const beyond = links.flatMap(({ upstream }) => passedBy(upstream, 'container', index, places));
  return [...own, ...beyond].sort((a, b) => a.event - b.event);
}

function passedBy(
  leg: Leg,
  name: Passed[number]['leg'],
  index: FunctionIndex,
  places: Places,
): Passed {
  const told = new Map<string, Passed[number]>();
  for (const event of findFunctions(leg, index)) {
    const { namespace, ifindex, hook } = event;
    const place = {
      leg: name,
      flow: isRequest(leg, event) ? ('request' as const) : ('reply' as const),
      namespace: places.namespace(namespace),
      // A packet that a local process sends has no device yet.
      interface: ifindex === null || ifindex === 0 ? null : places.device(namespace, ifindex),
      function: event.function,
      hook,
    };
    const key = JSON.stringify(place);
    if (!told.has(key)) told.set(key, { event: event.id, ...place });
  }
  return [...told.values()];
}

/** Function events of a leg's packets, also matched by address, because datagrams have no sequence number. */
function findFunctions(leg: Leg, index: FunctionIndex): FunctionEvent[] {
  const keys = new Set<string>();
  const pairs = new Set<string>();
  const pair = (source: Leg['client'], destination: Leg['client']): string =>
    `${formatEndpoint(source)}|${formatEndpoint(destination)}`;
  if (leg.server) pairs.add(pair(leg.client, leg.server));
  for (const event of leg.events) {
    if (event.kind !== 'packet' && event.kind !== 'nat' && event.kind !== 'drop') continue;
    keys.add(packetKey(event));
    pairs.add(pair(event.source, event.destination));
  }
  const [first] = leg.events;
  const last = leg.events.at(-1);
  const from = (first?.time ?? 0) - SLACK;
  const to = (last?.time ?? 0) + SLACK;
  return [...keys]
    .flatMap((key) => index.get(key) ?? [])
    .filter(({ time }) => time >= from && time <= to)
    .filter(({ source, destination }) => pairs.has(pair(source, destination)));
}

/** Nanoseconds allowed before the first and after the last event of a leg: hooks run before the first device. */
const SLACK = 1_000_000_000;

/** The hook whose rules dropped this packet: that of the last function it entered; null if that was no hook. */
export function findDropHook(drop: DropEvent, index: FunctionIndex): NetfilterHook | null {
  if (drop.reason !== 'NETFILTER_DROP') return null;
  const before = (index.get(packetKey(drop)) ?? []).filter(({ time }) => time <= drop.time);
  return before.at(-1)?.hook ?? null;
}
