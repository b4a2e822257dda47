/** Goes on with tracepoints where the kernel or bpftrace refuses kprobes, and says so. */
import { UserError } from '../../model/errors.js';
import type { Plan } from './plan.js';

/** Tries `deep`, then `shallow` if there is one. `notes` say what of the first could not be had. */
export async function attachDeepest<T>(
  deep: Plan,
  shallow: Plan | null,
  attach: (plan: Plan, notes: readonly string[]) => Promise<T>,
): Promise<T> {
  try {
    return await attach(deep, []);
  } catch (error) {
    // Probes that were attached and did not report in time would not do so with fewer of them either.
    const refused = error instanceof UserError && error.code !== 'not-ready';
    if (shallow === null || !refused) throw error;
    const lacking = deep.attached.filter((probe) => !shallow.attached.includes(probe));
    const [why = ''] = error.message.split('\n');
    return attach({ ...shallow, missing: [...deep.missing, ...lacking] }, [
      `kprobes could not be attached, so tracepoints were used alone: ${why}`,
    ]);
  }
}
