/** Makes the first seal: the trace is ready when every probe has reported a connection of our own. */
import { UserError } from '../../model/errors.js';
import type { ChildExit } from './child.js';
import { explainExit } from './failure.js';
import type { Running } from './finish.js';
import { pause, SEAL_PAUSE, type SealAttempt } from './seal.js';

/** Milliseconds until the probes must be live on a machine of the usual kind. */
const USUAL_PATIENCE = 60_000;
const MOST_SLOWNESS = 5;

export interface Patience {
  /** Milliseconds that the probes may take until they are live. */
  readonly patience: number;
  readonly signal: AbortSignal;
}

export interface FirstSeal {
  readonly attempt: SealAttempt;
  readonly time: number;
}

/**
 * Tries seals until one is complete. Throws when the child ends, the patience runs out, or the signal aborts.
 * The patience starts anew when the program has begun: a slow start leaves the seal its full time.
 */
export async function sealUntil(
  parts: Pick<Running, 'sealer' | 'watch' | 'run' | 'child'>,
  options: Patience,
): Promise<FirstSeal> {
  const { sealer, watch, run, child } = parts;
  let exit: ChildExit | null = null;
  void child.exited.then((how) => (exit = how));
  let deadline = performance.now() + options.patience;
  let missing = 'the start of the program';
  let hasBegun = false;
  while (performance.now() < deadline) {
    options.signal.throwIfAborted();
    if (exit !== null) throw explainExit(exit);
    if (!run.begun) {
      await pause(SEAL_PAUSE);
      continue;
    }
    if (!hasBegun) deadline = performance.now() + options.patience;
    hasBegun = true;
    const attempt = await sealer.attempt();
    if (attempt === null) {
      missing = 'the connection itself, which something on this machine prevents';
      await pause(SEAL_PAUSE);
      continue;
    }
    for (let waited = 0; waited < 10 * slownessOf(options); waited += 1) {
      const signs = watch.missing(attempt.port);
      const time = watch.timeOf(attempt.port);
      if (signs.length === 0 && time !== null) return { attempt, time };
      missing = signs.join(', ');
      await pause(SEAL_PAUSE);
    }
  }
  const seconds = options.patience / 1000;
  throw new UserError(
    `the probes did not report a connection of our own over loopback within ${seconds} s: missing ${missing}`,
    { code: 'not-ready', exit: 1, remedy: 'see what this machine lacks with: trace-flow doctor' },
  );
}

/** More patience than usual means a slow machine, on which a seal's events take longer to arrive as well. */
export function slownessOf({ patience }: Pick<Patience, 'patience'>): number {
  return Math.min(MOST_SLOWNESS, Math.max(1, patience / USUAL_PATIENCE));
}
