/** Gives every connection the rules that its first packets met, on its own leg and on its relay's. */
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import type { Connection } from '../../model/report.js';
import type { RuleTrace } from '../../model/rule-trace.js';

type Met = NonNullable<Connection['rules']>;

/** Milliseconds by which the clocks of both traces may differ. */
const TOLERANCE = 50;

/** Returns the connections with `rules`: those that the first packet with each pair of addresses met. Pure. */
export function attributeRules(
  connections: readonly Connection[],
  traces: readonly RuleTrace[],
): Connection[] {
  const met = new Map<Connection, Own>(
    connections.map((one) => [one, { rules: [], seen: new Set(), stops: new Map() }]),
  );
  for (const trace of traces) {
    const found = findOwner(connections, trace);
    const own = found && met.get(found.connection);
    if (!own) continue;
    const { leg } = found;
    const last = trace.met.at(-1);
    // On loopback a packet passes the rules twice: the rule that dropped it may come the second time.
    if (last?.verdict === 'drop' && last.rule !== null) own.stops.set(leg, last.rule);
    // A retransmitted packet shows nothing new.
    const key = JSON.stringify([leg, trace.source, trace.destination]);
    if (own.seen.has(key)) continue;
    own.seen.add(key);
    own.rules.push(...trace.met.map((rule) => ({ leg, ...rule })));
  }
  return connections.map((one) => {
    const { rules = [], stops } = met.get(one) ?? {};
    const rule = one.end.rule ?? (stops && nameStop(one, stops));
    return { ...one, end: { ...one.end, rule: rule ?? null }, rules };
  });
}

type LegName = Met[number]['leg'];

interface Own {
  readonly rules: Met;
  readonly seen: Set<string>;
  /** The rule that dropped a first packet, by the leg of the packet. */
  readonly stops: Map<LegName, string>;
}

/** The rule that ended the connection at its first packet; rules that drop later packets are not traced. */
function nameStop(
  { end, outcome, drop }: Connection,
  stops: ReadonlyMap<LegName, string>,
): string | null {
  if (end.by !== 'host' || (end.cause !== 'rejected' && end.cause !== 'filtered')) return null;
  if (outcome === 'refused') return stops.get('client') ?? null;
  const first = drop?.packet === 'SYN' || drop?.packet === 'datagram';
  if (outcome !== 'dropped' || !first || drop.flow !== 'request') return null;
  return stops.get(drop.leg ?? 'client') ?? null;
}

/** The latest connection with these addresses that had begun by then, because ports are reused. */
function findOwner(
  connections: readonly Connection[],
  trace: RuleTrace,
): { connection: Connection; leg: 'client' | 'container' } | null {
  let owner: { connection: Connection; leg: 'client' | 'container' } | null = null;
  let latest = -Infinity;
  for (const connection of connections) {
    const leg = legOf(connection, trace);
    const start = startOf(connection);
    if (leg === null || start > trace.wall + TOLERANCE || start <= latest) continue;
    owner = { connection, leg };
    latest = start;
  }
  return owner;
}

function legOf(connection: Connection, trace: RuleTrace): 'client' | 'container' | null {
  const { protocol, client, server, container, relay, relays = [] } = connection;
  if (protocol !== trace.protocol) return null;
  const is = (a: Endpoint | null | undefined, b: Endpoint): boolean => !!a && sameEndpoint(a, b);
  const { source, destination } = trace;
  if (is(client, source) && (is(server, destination) || is(container, destination))) {
    return 'client';
  }
  return [relay, ...relays].some((one) => is(one?.client, source)) ? 'container' : null;
}

/** Wall-clock milliseconds of its first hop. */
function startOf({ hops }: Connection): number {
  return Number(BigInt(hops[0]?.time ?? '0') / 1_000_000n);
}
