/** The one thing to do first: the remedy of the finding that is about the failure, else what its cause asks for. */
import type { Finding } from '../../model/explain.js';
import type { Failure, Headline } from '../../model/headline.js';
import { writePublishing, writeRemedy } from '../../words/remedies.js';

/** @param failures the most frequent first */
export function findFix(
  failures: readonly Failure[],
  faults: readonly Finding[],
  unpublished: Headline['unpublished'],
): Headline['fix'] {
  for (const failure of failures) {
    const fault = faults.find((one) => isAbout(one, failure));
    const { stop } = failure;
    const known = fault ?? stop;
    const fix = known
      ? { code: known.code, remedy: known.remedy }
      : (writePublishing(failure, unpublished) ?? writeRemedy(failure));
    if (fix !== null) return fix;
  }
  return null;
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
