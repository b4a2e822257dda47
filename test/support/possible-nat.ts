/** Checks rewritings in a report against that packet's conntrack entry or, for a capture, against its addresses. */
import { formatEndpoint, sameEndpoint } from '../../src/model/address.js';
import type {
  ConntrackView,
  DropEvent,
  NatEvent,
  PacketEvent,
  TraceEvent,
} from '../../src/model/event.js';
import type { Hop } from '../../src/model/report.js';
import type { Shown } from './possible.js';

type Sight = PacketEvent | DropEvent | NatEvent;
type Told = NonNullable<Hop['rewrite']>;

export function listFalseRewritings(shown: Shown): string[] {
  return [...shown.connection.hops.flatMap((hop) => checkHop(hop, shown)), ...listMissing(shown)];
}

function checkHop(hop: Hop, shown: Shown): string[] {
  const event = sightOf(shown.eventOf.get(hop.event));
  return [hop.rewrite, hop.secondRewrite].flatMap((told) => {
    if (!told) return [];
    const what = `event ${hop.event}: ${told.hook} ${told.field} ${told.from} → ${told.to}`;
    if (event === null) return [`${what}, and it is no packet`];
    const problems: string[] = [];
    const view = event.conntrack ?? readNat(shown);
    if (view === null) return [`${what}, and nothing translates it`];
    const [from, to] = stepOf(view, hop.flow, told.field);
    if (from !== told.from || to !== told.to) problems.push(`${what}, but ${from} → ${to}`);
    if (hop[told.field] !== told.to) problems.push(`${what}, but it bears ${hop[told.field]}`);
    if ((told.hook === 'reply') !== (hop.flow === 'reply') && event.kind !== 'nat') {
      problems.push(`${what}, on a ${hop.flow}`);
    }
    problems.push(...checkBefore(hop, told, shown).map((problem) => `${what}, ${problem}`));
    return problems;
  });
}

/** From what to what the entry takes this end in this direction. */
function stepOf(
  { original, reply }: Pick<ConntrackView, 'original' | 'reply'>,
  flow: Hop['flow'],
  field: Told['field'],
): [string, string] {
  const other = field === 'source' ? 'destination' : 'source';
  const [before, after] = flow === 'request' ? [original, reply] : [reply, original];
  return [formatEndpoint(before[field]), formatEndpoint(after[other])];
}

/** The place before showed the old address: of a live packet its skb's last, of a captured one its journey's. */
function checkBefore(hop: Hop, told: Told, { connection, eventOf }: Shown): string[] {
  const before = connection.hops.findLast(
    (one) => one.journey?.id === hop.journey?.id && isBefore(one, hop),
  );
  if (!before) {
    const first = (hop.journey?.passage ?? 0) === 0 && hop.kind === 'packet';
    return first && told.hook === 'PREROUTING' ? ['at once'] : [];
  }
  if (before[told.field] !== told.from) return [`but it bore ${before[told.field]} before`];
  const [a, b] = [sightOf(eventOf.get(before.event)), sightOf(eventOf.get(hop.event))];
  if (!a || !b) return ['out of nothing'];
  if (a.seq !== b.seq || a.flags !== b.flags || a.skb !== b.skb) return ['between two packets'];
  if (a.kind === 'packet' && b.kind === 'packet' && a.ack !== b.ack) return ['of another packet'];
  const [one, two] = [wireOf(a), wireOf(b)];
  if (!one || !two) return [];
  const alike = one.ipId === two.ipId && one.timestamp === two.timestamp;
  return alike && one.ttl >= two.ttl ? [] : ['but no router made it so'];
}

function isBefore(one: Hop, hop: Hop): boolean {
  return (one.journey?.passage ?? 0) === (hop.journey?.passage ?? 0) - 1;
}

/** Packets that the entry says were translated by the time that they are seen, on whose way nothing is marked. */
function listMissing({ connection, eventOf, trace }: Shown): string[] {
  const marked = new Set(
    connection.hops.flatMap(({ rewrite, journey }) => (rewrite && journey ? [journey.id] : [])),
  );
  return connection.hops.flatMap((hop) => {
    const event = sightOf(eventOf.get(hop.event));
    if (hop.kind !== 'drop' || event?.conntrack == null || !hop.journey) return [];
    if (hop.flow !== 'request' || event.namespace !== trace.header.topology.host) return [];
    const { original, reply } = event.conntrack;
    const moved = !sameEndpoint(original.destination, reply.source);
    const translated = moved && sameEndpoint(event.destination, reply.source);
    const copied = hop.journey.copyOf !== undefined;
    if (!translated || copied || marked.has(hop.journey.id) || !connection.nat?.hook) return [];
    return [`event ${hop.event}: the rewriting before the drop is not told`];
  });
}

/** A capture has no entries: its connection's addresses on both sides. */
function readNat({ connection }: Shown): Pick<ConntrackView, 'original' | 'reply'> | null {
  if (!connection.nat) return null;
  const [original, reply] = [connection.nat.original, connection.nat.reply].map((tuple) => {
    const [source = '', destination = ''] = tuple.split(' → ');
    return { source: parse(source), destination: parse(destination) };
  });
  return original && reply ? { original, reply } : null;
}

function parse(text: string): { address: string; port: number } {
  const at = text.lastIndexOf(':');
  return { address: text.slice(0, at).replace(/[[\]]/g, ''), port: Number(text.slice(at + 1)) };
}

function wireOf(event: Sight): PacketEvent['wire'] {
  return event.kind === 'packet' ? event.wire : undefined;
}

function sightOf(event: TraceEvent | undefined): Sight | null {
  const isSight = event?.kind === 'packet' || event?.kind === 'drop' || event?.kind === 'nat';
  return isSight ? event : null;
}
