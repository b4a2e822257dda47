/** Rows: one drawable row per packet, process action and relayed piece, before repeats are folded. */
import type { Connection, Hop } from '../../model/report.js';
import { elapsed, formatBytes } from '../format.js';
import { printable } from '../text.js';
import type { LanePlan } from './lanes.js';
import { isOnDevice } from './order.js';
import { allHops, type Item, type Passage } from './packets.js';
import type { ArrowRow, DropMark, PointRow, RelayRow, Rewriting, Stop, Tone } from './scene.js';

/** A row with what folding must know about it. */
export interface Draft {
  readonly row: ArrowRow | PointRow | RelayRow;
  /** Nanoseconds since the first event of the connection at the last event of this row. */
  readonly end: number;
  readonly bytes: number;
  /** Rows of one category may be folded into one; null: this row always stands alone. */
  readonly category: string | null;
  /** What a folded row calls its pieces. */
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
  /** Rewritings and drop reasons that an earlier row spelled out already. */
  readonly spelledOut: Set<string>;
}

function draftArrow(passage: Passage, context: Context): Draft {
  const { hops, drop } = passage;
  const seen = allHops(passage);
  const [first, last] = [seen[0] as Hop, seen.at(-1) as Hop];
  const stops = placeStops(hops, context.plan);
  const ends = findEnds(passage, stops, context.plan);
  const rewritings = placeRewritings(hops, ends.tail, context);
  const label = labelOf(first);
  const row: ArrowRow = {
    type: 'arrow',
    time: context.since(first),
    leg: first.leg,
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
    drop: drop ? placeDrop(drop, stops, context) : null,
    took: stops.length > 1 ? elapsed(first.time, (hops.at(-1) as Hop).time) : null,
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
        : `arrow ${first.leg} ${first.flow} ${kind}`,
    unit: context.connection.protocol === 'udp' ? 'datagram' : first.bytes > 0 ? 'segment' : 'ACK',
  };
}

/** `SYN ACK`, `14 B`, `FIN`, `RST`, `ACK`; the summary's first words for anything else. */
function labelOf(hop: Hop): string {
  const named = ['SYN', 'FIN', 'RST'].filter((flag) => hop.flags.includes(flag));
  if (named.includes('SYN') && hop.flags.includes('ACK')) named.push('ACK');
  if (hop.bytes > 0) named.push(formatBytes(hop.bytes));
  if (named.length > 0) return named.join(' ');
  if (hop.flags.includes('ACK')) return 'ACK';
  return printable(hop.summary) || 'packet';
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
        since: before ? elapsed(before.time, hop.time) : null,
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
  const span = hop ? plan.span(hop.leg) : null;
  if (!hop || !first || !last || !span) return { tail: null, head: null };
  const near = hop.leg === 'client' ? plan.client : (plan.relay ?? plan.client);
  const far = hop.leg === 'client' && plan.relay !== null ? plan.relay : plan.server;
  const request = hop.flow === 'request';
  const sent = first.lane === (request ? span.first : span.last);
  const arrived = drop === null && last.lane === (request ? span.last : span.first);
  const answers = request ? (plan.lanes[far]?.reached ?? false) : true;
  return {
    tail: sent ? (request ? near : far) : null,
    head: arrived && answers ? (request ? far : near) : null,
  };
}

function placeRewritings(hops: readonly Hop[], tail: number | null, context: Context): Rewriting[] {
  const found: Rewriting[] = [];
  hops.forEach((hop, i) => {
    const before = hops[i - 1];
    for (const rewriting of [hop.rewrite, hop.secondRewrite]) {
      if (!rewriting) continue;
      const { hook, field, from, to } = rewriting;
      const key = JSON.stringify([hook, field, from, to]);
      found.push({
        after: before ? context.plan.laneOf(before) : tail,
        lane: context.plan.laneOf(hop),
        hook,
        field,
        before: printable(from),
        now: printable(to),
        spelledOut: !context.spelledOut.has(key),
      });
      context.spelledOut.add(key);
    }
  });
  return found;
}

/** What the commonest drop reasons of the kernel mean. */
const MEANINGS: Readonly<Record<string, string>> = {
  NO_SOCKET: 'nothing listens',
  NETFILTER_DROP: 'a firewall rule',
  SOCKET_FILTER: 'a socket filter',
  TCP_RESET: 'a reset',
};

function placeDrop(hop: Hop, stops: readonly Stop[], { plan, spelledOut }: Context): DropMark {
  const last = stops.at(-1)?.lane;
  const lane = isOnDevice(hop) ? plan.laneOf(hop) : (last ?? plan.laneOf(hop));
  const said = printable(hop.summary).replace(/^.*\bdropped\b:?\s*(by\s+)?/i, '');
  const meaning = MEANINGS[/^\w+/.exec(said)?.[0] ?? ''];
  const reason = (meaning ? `${said} (${meaning})` : said) || 'no reason given';
  const key = `drop ${reason}`;
  const isNew = !spelledOut.has(key);
  spelledOut.add(key);
  return { event: hop.event, lane, behind: last === lane, reason, spelledOut: isNew };
}

function draftLone(hop: Hop, context: Context): Draft {
  const { plan, since } = context;
  const base = {
    time: since(hop),
    leg: hop.leg,
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
      category: `relay ${hop.flow} ${relayVerb(hop)}`,
      unit: 'move',
    };
  }
  const { label, brief } = nameAct(hop);
  const row: PointRow = { ...base, type: 'point', tone: toneOf(hop), label, brief };
  return { row, end: row.time, bytes: 0, category: null, unit: 'move' };
}

function nameAct(hop: Hop): { label: string; brief: string } {
  if (hop.kind === 'reset') return { label: 'sends RST', brief: 'RST' };
  const label = printable(hop.summary).replace(/\bdescriptor\b/, 'fd') || hop.kind;
  return { label, brief: label.split(/[, ]/)[0] ?? label };
}

function toneOf(hop: Hop): Tone {
  return hop.kind === 'reset' || hop.kind === 'retransmit' ? hop.kind : 'process';
}

/** Splice shows both sockets in one event; a relay that reads and writes shows one socket at a time. */
function relayVerb(hop: Hop): 'moved' | 'read' | 'wrote' {
  if (/^(read|recv)/.test(hop.summary)) return 'read';
  return /^(write|send)/.test(hop.summary) ? 'wrote' : 'moved';
}

function relayLabel(hop: Hop): string {
  const bytes = formatBytes(hop.bytes);
  const verb = relayVerb(hop);
  if (verb !== 'moved') return `${verb} ${bytes}`;
  return hop.flow === 'request' ? `${bytes} in → ${bytes} out` : `${bytes} out ← ${bytes} in`;
}
