/** Turns what a test file registered and what uvu counted into passes, failures and skips, trusting neither alone. */
import type { SuiteRecord } from '../suite.js';
import { describeError } from './describe.js';

export interface Failure {
  title: string;
  detail: string;
}

export interface Skip {
  title: string;
  reason: string;
}

export interface Report {
  passed: number;
  /** `suite › test` of each that passed. */
  passes: string[];
  failures: Failure[];
  skips: Skip[];
}

/** What uvu's own runner returned for one queued suite: [errors, ran, skipped, total]. */
export type UvuResult = [unknown, number, number, number];

/**
 * Judges one test file after its queue has run.
 * @param results one entry per queued suite; an Error where uvu's runner itself rejected.
 * @param requireLive turns every skip that is not optional into a failure.
 */
export function judgeFile(
  records: readonly SuiteRecord[],
  results: readonly (UvuResult | Error)[],
  requireLive: boolean,
): Report {
  const report: Report = { passed: 0, passes: [], failures: [], skips: [] };
  const fail = (title: string, detail: string): void => {
    report.failures.push({ title, detail });
  };

  for (const record of records) judgeSuite(record, report, requireLive);

  const runs = records.reduce((sum, record) => sum + record.runs, 0);
  if (results.length === 0)
    fail('no suite ran', 'The file registers no suite, or forgets `.run()`.');
  else if (results.length !== runs) {
    fail('foreign suite', 'Import `suite` from test/support/suite.js, not from uvu.');
  }
  if (results.length > 0 && report.passed + report.failures.length + report.skips.length === 0) {
    fail('no test', 'The suites of this file hold no test.');
  }

  let ran = 0;
  let total = 0;
  for (const result of results) {
    if (result instanceof Error) continue; // a hook threw: recorded with its suite
    ran += result[1];
    total += result[3];
  }
  const broken = results.some((result) => result instanceof Error);
  if (report.failures.length === 0 && (broken || ran !== total || ran !== report.passed)) {
    fail('counts differ', `uvu ran ${ran} of ${total}; ${report.passed} were seen to pass.`);
  }
  return report;
}

function judgeSuite(record: SuiteRecord, report: Report, requireLive: boolean): void {
  const title = (test: string): string => `${record.name} › ${test}`;
  const fail = (test: string, detail: string): void => {
    report.failures.push({ title: title(test), detail });
  };
  for (const { hook, error } of record.hookErrors) fail(`${hook} hook`, describeError(error));
  for (const test of record.tests) {
    if (test.outcome === 'passed') {
      report.passed++;
      report.passes.push(title(test.name));
    } else if (test.error !== undefined) fail(test.name, describeError(test.error));
    else fail(test.name, 'It did not run, or a hook around it threw.');
  }
  for (const skip of record.skipped) {
    if (requireLive && !skip.optional) fail(skip.name, `Live tests are required: ${skip.reason}`);
    else report.skips.push({ title: title(skip.name), reason: skip.reason });
  }
  if (record.waiting > 0) {
    fail('.run() is missing', `${record.waiting} registered after the last .run(), or never run.`);
  }
  if (record.only.length > 0) fail('.only is left in', record.only.join(', '));
}
