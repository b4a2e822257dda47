/** Draws docs/scenarios.md from what runs of the matrix have shown. */
import type { Connection } from '../../src/model/report.js';
import type { Result } from './run.js';
import type { Group, Scenario, Truth } from './scenario.js';

/** All results of one group, run after run. */
export interface GroupResults {
  readonly group: Group;
  readonly results: readonly Result[];
}

export interface Conditions {
  readonly kernel: string;
  readonly docker: string;
  readonly bpftrace: string;
}

export function drawTable(all: readonly GroupResults[], conditions: Conditions): string {
  const { kernel, docker, bpftrace } = conditions;
  const findings = all.flatMap(({ results }) => results.flatMap((result) => result.findings));
  const wrong = findings.filter((finding) => finding.wrong.length > 0).length;
  const weaker = findings.filter(({ problems }) => problems.length > 0).length - wrong;
  const lines = [
    '# Scenarios',
    '',
    'Written by `npm run matrix -- --runs N`; `npm test` runs every scenario once. The truth of each is known from how its',
    'traffic was sent, and from the server, which is asked for its client’s address. A verdict counts as wrong where it says a',
    'path, NAT hook, container or relay (its pid’s arguments in /proc) that was not; where it is called proven and tells',
    'outcome, drop, bytes, cause or the source that the server saw otherwise than they were; and where the recording,',
    'replayed, gives another document. It counts as weaker where it is proven less than it should be.',
    '',
    `Last run: kernel ${kernel}, Docker ${docker}, ${bpftrace}. ${findings.length} connections, ${wrong} with a wrong verdict, ${weaker} with a weaker one than there should be.`,
  ];
  for (const { group, results } of all) {
    lines.push('', `## ${group.name}`, '');
    lines.push(
      '| scenario | truth | verdict | proof | runs | connections |',
      '|---|---|---|---|--:|--:|',
    );
    for (const scenario of new Set(results.map((result) => result.scenario))) {
      lines.push(
        drawRow(
          scenario,
          results.filter((result) => result.scenario === scenario),
        ),
      );
    }
    lines.push(...listNotes(results));
  }
  return `${lines.join('\n')}\n`;
}

function drawRow(scenario: Scenario, results: readonly Result[]): string {
  const findings = results.flatMap((result) => result.findings);
  const fine = findings.every(({ problems }) => problems.length === 0);
  const wrong = findings.some((finding) => finding.wrong.length > 0);
  const verdicts = findings.map(({ connection }) =>
    connection ? drawVerdict(connection) : 'not seen',
  );
  const proofs = findings.map(({ connection }) => connection?.proof ?? 'none');
  const cells = [
    scenario.name,
    scenario.told ?? drawTruth(scenario.truth),
    `${fine ? '' : wrong ? '**wrong**: ' : '**weaker**: '}${count(verdicts)}`,
    count(proofs),
    String(results.length),
    String(findings.length),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function drawTruth({ path, outcome, hook, relay, source, drop }: Truth): string {
  const by =
    path === 'dnat' && hook ? ` in ${hook}` : path === 'relay' && relay ? ` by ${relay}` : '';
  const seen = source === undefined ? '' : `, source ${source.replace(/[{}]/g, '')}`;
  const end = drop ? ` (${drop.reason})` : '';
  return `${path}${by}, ${outcome}${end}${seen}`;
}

function drawVerdict({ path, outcome }: Connection): string {
  return `${path}, ${outcome}`;
}

/** `proven`, or `proven 4×, likely 1×`. */
function count(words: readonly string[]): string {
  const different = [...new Set(words)];
  if (different.length === 1) return different[0] ?? '';
  return different
    .map((word) => `${word} ${words.filter((one) => one === word).length}×`)
    .join(', ');
}

/** Why a verdict is less than proven, in the words of the scenario and of the report. */
function listNotes(results: readonly Result[]): string[] {
  const notes = new Set<string>();
  for (const { scenario, findings } of results) {
    for (const { connection } of findings) {
      if (!connection || connection.proof === 'proven') continue;
      const because = scenario.atLeast?.because ?? connection.reason;
      notes.add(`- *${scenario.name}* is ${connection.proof}: ${because}.`);
    }
  }
  return notes.size > 0 ? ['', ...notes] : [];
}
