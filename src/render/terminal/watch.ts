/** Draws connections as they come, a line each, for `--watch`. */
import type { Connection } from '../../model/report.js';
import { formatDuration } from '../../words/numbers.js';
import { routeOf } from '../layout/panel.js';
import { padEnd, padStart, shorten, widthOf } from '../text.js';
import { createPaint, type Paint, type Role } from './paint.js';

/** The room on the screen, in characters. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

const WIDTH = { id: 6, path: 12, proof: 12, outcome: 10, latency: 8 } as const;
/** Narrower screens leave the proof out; the report has it. */
const PROOF_FROM = 76;

/** The latest connections, oldest first, in at most `rows` lines, none wider than `columns`. */
export function renderWatch(connections: readonly Connection[], screen: Screen): string[] {
  const { columns, rows, color } = screen;
  if (connections.length === 0 || rows < 2) return [];
  const paint = createPaint(color);
  const room = rows - 1;
  const hidden = Math.max(0, connections.length - room);
  const head = [
    '',
    'path',
    'proof',
    'outcome',
    'latency',
    hidden > 0 ? `${hidden} above` : 'route',
  ];
  return [
    paint(
      'dim',
      drawRow(head, columns, (_, text) => text),
    ),
    ...connections.slice(hidden).map((connection) => drawConnection(connection, columns, paint)),
  ];
}

/** One connection as a line for a log: nothing is cut, nothing has a colour. */
export function renderWatchLine(connection: Connection): string {
  return drawConnection(connection, Infinity, createPaint(false));
}

function drawConnection(connection: Connection, columns: number, paint: Paint): string {
  const { id, path, proof, outcome, timing } = connection;
  const took = timing.firstReply ?? timing.connect;
  const roles: Record<string, Role> = {
    [proof]: proof === 'proven' ? 'good' : 'unsure',
    [outcome]: outcome === 'answered' ? 'plain' : 'bad',
  };
  const cells = [`#${id}`, path, proof, outcome, took === null ? '' : formatDuration(took)];
  return drawRow([...cells, routeOf(connection).join(' → ')], columns, (cell, text) =>
    paint(roles[cell] ?? 'plain', text),
  );
}

/** `dress` gets a cell's text, and the same text padded to the cell's width. */
function drawRow(
  [id = '', path = '', proof = '', outcome = '', latency = '', route = '']: readonly string[],
  columns: number,
  dress: (cell: string, text: string) => string,
): string {
  const fixed: [string, string][] = [
    [id, padStart(id, WIDTH.id)],
    [path, padEnd(path, WIDTH.path)],
    ...(columns >= PROOF_FROM ? [[proof, padEnd(proof, WIDTH.proof)] as [string, string]] : []),
    [outcome, padEnd(outcome, WIDTH.outcome)],
    [latency, padStart(latency, WIDTH.latency)],
  ];
  const used = fixed.reduce((sum, [, text]) => sum + widthOf(text) + 2, 0);
  const rest = shorten(route, Math.max(0, columns - used));
  return [...fixed.map(([cell, text]) => dress(cell, text)), rest].join('  ').trimEnd();
}
