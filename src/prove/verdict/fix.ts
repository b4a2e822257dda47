/** Finds what to do first: the remedy of the finding about the failure, otherwise the remedy for its cause. */
import type { Finding } from '../../model/explain.js';
import type { Failure, Headline } from '../../model/headline.js';
import { writePublishing, writeRemedy } from '../../words/remedies.js';

/**
 * Returns the fix of the most frequent failure that has one.
 * @param failures the most frequent first
 */
export function findFix(
  failures: readonly Failure[],
  faults: readonly Finding[],
  unpublished: Headline['unpublished'],
): Headline['fix'] {
  const known = failures.flatMap((failure) => {
    const fix = findOne(failure, faults, unpublished);
    return fix === null ? [] : [{ failure, fix }];
  });
  const [first] = known;
  if (!first) return null;
  const helped = known.flatMap(({ failure, fix }) =>
    fix.remedy === first.fix.remedy ? [failure] : [],
  );
  if (helped.length === failures.length) return first.fix;
  const count = helped.reduce((sum, failure) => sum + failure.count, 0);
  return { ...first.fix, of: { count, outcomes: [...new Set(helped.map((one) => one.outcome))] } };
}

function findOne(
  failure: Failure,
  faults: readonly Finding[],
  unpublished: Headline['unpublished'],
): Headline['fix'] {
  const known = faults.find((one) => isAbout(one, failure)) ?? failure.stop;
  if (known) return { code: known.code, remedy: known.remedy };
  return writePublishing(failure, unpublished) ?? writeRemedy(failure);
}

/** Whether a finding is about a failure: only if it names the same rule, process or socket. */
export function isAbout({ about }: Finding, { rule, cause, target, relay }: Failure): boolean {
  if (about === undefined) return false;
  if (about.rule !== undefined) return about.rule === rule;
  if (about.pid !== undefined) return about.pid === relay?.pid;
  return (
    cause === 'not-listening' &&
    target !== null &&
    about.container === target.name &&
    about.port === target.port
  );
}
