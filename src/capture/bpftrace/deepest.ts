/** Falls back to fewer kinds of probes when the kernel or bpftrace refuses some, and says what the trace lacks. */
import { UserError } from '../../model/errors.js';
import type { ProbePlan } from './plan.js';

/** Tries the plans in turn, deepest first; there is at least one. `notes` say which probes are missing in the end. */
export async function attachDeepest<T>(
  [plan, ...shallower]: readonly [ProbePlan, ...ProbePlan[]],
  attach: (plan: ProbePlan, notes: readonly string[]) => Promise<T>,
): Promise<T> {
  try {
    return await attach(plan, []);
  } catch (error) {
    // When raw tracepoints are refused, the caller tries all plans without them.
    // Attached probes that did not report in time would not report with fewer of them either.
    const refused =
      error instanceof UserError &&
      error.code !== 'not-ready' &&
      error.code !== 'no-raw-tracepoints';
    const [next, ...rest] = shallower;
    if (next === undefined || !refused) throw error;
    // kprobes show all that fentry shows, so nothing is missing.
    if (next.profile === 'kprobe') return attachDeepest([next, ...rest], attach);
    const lacking = plan.attached.filter((probe) => !next.attached.includes(probe));
    const [why = ''] = error.message.split('\n');
    return attach({ ...next, missing: [...plan.missing, ...lacking] }, [
      `kprobes could not be attached, so tracepoints were used alone: ${why}`,
    ]);
  }
}
