/** Judges one connection without its events: which rows of the table show a path, and what lowers its proof. */
import type {
  TraceCoverage,
  Doubt,
  ConnectionFacts,
  Judged,
  Judgement,
} from '../../model/judgement.js';
import { settle, type Settled } from '../coverage/coverage.js';
import { listGaps } from './gaps.js';
import { answerOf, TABLE, type JudgeRow } from './table.js';

/** @param facts gathered as if no event were missing; `coverage` says what is */
export function judge(facts: ConnectionFacts, coverage: TraceCoverage): Judged {
  const settled = settle(facts, coverage);
  const { claims, ending } = settled;
  return { facts, claims, ending, judgement: weigh(settled) };
}

/** The codes of what keeps a path from being proven; empty object where it is proven. */
export function listCodes(judgement: Judgement): { because?: string[] } {
  const lacks = judgement.path === 'unknown' ? judgement.because : judgement.doubts;
  return lacks.length === 0 ? {} : { because: [...new Set(lacks.map(({ code }) => code))] };
}

function weigh(settled: Settled): Judgement {
  const { facts } = settled;
  const shown = TABLE.filter((row) => isShown(row, settled));
  const strong = shown.filter(({ yields }) => !yields);
  const rows = strong.length > 0 ? strong : shown;
  const paths = [...new Set(rows.map(({ path }) => path(facts)))];
  const [path, ...others] = paths;
  const [first] = rows;
  if (path === undefined || first === undefined) {
    return { path: 'unknown', proof: 'inconclusive', because: listGaps(settled) };
  }
  if (others.length > 0) {
    return {
      path: 'unknown',
      proof: 'inconclusive',
      because: [{ code: 'contradiction', paths }],
    };
  }
  const lack = doubtCoverage(settled);
  const doubts = rows.flatMap(({ needsWhole, lowers }) => [
    ...(lack && needsWhole.includes(facts.seenBy) ? [lack] : []),
    ...lowers(settled),
  ]);
  const proof = doubts.length === 0 ? 'proven' : 'likely';
  return { path, by: first.by, proof, doubts: listOnce(doubts) };
}

function isShown({ needs, refutedBy }: JudgeRow, settled: Settled): boolean {
  return needs.every((holds) => holds(settled)) && !refutedBy.some((holds) => holds(settled));
}

/** What the trace lacks that a proof would need; null where it lacks nothing. */
function doubtCoverage(settled: Settled): Doubt | null {
  if (answerOf(settled, 'complete') === true) return null;
  const { coverage, facts } = settled;
  const { lostEvents, skippedRuns, notes, sealed } = coverage;
  const [note = null] = notes;
  if (facts.seenBy === 'wire') return { code: 'not-whole', of: 'capture', note };
  if (lostEvents > 0) return { code: 'events-lost', count: lostEvents };
  if (skippedRuns !== undefined) return { code: 'runs-skipped', count: skippedRuns };
  return note === null && sealed && !facts.begun
    ? { code: 'older-than-trace' }
    : { code: 'not-whole', of: 'trace', note };
}

/** Two rows of one path may share a doubt. */
function listOnce(doubts: readonly Doubt[]): Doubt[] {
  return [...new Map(doubts.map((doubt) => [JSON.stringify(doubt), doubt])).values()];
}
