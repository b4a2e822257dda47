/** Goes on with fewer kinds of probes where the kernel or bpftrace refuses the others, and says what the trace lacks. */
import { UserError } from '../../model/errors.js';
import type { ProbePlan } from './plan.js';

/** Tries the plans in turn, deepest first; there is at least one. `notes` say what could not be had in the end. */
export async function attachDeepest<T>(
  [plan, ...shallower]: readonly [ProbePlan, ...ProbePlan[]],
  attach: (plan: ProbePlan, notes: readonly string[]) => Promise<T>,
): Promise<T> {
  try {
    return await attach(plan, []);
  } catch (error) {
    // Where raw tracepoints are refused, all plans are tried without them.
    // Probes that were attached and did not report in time would not do so with fewer of them either.
    const refused =
      error instanceof UserError &&
      error.code !== 'not-ready' &&
      error.code !== 'no-raw-tracepoints';
    const [next, ...rest] = shallower;
    if (next === undefined || !refused) throw error;
    // What fentry shows kprobes show as well: nothing is missing then.
    if (next.profile === 'kprobe') return attachDeepest([next, ...rest], attach);
    const lacking = plan.attached.filter((probe) => !next.attached.includes(probe));
    const [why = ''] = error.message.split('\n');
    return attach({ ...next, missing: [...plan.missing, ...lacking] }, [
      `kprobes could not be attached, so tracepoints were used alone: ${why}`,
    ]);
  }
}
