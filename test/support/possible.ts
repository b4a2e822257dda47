/** Checks that everything that a report and its pictures say is possible by the trace or by the set-up behind it. */
import type { PacketFields, TraceEvent } from '../../src/model/event.js';
import type { Connection, Hop, Report } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { layOut } from '../../src/render/layout/layout.js';
import type { ArrowRow, Ladder, Row } from '../../src/render/layout/scene.js';
import { listFalseMoves } from './possible-moves.js';
import { listFalseRewritings } from './possible-nat.js';

export interface Shown {
  readonly connection: Connection;
  readonly hopOf: ReadonlyMap<number, Hop>;
  /** Events of the trace by their numbers. */
  readonly eventOf: ReadonlyMap<number, TraceEvent>;
  readonly trace: Trace;
}

/** One sentence for each thing that cannot be; empty when all that is drawn is true. */
export function listImpossible(report: Report, trace: Trace): string[] {
  const eventOf = new Map(trace.events.map((event) => [event.id, event]));
  const scene = layOut(report, { panels: report.connections.length });
  return report.connections.flatMap((connection) => {
    const hopOf = new Map(connection.hops.map((hop) => [hop.event, hop]));
    const shown = { connection, hopOf, eventOf, trace };
    const panel = scene.panels.find(({ id }) => id === connection.id);
    return [
      ...listFalseRewritings(shown),
      ...listFalseDrops(shown),
      ...listFalseMoves(shown),
      ...(panel?.ladder.rows.flatMap((row) => checkRow(row, panel.ladder, shown)) ?? []),
    ].map((problem) => `#${connection.id}: ${problem}`);
  });
}

function listFalseDrops({ connection, eventOf }: Shown): string[] {
  return connection.hops.flatMap(({ event, kind, drop }) => {
    if (kind !== 'drop') return drop ? [`event ${event} is told to be a drop`] : [];
    const seen = eventOf.get(event);
    const same = seen?.kind === 'drop' && seen.reason === drop?.reason;
    return same && seen.function === drop?.function ? [] : [`event ${event} is no such drop`];
  });
}

function checkRow(row: Row, ladder: Ladder, shown: Shown): string[] {
  if (row.type === 'remark') return [];
  const wrong = row.events.filter((event) => !shown.hopOf.has(event));
  const problems = wrong.map((event) => `row ${row.label} has event ${event}, which is no hop`);
  if (row.type === 'arrow') problems.push(...checkArrow(row, shown));
  if (row.type === 'relay') {
    const lane = ladder.lanes[row.lane];
    if (lane?.kind !== 'relay') problems.push(`a move stands at ${lane?.name ?? 'no lane'}`);
  }
  return problems;
}

/** One row is one packet, that passes each place once and ends where it did. */
function checkArrow(row: ArrowRow, { hopOf, eventOf }: Shown): string[] {
  const problems: string[] = [];
  const hops = row.events.flatMap((event) => hopOf.get(event) ?? []);
  const name = `the packet of event ${row.events[0] ?? 0}`;
  if (row.count === 1) {
    const packets = row.events.flatMap((event) => packetOf(eventOf.get(event)) ?? []);
    if (!packets.every((packet) => isOnePacket(packet, packets[0]))) {
      problems.push(`${name} is several`);
    }
    const places = hops
      .filter(({ kind }) => kind === 'packet')
      .map((hop) => [hop.namespace, hop.interface, hop.direction].join(' '));
    if (new Set(places).size < places.length && hops[0]?.skb) {
      problems.push(`${name} passes a place twice`);
    }
  }
  const drops = hops.filter(({ kind }) => kind === 'drop');
  if ((row.drop === null) !== (drops.length === 0))
    problems.push(`${name} is not drawn as it ended`);
  if (row.drop && row.head !== null) problems.push(`${name} was dropped and arrived`);
  const last = hops.at(-1)?.journey;
  const open = row.head === null && row.drop === null && !row.unlisted.after;
  if (open && last && last.passage < last.passages - 1) problems.push(`${name} ends too early`);
  for (const { hook, field, before, now } of row.rewritings) {
    const told = hops.flatMap(({ rewrite, secondRewrite }) => [rewrite, secondRewrite]);
    const isTold = told.some(
      (one) => one?.hook === hook && one.field === field && one.from === before && one.to === now,
    );
    if (!isTold) problems.push(`${name}: the rewriting to ${now} is no hop's`);
  }
  return problems;
}

function packetOf(event: TraceEvent | undefined): PacketFields | null {
  const isPacket = event?.kind === 'packet' || event?.kind === 'drop' || event?.kind === 'nat';
  return isPacket ? event : null;
}

/** But for segments that the receiver's device put behind it. */
function isOnePacket(a: PacketFields, b: PacketFields | undefined): boolean {
  return a.protocol === b?.protocol && a.seq === b.seq && a.ack === b.ack && a.flags === b.flags;
}
