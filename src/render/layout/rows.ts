/** Drafts one row per packet, process action and relayed piece, before repeats are folded. */
import type { Connection, Hop } from '../../model/report.js';
import { elapsed, formatBytes } from '../../words/numbers.js';
import { printable } from '../text.js';
import type { LanePlan } from './lanes.js';
import { isOnDevice, legOf } from './order.js';
import { allHops, type Item, type Passage } from './packets.js';
import type { ArrowRow, DropMark, PointRow, RelayRow, Rewriting, Stop, Tone } from './scene.js';

/** A row, and what folding needs to know about it. */
export interface Draft {
  readonly row: ArrowRow | PointRow | RelayRow;
  /** Nanoseconds from the connection's first event to this row's last. */
  readonly end: number;
  readonly bytes: number;
  /** Rows of one category may be folded into one; null for a row that always stands alone. */
  readonly category: string | null;
  /** The name of the pieces in a folded row. */
  readonly unit: 'segment' | 'datagram' | 'ACK' | 'move';
}

/** Draws each item as a row. `start` is the time of the connection's first event. */
export function draftRows(
  connection: Connection,
  items: readonly Item[],
  plan: LanePlan,
  start: string,
): Draft[] {
  const spelledOut = new Set<string>();
  const context: Context = {
    connection,
    plan,
    since: (hop) => elapsed(start, hop.time),
    spelledOut,
  };
  return items.map((item) =>
    item.type === 'passage' ? draftArrow(item, context) : draftLone(item.hop, context),
  );
}

interface Context {
  readonly connection: Connection;
  readonly plan: LanePlan;
  readonly since: (hop: Hop) => number;
  /** Rewritings and drop reasons that earlier rows have spelled out. */
  readonly spelledOut: Set<string>;
}

function draftArrow(passage: Passage, context: Context): Draft {
  const { hops, drop } = passage;
  const seen = allHops(passage);
  const [first, last] = [seen[0] as Hop, seen.at(-1) as Hop];
  const stops = placeStops(hops, context.plan);
  const ends = findEnds(passage, stops, context.plan);
  const mark = drop ? placeDrop(drop, stops, context) : null;
  const rewritings = placeRewritings(passage, mark, ends.tail, context);
  const label = first.journey?.copyOf === undefined ? labelOf(first) : `${labelOf(first)} (copy)`;
  const row: ArrowRow = {
    type: 'arrow',
    time: context.since(first),
    flow: first.flow,
    tone: first.flags.includes('RST') ? 'reset' : first.flow,
    label,
    brief: label,
    title: printable(`${first.summary} · ${first.source} → ${first.destination}`),
    events: seen.map((hop) => hop.event),
    count: 1,
    stops,
    ...ends,
    rewritings,
    drop: mark,
    unlisted: findUnlisted(passage, ends, context.connection),
    took: stops.length > 1 ? passTime(first, hops.at(-1) as Hop) : null,
  };
  const special = drop !== null || ['SYN', 'FIN', 'RST'].some((flag) => first.flags.includes(flag));
  const kind = first.bytes > 0 ? 'data' : 'ack';
  return {
    row,
    end: context.since(last),
    bytes: first.bytes,
    category:
      special || rewritings.some((r) => r.spelledOut)
        ? null
        : `arrow ${legOf(first)} ${first.flow} ${kind}`,
    unit: context.connection.protocol === 'udp' ? 'datagram' : first.bytes > 0 ? 'segment' : 'ACK',
  };
}

/** `SYN ACK`, `14 B`, `FIN`, `RST`, `ACK`; the whole summary for anything else. */
function labelOf(hop: Hop): string {
  const named = ['SYN', 'FIN', 'RST'].filter((flag) => hop.flags.includes(flag));
  if (named.includes('SYN') && hop.flags.includes('ACK')) named.push('ACK');
  if (hop.bytes > 0) named.push(formatBytes(hop.bytes));
  if (named.length > 0) return named.join(' ');
  if (hop.flags.includes('ACK')) return 'ACK';
  return printable(hop.summary) || 'packet';
}

/** Null between two hosts: their clocks leave it open, and the facts of the connection tell its bounds. */
function passTime(from: Hop, to: Hop): number | null {
  return from.host === to.host ? elapsed(from.time, to.time) : null;
}

function placeStops(hops: readonly Hop[], plan: LanePlan): Stop[] {
  const stops: { lane: number; events: number[]; since: number | null }[] = [];
  hops.forEach((hop, i) => {
    const lane = plan.laneOf(hop);
    const open = stops.at(-1);
    const before = hops[i - 1];
    if (open?.lane === lane) open.events.push(hop.event);
    else
      stops.push({
        lane,
        events: [hop.event],
        since: before ? passTime(before, hop) : null,
      });
  });
  return stops;
}

function findEnds(
  { hops, drop }: Passage,
  stops: readonly Stop[],
  plan: LanePlan,
): { tail: number | null; head: number | null } {
  const [hop, first, last] = [hops[0], stops[0], stops.at(-1)];
  const span = hop ? plan.span(legOf(hop)) : null;
  if (!hop || !first || !last || !span) return { tail: null, head: null };
  const { near, far } = plan.endsOf(legOf(hop));
  const request = hop.flow === 'request';
  const sent = first.lane === (request ? span.first : span.last);
  const seen = last.lane === (request ? span.last : span.first);
  const way = hops.at(-1)?.journey;
  const goesOn = way !== undefined && way.passage < way.passages - 1;
  const arrived = drop === null && (way?.end === 'delivered' || (seen && !goesOn));
  const answers = request ? (plan.lanes[far]?.reached ?? false) : true;
  return {
    tail: sent ? (request ? near : far) : null,
    head: arrived && answers ? (request ? far : near) : null,
  };
}

/** Whether the packet passed places before its first stop, or after its last, that the report does not list. */
function findUnlisted(
  { hops, drop }: Passage,
  { tail, head }: { readonly tail: number | null; readonly head: number | null },
  { unlistedLegs = [] }: Connection,
): ArrowRow['unlisted'] {
  const [first, last] = [hops[0]?.journey, hops.at(-1)?.journey];
  const before = tail === null && first !== undefined && first.passage > 0;
  const [hop] = hops;
  if (head !== null || drop !== null || !hop || !last) return { before, after: false };
  const mayGoOn = last.end === 'unknown' && unlistedLegs.includes(legOf(hop));
  return { before, after: mayGoOn || last.passage < last.passages - 1 };
}

function placeRewritings(
  { hops, drop }: Passage,
  mark: DropMark | null,
  tail: number | null,
  context: Context,
): Rewriting[] {
  const found: Rewriting[] = [];
  let after = tail;
  const add = (hop: Hop, lane: number, behind: boolean): void => {
    for (const rewriting of [hop.rewrite, hop.secondRewrite]) {
      if (!rewriting) continue;
      const { hook, field, from, to } = rewriting;
      const key = JSON.stringify([hook, field, from, to]);
      const spelledOut = !context.spelledOut.has(key);
      context.spelledOut.add(key);
      const [before, now] = [printable(from), printable(to)];
      found.push({ after, lane, behind, hook, field, before, now, spelledOut });
    }
  };
  for (const hop of hops) {
    const lane = context.plan.laneOf(hop);
    add(hop, lane, false);
    after = lane;
  }
  if (drop && mark) add(drop, mark.lane, mark.behind);
  return found;
}

/** Meanings of the most common drop reasons of the kernel. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['NO_SOCKET', 'nothing listens'],
  ['NETFILTER_DROP', 'a firewall rule'],
  ['SOCKET_FILTER', 'a socket filter'],
  ['TCP_RESET', 'a reset'],
  ['PKT_TOO_BIG', 'larger than the MTU of its way'],
]);

function placeDrop(hop: Hop, stops: readonly Stop[], context: Context): DropMark {
  const { plan, spelledOut, connection } = context;
  const last = stops.at(-1)?.lane;
  const lane = isOnDevice(hop) ? plan.laneOf(hop) : (last ?? plan.laneOf(hop));
  const reason = tellReason(hop.drop, connection.stall?.mtu ?? null);
  const key = `drop ${reason}`;
  const isNew = !spelledOut.has(key);
  spelledOut.add(key);
  return { event: hop.event, lane, behind: last === lane, reason, spelledOut: isNew };
}

/** @param mtu MTU that a packet exceeded, in bytes; null if it is not known, or no packet was too big */
function tellReason(drop: Hop['drop'], mtu: number | null): string {
  if (!drop) return 'no reason given';
  const told = printable(`${drop.reason} at ${drop.function}`);
  const meaning =
    drop.reason === 'PKT_TOO_BIG' && mtu !== null ? `MTU ${mtu}` : MEANINGS.get(drop.reason);
  return meaning === undefined ? told : `${told} (${meaning})`;
}

function draftLone(hop: Hop, context: Context): Draft {
  const { plan, since } = context;
  const base = {
    time: since(hop),
    flow: hop.flow,
    title: printable(`${hop.summary} · ${hop.source} → ${hop.destination}`),
    events: [hop.event],
    count: 1,
    lane: plan.laneOf(hop),
  };
  if (hop.kind === 'relay') {
    const row: RelayRow = {
      ...base,
      type: 'relay',
      tone: 'relay',
      label: relayLabel(hop),
      brief: formatBytes(hop.bytes),
      bytes: hop.bytes,
    };
    return {
      row,
      end: row.time,
      bytes: hop.bytes,
      category: `relay ${hop.relayNumber ?? 1} ${hop.flow}`,
      unit: 'move',
    };
  }
  const { label, brief } = nameAct(hop);
  const row: PointRow = { ...base, type: 'point', tone: toneOf(hop), label, brief };
  return { row, end: row.time, bytes: 0, category: null, unit: 'move' };
}

function nameAct(hop: Hop): { label: string; brief: string } {
  if (hop.kind === 'reset') return { label: 'sends RST', brief: 'RST' };
  if (hop.kind === 'retransmit') return { label: 'retransmit', brief: 'retransmit' };
  const { act } = hop;
  if (!act) return { label: printable(hop.summary) || hop.kind, brief: hop.kind };
  const bytes = act.what === 'receive' ? ` ${hop.bytes} B` : '';
  const descriptor = act.descriptor === null ? '' : `, fd ${act.descriptor}`;
  return { label: `${act.what}${bytes}${descriptor}`, brief: act.what };
}

function toneOf(hop: Hop): Tone {
  return hop.kind === 'reset' || hop.kind === 'retransmit' ? hop.kind : 'process';
}

function relayLabel(hop: Hop): string {
  const bytes = formatBytes(hop.bytes);
  return hop.flow === 'request' ? `${bytes} in → ${bytes} out` : `${bytes} out ← ${bytes} in`;
}
