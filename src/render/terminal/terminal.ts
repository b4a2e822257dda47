/** The report as text for a terminal: the answer in the first line, then the ladders, the evidence, the coverage. */
import type { Report } from '../../model/report.js';
import { joinHeadline } from '../../words/headline.js';
import { formatCount, formatEvents } from '../format.js';
import { layOut } from '../layout/layout.js';
import type { CoverageNote, EvidenceLine, Ladder, Panel, Scene } from '../layout/scene.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../signs.js';
import { padStart, stick, widthOf, wrap, wrapItems } from '../text.js';
import { describeRow, drawLadder } from './ladder.js';
import { createPaint, type Paint } from './paint.js';
import { drawSummary } from './table.js';
import { drawTimes } from './times.js';

export interface TerminalOptions {
  /** Width that no line exceeds; 80 unless told, at least 20. */
  readonly columns?: number;
  /** ANSI colours; off unless told. */
  readonly color?: boolean;
  /** How many connections get a ladder; 3 unless told. */
  readonly ladders?: number;
}

/** The whole report as text that ends in a newline. Pure: looks at no terminal and no environment. */
export function renderTerminal(report: Report, options: TerminalOptions = {}): string {
  const columns = Math.max(20, Math.floor(options.columns ?? 80));
  const paint = createPaint(options.color ?? false);
  const scene = layOut(report, { panels: options.ladders ?? 3 });
  const blocks = [
    drawHeadline(scene, columns, paint),
    scene.summary.length > 0 ? drawSummary(scene.summary, columns, paint) : [],
    scene.summary.length > 0 ? drawTimes(report.statistics, columns, paint) : [],
    ...scene.panels.map((panel) => drawPanel(panel, scene, columns, paint)),
    drawHidden(scene, columns, paint),
    drawCoverage(scene.coverage, columns, paint),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

const TONES = { good: 'good', bad: 'bad', unsure: 'unsure' } as const;

/** What happened, in the colour that it deserves; the way and what else there is to know; what to do. */
function drawHeadline(scene: Scene, columns: number, paint: Paint): string[] {
  const { headline, connections } = scene;
  const { subject, tone, outcome, fix } = headline;
  const answer = `${subject}: ${outcome}`;
  const lines = wrap(`${subject}: ${joinHeadline(headline)}`, columns);
  let left = answer;
  const painted = lines.map((line) => {
    const own = left.startsWith(line) ? line : commonStart(line, left);
    left = left.slice(own.length).trimStart();
    return own === '' ? line : paint('strong', paint(TONES[tone], own)) + line.slice(own.length);
  });
  const more = connections === 0 && scene.reason !== scene.headline.outcome;
  const reason = more ? indent(scene.reason, columns, '') : [];
  return [
    ...painted,
    ...reason,
    ...(fix === null
      ? []
      : wrap(fix, columns - 5).map((line, i) =>
          i === 0 ? `${paint('strong', 'fix:')} ${line}` : `     ${line}`,
        )),
  ];
}

function commonStart(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return a.slice(0, at);
}

function drawPanel(panel: Panel, scene: Scene, columns: number, paint: Paint): string[] {
  const single = scene.connections === 1;
  const verdict = tellOutcome(panel.outcome);
  const route = `#${panel.id} ${panel.protocol} ${panel.route.join(' → ')}`;
  const facts = [single ? verdict : `${verdict}, ${panel.path} (${panel.proof})`, ...panel.facts];
  const ladder = panel.ladder.rows.length === 0 ? [] : drawLadder(panel.ladder, columns, paint);
  return [
    ...wrap(route, columns).map((line) => paint('strong', line)),
    ...wrapItems(facts, columns - 3).map((line, i) =>
      i === 0 && line.startsWith(verdict)
        ? `   ${paint(OUTCOME_SIGNS[panel.outcome].mark, verdict)}${line.slice(verdict.length)}`
        : `   ${line}`,
    ),
    ...indent(panel.reason, columns, '   '),
    '',
    ...(ladder ?? listRows(panel.ladder, columns, paint)),
    '',
    ...panel.evidence.flatMap((line) => drawEvidence(line, columns, paint)),
    ...drawWhy(panel.why, columns, paint),
    ...drawRules(panel.rules, columns, paint),
    ...drawFunctions(panel.functions, columns, paint),
  ].filter((line, i, lines) => line !== '' || (lines[i - 1] !== '' && i < lines.length - 1));
}

function indent(text: string, columns: number, prefix: string): string[] {
  return wrap(text, columns - widthOf(prefix)).map((line) => prefix + line);
}

function drawEvidence(
  { mark, claim, events }: EvidenceLine,
  columns: number,
  paint: Paint,
): string[] {
  const numbers = events.length > 0 ? ` ${stick(`[${formatEvents(events)}]`)}` : '';
  return wrap(`${claim}${numbers}`, columns - 4).map((line, i) =>
    i === 0 ? ` ${paint(mark, EVIDENCE_SIGNS[mark])}  ${line}` : `    ${line}`,
  );
}

function drawWhy(why: string | null, columns: number, paint: Paint): string[] {
  if (why === null || why === '') return [];
  return wrap(why, columns - 6).map((line, i) =>
    i === 0 ? `${paint('strong', 'why:')}  ${line}` : `      ${line}`,
  );
}

function drawRules(rules: Panel['rules'], columns: number, paint: Paint): string[] {
  if (rules === null) return [];
  const head =
    rules.length === 0 ? 'its first packet met none of nftables' : 'met by first packets';
  return drawList('rules:', head, rules, columns, paint);
}

function drawFunctions(functions: Panel['functions'], columns: number, paint: Paint): string[] {
  if (functions === null) return [];
  const head =
    functions.length === 0
      ? 'its first packets were not seen'
      : 'functions and hooks that first packets went through';
  return drawList('kernel:', head, functions, columns, paint);
}

/** A titled list, indented behind its title. */
function drawList(
  title: string,
  head: string,
  items: readonly string[],
  columns: number,
  paint: Paint,
): string[] {
  return [
    ...wrap(head, columns - title.length - 1).map((line) => `${paint('strong', title)} ${line}`),
    ...items.flatMap((item) =>
      wrap(item, columns - 8).map((line, i) => `${' '.repeat(i === 0 ? 6 : 8)}${line}`),
    ),
  ];
}

function drawHidden(scene: Scene, columns: number, paint: Paint): string[] {
  const { connections, seen, panels } = scene;
  const texts = [
    ...(seen > connections
      ? [
          `The filters leave out ${formatCount(seen - connections)} of ${formatCount(seen)} connections.`,
        ]
      : []),
    ...(connections > panels.length
      ? [
          `${formatCount(connections - panels.length)} of ${formatCount(connections)} connections are not drawn here: ` +
            'see one with --id N, the slowest with --slowest N, those that failed with --outcome, or all of them with --json.',
        ]
      : []),
  ];
  return texts.flatMap((text) => wrap(text, columns)).map((line) => paint('dim', line));
}

function drawCoverage(notes: readonly CoverageNote[], columns: number, paint: Paint): string[] {
  return notes.flatMap(({ severity, text }) =>
    severity === 'warning'
      ? indentFirst('! ', text, columns).map((line) => paint('unsure', line))
      : indentFirst('', text, columns).map((line) => paint('dim', line)),
  );
}

function indentFirst(mark: string, text: string, columns: number): string[] {
  return wrap(text, columns - mark.length).map(
    (line, i) => (i === 0 ? mark : ' '.repeat(mark.length)) + line,
  );
}

/** The rows as sentences, for a terminal too narrow for the ladder. */
function listRows(ladder: Ladder, columns: number, paint: Paint): string[] {
  return ladder.rows.flatMap((row) => {
    const { time, text } = describeRow(row, ladder);
    return wrap(text, columns - 10).map(
      (line, i) => `${paint('dim', padStart(i === 0 ? time : '', 8))}  ${line}`,
    );
  });
}
