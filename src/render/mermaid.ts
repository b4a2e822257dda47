/** Renders the report as a Mermaid sequence diagram: packets are messages, the devices on their way participants. */
import type { Report } from '../model/report.js';
import { joinHeadline } from '../words/headline.js';
import { formatDuration, formatEvents, formatStop } from '../words/numbers.js';
import { layOut } from './layout/layout.js';
import type { ArrowRow, Panel, RemarkRow, Rewriting, Row, Scene } from './layout/scene.js';
import { tellOutcome } from './signs.js';
import { shorten } from './text.js';

/** Diagrams with more connections are too large to read. */
const MAX_PANELS = 3;
const LONGEST_NAME = 40;
const LONGEST_TEXT = 160;

interface Participant {
  readonly key: string;
  readonly group: string;
  readonly name: string;
}

/** A `sequenceDiagram` that Mermaid renders, ending in a newline. */
export function renderMermaid(report: Report): string {
  const scene = layOut(report, { panels: MAX_PANELS });
  const named = scene.panels.map(nameLanes);
  const order = gather(named.reduce(mergeParticipants, []));
  const ids = new Map(order.map(({ key }, i) => [key, `p${i + 1}`]));
  const bodies = scene.panels.flatMap((panel, i) => {
    const lane = (index: number): string => ids.get(named[i]?.[index]?.key ?? '') ?? 'p1';
    return drawPanel(panel, lane, scene);
  });
  const all = spanOf(order.map(({ key }) => ids.get(key) ?? 'p1'));
  const hidden = scene.connections - scene.panels.length;
  const untold = `${hidden} of ${scene.connections} connections not drawn`;
  const lines = [
    'sequenceDiagram',
    `  title ${escapeText(`${scene.headline.subject}: ${joinHeadline(scene.headline)}`)}`,
    ...declare(order, ids),
    ...(order.length === 0 ? ['  participant p1 as nothing seen'] : []),
    ...(scene.reason === '' ? [] : [`  Note over ${all}: ${escapeText(scene.reason)}`]),
    ...bodies,
    ...(hidden > 0 ? [`  Note over ${all}: ${untold}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Equal places of several connections share one participant; a place that a connection passes twice gets two. */
function nameLanes({ ladder }: Panel): Participant[] {
  const seen = new Map<string, number>();
  return ladder.lanes.map((lane, i) => {
    const group = ladder.groups.find(({ from, to }) => from <= i && i <= to)?.name ?? '';
    const detail = lane.kind === 'process' || lane.kind === 'relay' ? ` (${lane.detail})` : '';
    const name = lane.detail === '' ? lane.name : lane.name + detail;
    const place = JSON.stringify([group, name, lane.kind]);
    const times = (seen.get(place) ?? 0) + 1;
    seen.set(place, times);
    return { key: `${place} ${times}`, group, name };
  });
}

/** Adds the participants of the next connection: each behind those before it, or before those behind it. */
function mergeParticipants(order: Participant[], next: readonly Participant[]): Participant[] {
  const merged = [...order];
  const keysOf = (some: readonly Participant[]): Set<string> => new Set(some.map(({ key }) => key));
  next.forEach((participant, i) => {
    if (merged.some(({ key }) => key === participant.key)) return;
    const before = keysOf(next.slice(0, i));
    const behind = keysOf(next.slice(i + 1));
    const last = merged.findLastIndex(({ key }) => before.has(key));
    const first = merged.findIndex(({ key }) => behind.has(key));
    merged.splice(last >= 0 || first < 0 ? last + 1 : first, 0, participant);
  });
  return merged;
}

/** Puts the participants of each namespace side by side, in the order in which namespaces are first passed. */
function gather(order: readonly Participant[]): Participant[] {
  return listGroups(order).flatMap((name) => order.filter(({ group }) => group === name));
}

function listGroups(order: readonly Participant[]): string[] {
  return [...new Set(order.map(({ group }) => group))];
}

/** Declares the participants, in one box per namespace. */
function declare(order: readonly Participant[], ids: ReadonlyMap<string, string>): string[] {
  return listGroups(order).flatMap((box) => [
    `  box transparent ${escapeName(box)}`,
    ...order
      .filter(({ group }) => group === box)
      .map(({ key, name }) => `    participant ${ids.get(key) ?? 'p1'} as ${escapeName(name)}`),
    '  end',
  ]);
}

function spanOf(ids: readonly string[]): string {
  const sorted = [...ids].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  const [first, last] = [sorted[0] ?? 'p1', sorted.at(-1) ?? 'p1'];
  return first === last ? first : `${first},${last}`;
}

function drawPanel(panel: Panel, lane: (index: number) => string, scene: Scene): string[] {
  const all = spanOf(panel.ladder.lanes.map((_, i) => lane(i)));
  const heading = `#${panel.id} ${panel.route.join(' → ')}`;
  const verdict = scene.connections > 1 ? `${panel.path} (${panel.proof}), ` : '';
  return [
    `  Note over ${all}: ${escapeText(`${heading} · ${verdict}${tellOutcome(panel.outcome)}`)}`,
    ...panel.ladder.rows.flatMap((row) => drawRow(row, lane, all)),
  ];
}

function drawRow(row: Row, lane: (index: number) => string, all: string): string[] {
  if (row.type === 'remark') return [`  Note over ${all}: ${escapeText(row.text)}`];
  if (row.type === 'arrow') return drawArrow(row, lane);
  const text = `${numberOf(row)} ${row.label}`;
  return [`  Note over ${lane(row.lane)}: ${escapeText(text)}`];
}

/** The event numbers of a row; for a row of many packets only the first. */
function numberOf({ events, count }: Exclude<Row, RemarkRow>): string {
  return count > 1 ? formatStop(events, count) : formatEvents(events);
}

function drawArrow(row: ArrowRow, lane: (index: number) => string): string[] {
  const stops = row.stops.map((stop) => stop.lane);
  const from = row.tail ?? stops[0] ?? row.drop?.lane ?? 0;
  const lastSeen = row.head ?? stops.at(-1) ?? from;
  const beyond = row.drop?.lane ?? lastSeen;
  const took = row.took === null ? '' : ` · ${formatDuration(row.took)}`;
  const { before, after } = row.unlisted;
  const more = before || after ? ', further places not listed' : '';
  const text = `${numberOf(row)} ${row.label}${took}${more}`;
  const arrow = row.drop ? '-x' : row.flow === 'request' ? '->>' : '-->>';
  const message =
    from === beyond
      ? `  Note over ${lane(from)}: ${escapeText(text)}`
      : `  ${lane(from)}${arrow}${lane(beyond)}: ${escapeText(text)}`;
  const drop = row.drop?.spelledOut
    ? [`  Note over ${lane(row.drop.lane)}: dropped<br/>${escapeText(row.drop.reason)}`]
    : [];
  return [
    message,
    ...row.rewritings
      .filter(({ spelledOut }) => spelledOut)
      .map((rewriting) => drawRewriting(rewriting, lane)),
    ...drop,
  ];
}

/** Breaks the note into short lines, because it is only as wide as the two lanes that it covers. */
function drawRewriting(rewriting: Rewriting, lane: (index: number) => string): string {
  const { after, hook, field, before, now } = rewriting;
  const between = [after ?? rewriting.lane, rewriting.lane].map(lane);
  const lines = [`${hook} ${field}`, `${before} →`, now].map(escapeText);
  return `  Note over ${spanOf(between)}: ${lines.join('<br/>')}`;
}

/** Escapes the name of a participant or a box, so that nothing in it is syntax. */
function escapeName(name: string): string {
  return encode(shorten(name, LONGEST_NAME), /[^A-Za-z0-9 ._()/-]/gu).trim() || '-';
}

/** Escapes text after a colon, which may hold colons, brackets and arrows. */
function escapeText(text: string): string {
  return encode(shorten(text, LONGEST_TEXT), /[^A-Za-z0-9 ._()/:,[\]→←–…·µ-]/gu).trim() || '-';
}

/** Writes unsafe characters as `#NUMBER;`, the escape that Mermaid knows. */
function encode(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, (character) => `#${character.codePointAt(0) ?? 63};`);
}
