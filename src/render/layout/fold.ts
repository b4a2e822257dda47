/** Folds rows: repeats become one row ("212 segments, 1.2 MB"), pauses and unlisted events become remarks. */
import { formatBytes, formatCount, formatDuration, plural } from '../../words/numbers.js';
import type { Draft } from './rows.js';
import type { ArrowRow, PointRow, RelayRow, RemarkRow, Row } from './scene.js';

/** A burst with at least this many rows of one category is folded. */
const BURST = 4;
/** Ladders with more rows than this also have repeated exchanges folded, except in their first rows. */
const LONG_LADDER = 30;
const KEPT_OF_EXCHANGES = 8;
/** A pause lasts at least this long, and at least this many times the median gap between rows. */
const PAUSE_NS = 10_000_000;
const PAUSE_FACTOR = 20;

/** Folds the drafts of one connection into its rows. `omitted` counts events that the report does not list. */
export function foldRows(drafts: readonly Draft[], omitted: number): Row[] {
  const bursts = foldRuns(drafts, continuesBurst, (run) =>
    longestCategory(run) >= BURST ? foldRun(run) : run,
  );
  const folded =
    bursts.length <= LONG_LADDER
      ? bursts
      : foldRuns(
          bursts,
          () => true,
          (run) => {
            if (run.length <= KEPT_OF_EXCHANGES + BURST) return run;
            return [...run.slice(0, KEPT_OF_EXCHANGES), ...foldRun(run.slice(KEPT_OF_EXCHANGES))];
          },
        );
  return addRemarks(folded, omitted);
}

/** Finds maximal runs of foldable drafts that belong together, and replaces each by the result of `fold`. */
function foldRuns(
  drafts: readonly Draft[],
  continues: (run: readonly Draft[], next: Draft) => boolean,
  fold: (run: Draft[]) => Draft[],
): Draft[] {
  const result: Draft[] = [];
  let run: Draft[] = [];
  for (const draft of drafts) {
    const joins = draft.category !== null && (run.length === 0 || continues(run, draft));
    if (!joins) {
      result.push(...fold(run));
      run = [];
    }
    if (draft.category === null) result.push(draft);
    else run.push(draft);
  }
  return [...result, ...fold(run)];
}

/** A burst carries data one way; acknowledgements may go either way. */
function continuesBurst(run: readonly Draft[], next: Draft): boolean {
  if (next.bytes === 0) return true;
  const data = run.find((draft) => draft.bytes > 0);
  return data === undefined || data.row.flow === next.row.flow;
}

function longestCategory(run: readonly Draft[]): number {
  return Math.max(0, ...groupByCategory(run).map((group) => group.length));
}

function groupByCategory(run: readonly Draft[]): Draft[][] {
  const groups = new Map<string, Draft[]>();
  for (const draft of run) {
    const group = groups.get(draft.category ?? '');
    if (group) group.push(draft);
    else groups.set(draft.category ?? '', [draft]);
  }
  return [...groups.values()];
}

function foldRun(run: readonly Draft[]): Draft[] {
  return groupByCategory(run).map(foldGroup);
}

function foldGroup(group: readonly Draft[]): Draft {
  const first = group[0] as Draft;
  if (group.length === 1) return first;
  const count = group.reduce((sum, { row }) => sum + row.count, 0);
  const bytes = group.reduce((sum, draft) => sum + draft.bytes, 0);
  const amount = bytes > 0 ? `, ${formatBytes(bytes)}` : '';
  const folded = {
    time: first.row.time,
    label: plural(count, first.unit) + amount,
    brief:
      first.unit === 'ACK'
        ? `${formatCount(count)}× ACK`
        : `${formatCount(count)}× ${formatBytes(bytes)}`,
    title: plural(count, first.unit) + amount,
    events: group.flatMap(({ row }) => row.events).sort((a, b) => a - b),
    count,
  };
  return {
    ...first,
    row: {
      ...fullestRow(group),
      ...folded,
      ...(first.row.type === 'arrow' ? { took: null } : {}),
    },
    end: Math.max(...group.map((draft) => draft.end)),
    bytes,
  };
}

/** The row with the most stops, which stands for the whole group. */
function fullestRow(group: readonly Draft[]): ArrowRow | PointRow | RelayRow {
  const stops = ({ row }: Draft): number => (row.type === 'arrow' ? row.stops.length : 0);
  return group.reduce((best, draft) => (stops(draft) > stops(best) ? draft : best)).row;
}

function addRemarks(drafts: readonly Draft[], omitted: number): Row[] {
  const gaps = drafts.slice(1).map((draft, i) => draft.row.time - (drafts[i]?.end ?? 0));
  const usual = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  const omittedAt = findOmitted(drafts);
  const rows: Row[] = [];
  drafts.forEach((draft, i) => {
    const gap = gaps[i - 1] ?? 0;
    if (gap >= PAUSE_NS && gap >= PAUSE_FACTOR * usual) {
      rows.push({ type: 'remark', kind: 'pause', text: `${formatDuration(gap)} later` });
    }
    rows.push(draft.row);
    if (i === omittedAt && omitted > 0) rows.push(omittedRemark(omitted));
  });
  if (drafts.length === 0 && omitted > 0) rows.push(omittedRemark(omitted));
  return rows;
}

/** Index of the row after which to mention omitted events: they are repeats, so it is the end of the last data. */
function findOmitted(drafts: readonly Draft[]): number {
  let index = drafts.findLastIndex((draft) => draft.category !== null && draft.bytes > 0);
  if (index < 0) index = drafts.findLastIndex((draft) => draft.category !== null);
  if (index < 0) return drafts.length - 1;
  while (drafts[index + 1] && drafts[index + 1]?.category !== null) index++;
  return index;
}

function omittedRemark(omitted: number): RemarkRow {
  return {
    type: 'remark',
    kind: 'omitted',
    text: `${plural(omitted, 'more event')} counted, not listed`,
  };
}
