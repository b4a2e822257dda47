/** Renders the report as text: the answer in the first line, then ladders, evidence, coverage. */
import type { Report } from '../../model/report.js';
import { joinHeadline } from '../../words/headline.js';
import { formatCount, formatEvents } from '../../words/numbers.js';
import { layOut } from '../layout/layout.js';
import type { EvidenceLine, Ladder, Panel, Scene } from '../layout/scene.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../signs.js';
import { padStart, stick, wrap, wrapItems } from '../text.js';
import { describeRow, drawLadder } from './ladder.js';
import { hang } from './hang.js';
import { createPaint, type Sheet } from './paint.js';
import { drawSummary } from './table.js';
import { drawTimes } from './times.js';

export interface TerminalOptions {
  /** Width that no line exceeds; 80 by default, at least 20. */
  readonly columns?: number;
  /** ANSI colours; off by default. */
  readonly color?: boolean;
  /** How many connections get a ladder; 3 by default. */
  readonly ladders?: number;
}

/** The whole report as text that ends in a newline. Pure: reads no terminal and no environment. */
export function renderTerminal(report: Report, options: TerminalOptions = {}): string {
  const columns = Math.max(20, Math.floor(options.columns ?? 80));
  const sheet = { columns, paint: createPaint(options.color ?? false) };
  const scene = layOut(report, { panels: options.ladders ?? 3 });
  const blocks = [
    drawHeadline(scene, sheet),
    scene.summary.length > 0 ? drawSummary(scene.summary, sheet) : [],
    scene.summary.length > 0 ? drawTimes(report.statistics, sheet) : [],
    ...scene.panels.map((panel) => drawPanel(panel, scene, sheet)),
    drawHidden(scene, sheet),
    drawCoverage(scene, sheet),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Draws what happened, in the colour of its tone; then the way and the notes; then the fix. */
function drawHeadline(scene: Scene, sheet: Sheet): string[] {
  const { headline, connections, reason } = scene;
  const { subject, tone, outcome, fix } = headline;
  let left = `${subject}: ${outcome}`;
  const painted = wrap(`${subject}: ${joinHeadline(headline)}`, sheet.columns).map((line) => {
    const own = left.startsWith(line) ? line : commonStart(line, left);
    left = left.slice(own.length).trimStart();
    const strong = sheet.paint('strong', sheet.paint(tone, own));
    return own === '' ? line : strong + line.slice(own.length);
  });
  return [
    ...painted,
    ...(connections === 0 && reason !== outcome ? hang('', reason, sheet) : []),
    ...(fix === null ? [] : hang('fix: ', fix, sheet, { lead: 'strong' })),
  ];
}

function commonStart(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return a.slice(0, at);
}

function drawPanel(panel: Panel, scene: Scene, sheet: Sheet): string[] {
  const { columns, paint } = sheet;
  const single = scene.connections === 1;
  const verdict = tellOutcome(panel.outcome);
  const route = `#${panel.id} ${panel.protocol} ${panel.route.join(' → ')}`;
  const facts = [single ? verdict : `${verdict}, ${panel.path} (${panel.proof})`, ...panel.facts];
  const ladder = panel.ladder.rows.length === 0 ? [] : drawLadder(panel.ladder, sheet);
  return [
    ...hang('', route, sheet, { text: 'strong' }),
    ...wrapItems(facts, columns - 3).map((line, i) =>
      i === 0 && line.startsWith(verdict)
        ? `   ${paint(OUTCOME_SIGNS[panel.outcome].mark, verdict)}${line.slice(verdict.length)}`
        : `   ${line}`,
    ),
    ...hang('   ', panel.reason, sheet),
    '',
    ...(ladder ?? listRows(panel.ladder, sheet)),
    '',
    ...panel.evidence.flatMap((line) => drawEvidence(line, sheet)),
    ...(panel.why === null || panel.why === ''
      ? []
      : hang('why:  ', panel.why, sheet, { lead: 'strong' })),
    ...drawRules(panel.rules, sheet),
    ...drawFunctions(panel.functions, sheet),
  ].filter((line, i, lines) => line !== '' || (lines[i - 1] !== '' && i < lines.length - 1));
}

function drawEvidence({ mark, claim, events }: EvidenceLine, sheet: Sheet): string[] {
  const numbers = events.length > 0 ? ` ${stick(`[${formatEvents(events)}]`)}` : '';
  return hang(` ${EVIDENCE_SIGNS[mark]}  `, `${claim}${numbers}`, sheet, { lead: mark });
}

function drawRules(rules: Panel['rules'], sheet: Sheet): string[] {
  if (rules === null) return [];
  const none = 'its first packet met none of nftables';
  return drawList('rules:', rules.length === 0 ? none : 'met by first packets', rules, sheet);
}

function drawFunctions(functions: Panel['functions'], sheet: Sheet): string[] {
  if (functions === null) return [];
  const some = 'functions and hooks that first packets went through';
  const head = functions.length === 0 ? 'its first packets were not seen' : some;
  return drawList('kernel:', head, functions, sheet);
}

/** A titled list, indented behind its title. */
function drawList(title: string, head: string, items: readonly string[], sheet: Sheet): string[] {
  const { columns, paint } = sheet;
  return [
    ...wrap(head, columns - title.length - 1).map((line) => `${paint('strong', title)} ${line}`),
    ...items.flatMap((item) =>
      wrap(item, columns - 8).map((line, i) => `${' '.repeat(i === 0 ? 6 : 8)}${line}`),
    ),
  ];
}

function drawHidden(scene: Scene, sheet: Sheet): string[] {
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
  return texts.flatMap((text) => hang('', text, sheet, { text: 'dim' }));
}

function drawCoverage({ warnings, complete }: Scene, sheet: Sheet): string[] {
  return [
    ...warnings.flatMap((text) => hang('! ', text, sheet, { lead: 'unsure', text: 'unsure' })),
    ...hang('', complete, sheet, { text: 'dim' }),
  ];
}

/** Lists the rows as sentences, for a terminal too narrow for the ladder. */
function listRows(ladder: Ladder, sheet: Sheet): string[] {
  return ladder.rows.flatMap((row) => {
    const { time, text } = describeRow(row, ladder);
    return hang(`${padStart(time, 8)}  `, text, sheet, { lead: 'dim' });
  });
}
