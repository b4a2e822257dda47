/** Builds the statistics: a chart of times, and a table by path, outcome and container, whose rows filter the list. */
import type { Quantiles, StatisticsRow } from '../../../model/statistics.js';
import { MEASURED } from '../../../words/comparison.js';
import { formatBytes, formatCount, formatDuration } from '../../../words/numbers.js';
import { chooseTimes } from '../../layout/times.js';
import { tellOutcome } from '../../signs.js';
import { drawStatistics } from '../../svg/statistics.js';
import { printable } from '../../text.js';
import { element } from './dom.js';
import { createPicture } from './picture.js';
import { createTable, type Column } from './table.js';

const WIDTH = 760;
const NOTHING = -1;

/** @param choose called with the row whose connections the reader wants to see */
export function createStatistics(
  statistics: readonly StatisticsRow[],
  choose: (row: StatisticsRow) => void,
): HTMLElement {
  const numbers = new Map(statistics.map((row, i) => [row, i + 1]));
  const numberOf = (row: StatisticsRow): number => numbers.get(row) ?? 0;
  const table = createTable<StatisticsRow>({
    name: 'Statistics',
    pageSize: 20,
    keyOf: numberOf,
    open: choose,
    openLabel: 'Filter the connections by row',
    classOf: () => '',
    columns: [
      { head: '#', text: (row) => String(numberOf(row)), number: true },
      { head: 'path', text: ({ path }) => path },
      { head: 'outcome', text: ({ outcome }) => tellOutcome(outcome) },
      { head: 'container', text: ({ container }) => printable(container ?? '') },
      countColumn('count', ({ count }) => count),
      { head: 'time', text: (row) => nameTimes(row) },
      ...(['p50', 'p95', 'p99', 'max'] as const).map(timeColumn),
      countColumn('sent again', ({ retransmits }) => retransmits),
      {
        head: 'bytes',
        number: true,
        order: (row) => bytesOf(row) ?? NOTHING,
        text: (row) => tell(bytesOf(row), formatBytes),
      },
    ],
  });
  table.setRows(statistics);
  const block = drawStatistics(statistics, { left: 4, width: WIDTH - 8 })(4);
  const told = 'Times by path, outcome and container; the table has the numbers';
  const chart = block.shapes.length > 0 ? createPicture(block, WIDTH, told) : null;
  const about =
    'Times are to the first reply where most connections have one, else of the handshake, else of the whole connection.';
  return element('div', {}, [chart, element('p', { class: 'muted' }, about), table.element]);
}

function nameTimes(row: StatisticsRow): string {
  const chosen = chooseTimes(row);
  return chosen === null ? '' : MEASURED[chosen.measure];
}

function tell(value: number | null, format: (value: number) => string): string {
  return value === null ? 'not known' : format(value);
}

function countColumn(
  head: string,
  of: (row: StatisticsRow) => number | null,
): Column<StatisticsRow> {
  return {
    head,
    text: (row) => tell(of(row), formatCount),
    order: (row) => of(row) ?? NOTHING,
    number: true,
  };
}

function timeColumn(which: Exclude<keyof Quantiles, 'count'>): Column<StatisticsRow> {
  const of = (row: StatisticsRow): number | null => chooseTimes(row)?.times[which] ?? null;
  return {
    head: which,
    number: true,
    order: (row) => of(row) ?? NOTHING,
    text: (row) => tell(of(row), formatDuration),
  };
}

function bytesOf({ bytes }: StatisticsRow): number | null {
  const { fromClient, fromServer } = bytes;
  return fromClient === null || fromServer === null ? null : fromClient + fromServer;
}
