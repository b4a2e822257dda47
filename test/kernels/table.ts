/** The tables of kernels in docs/kernels.md and docs/costs.md: rows of the machines that ran are written anew, the others stay. */
import type { Comparison } from './compare.js';
import type { Examined } from './examine.js';
import { countVerdicts, type ProfileResult } from './scenarios.js';

export interface Row {
  readonly machine: string;
  readonly examined: Examined;
}

type Cells = readonly string[];

const HEAD: Cells = [
  ...['machine', 'kernel', 'bpftrace', 'Docker', 'asked for', 'probes'],
  ...['right', 'inconclusive', 'wrong', 'NAT hooks', 'live after'],
];

const SUMMARY: Cells = ['kernel', 'bpftrace', 'Docker', 'probes', 'scenarios right'];

const COMPARISON: Cells = [
  ...['', 'ready after', 'lines for a PING by DNAT', 'lines for one through docker-proxy'],
  ...["the relay's second leg", 'events lost', 'requests per second'],
];

/** docs/kernels.md with the rows of these machines. */
export function renderDocument(rows: readonly Row[], before: string): string {
  const compared = rows.find(({ examined }) => examined.comparison)?.examined;
  const text = replaceTable(before, 'support', merge(rows, readTable(before, 'support')));
  if (!compared?.comparison) return text;
  return replaceTable(text, 'pwru', [COMPARISON, ...compared.comparison.map(compareCells)]);
}

/** docs/costs.md with the few columns that most want to know, one row for each kernel, bpftrace and profile. */
export function renderSummary(rows: readonly Row[], before: string): string {
  const [, ...kept] = readTable(before, 'kernels');
  const fresh = rows.flatMap((row) => fullCells(row).map(summarise));
  const all = new Map([...kept, ...fresh].map((cells) => [cells.slice(0, 4).join(), cells]));
  return replaceTable(before, 'kernels', [SUMMARY, ...sort([...all.values()])]);
}

function merge(rows: readonly Row[], before: readonly Cells[]): Cells[] {
  const ran = new Set(rows.map(({ machine }) => machine));
  const kept = before.slice(1).filter(([machine = '']) => !ran.has(machine));
  return [HEAD, ...sort([...kept, ...rows.flatMap(fullCells)])];
}

function fullCells({ machine, examined }: Row): Cells[] {
  const { kernel, bpftrace, docker, profiles } = examined;
  return profiles.map((result) => [
    ...[machine, kernel, bpftrace, docker, result.profile],
    ...resultCells(result),
  ]);
}

function resultCells(result: ProfileResult): Cells {
  const { judged, coverage, hooks, start, failure } = result;
  if (failure !== null) return ['no trace', '–', '–', '–', '–', '–'];
  return [
    coverage?.probes.profile ?? 'tracepoint',
    `${countVerdicts(result, 'right')} of ${judged.length}`,
    String(countVerdicts(result, 'inconclusive')),
    String(countVerdicts(result, 'wrong')),
    hooks === null ? '–' : `${hooks.right} of ${hooks.checked}`,
    `${start} s`,
  ];
}

function summarise([, kernel = '', bpftrace = '', docker = '', , probes = '', right = '']: Cells) {
  return [kernel, bpftrace, docker, probes, right];
}

function compareCells({ tool, start, lines, secondLeg, lost, throughput }: Comparison): Cells {
  return [
    `\`${tool}\``,
    `${start.toFixed(1)} s`,
    ...[String(lines.dnat), String(lines.proxy)],
    ...[secondLeg ? 'shown' : 'not shown', String(lost)],
    `${throughput.toFixed(2)} of those without it`,
  ];
}

function sort(rows: readonly Cells[]): Cells[] {
  const key = (cells: Cells): string => cells.slice(0, 5).join();
  return [...rows].sort((a, b) => key(a).localeCompare(key(b)));
}

const marks = (name: string): [string, string] => [
  `<!-- table ${name}: written by npm run kernels -->\n`,
  '<!-- end of table -->\n',
];

/** Where the table's text begins and ends. Throws RangeError when the document has no place for it. */
function place(document: string, name: string): [number, number] {
  const [open, close] = marks(name);
  const start = document.indexOf(open);
  const end = document.indexOf(close, start);
  if (start < 0 || end < 0) throw new RangeError(`the document has no table ${name}`);
  return [start + open.length, end];
}

function readTable(document: string, name: string): Cells[] {
  return document
    .slice(...place(document, name))
    .split('\n')
    .filter((line) => /^\| (?!-)/.test(line))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

function replaceTable(document: string, name: string, rows: readonly Cells[]): string {
  const [start, end] = place(document, name);
  const [head = []] = rows;
  const widths = head.map((_, at) => Math.max(3, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: Cells): string =>
    `| ${widths.map((width, at) => (cells[at] ?? '').padEnd(width)).join(' | ')} |`;
  const [, ...body] = rows;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  const table = [line(head), rule, ...body.map(line)].join('\n');
  return `${document.slice(0, start)}\n${table}\n\n${document.slice(end)}`;
}
