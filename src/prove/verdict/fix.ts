/** The one thing to do first: the remedy of the finding that is about the failure, else what its cause asks for. */
import type { Finding } from '../../model/explain.js';
import type { Failure, Headline } from '../../model/headline.js';
import { writePublishing, writeRemedy } from '../../words/remedies.js';

/**
 * The fix of the most frequent failure that has one.
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

/** Only what names the very rule, socket or process is about a failure. */
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
