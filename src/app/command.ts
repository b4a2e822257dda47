/** Runs the user's command in the traced network namespace, its output on standard error. */
import { execa } from 'execa';
import { resolveNamespace } from '../host/namespaces.js';
import { UserError } from '../model/errors.js';
import { describeSystemError } from '../model/system-error.js';
import type { Progress } from './progress.js';

/** The descriptor of the program's own standard error. */
const STDERR = 2;

export interface CommandEnd {
  /** `exited with code 3` or `was ended by SIGTERM`; null on success, or when `stop` ended it. */
  readonly how: string | null;
}

/** The command beside which a trace runs; without one it never ends and never fails. */
export class CommandBeside {
  readonly #enough = new AbortController();
  readonly #running: Promise<void> | null;
  #endedAt: number | null = null;
  #failed = false;

  constructor(
    netns: string,
    command: readonly string[],
    { stop, progress }: { readonly stop: AbortSignal; readonly progress: Pick<Progress, 'warn'> },
  ) {
    const until = AbortSignal.any([stop, this.#enough.signal]);
    this.#running =
      command.length === 0
        ? null
        : runInNamespace(netns, command, until).then(({ how }) => {
            this.#endedAt = performance.now();
            if (how !== null) progress.warn(`the command ${how}`);
          });
    this.#running?.catch(() => (this.#failed = true));
  }

  /** When it ended, by `performance.now()`; null before. */
  get endedAt(): number | null {
    return this.#endedAt;
  }

  /** It could not be run. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Ends it with the trace, and waits for that. Throws UserError if it could not be run. */
  async finish(): Promise<void> {
    this.#enough.abort();
    await this.#running;
  }
}

/** Waits until the command ends, and ends it when `stop` fires. Throws UserError when it cannot be run. */
export async function runInNamespace(
  netns: string,
  command: readonly string[],
  stop: AbortSignal,
): Promise<CommandEnd> {
  const [program = '', ...parameters] = command;
  const entered =
    netns === 'self'
      ? [program, ...parameters]
      : ['nsenter', `--net=${resolveNamespace(netns).path}`, '--', program, ...parameters];
  const [file = '', ...rest] = entered;
  // Standard output belongs to the report.
  // The command leads its own process group, so that its children can be ended with it.
  const running = execa(file, rest, {
    stdin: 'inherit',
    stdout: STDERR,
    stderr: STDERR,
    reject: false,
    detached: true,
  });
  const end = (): void => endGroup(running.pid, running);
  const kill = (): void => void signalGroup(running.pid ?? 0, 'SIGKILL');
  process.on('exit', kill);
  stop.addEventListener('abort', end);
  if (stop.aborted) end();
  const result = await running;
  stop.removeEventListener('abort', end);
  process.off('exit', kill);
  endGroup(running.pid, Promise.resolve());
  if (result.code !== undefined && SHORTAGES.has(result.code)) {
    const { why, remedy } = describeSystemError(result);
    throw new UserError(`the command cannot be started: ${why}`, {
      code: 'no-command',
      exit: 1,
      remedy,
    });
  }
  const missing =
    (result.failed && 'code' in result && result.code === 'ENOENT') ||
    (netns !== 'self' && result.exitCode === 127);
  if (missing) {
    throw new UserError(`the command cannot be run: ${program} was not found`, {
      code: 'no-command',
      exit: 1,
      remedy: 'check its name and the PATH; everything behind -- is the command',
    });
  }
  if (stop.aborted || !result.failed) return { how: null };
  return {
    how: result.signal
      ? `was ended by ${result.signal}`
      : `exited with code ${result.exitCode ?? 'none'}`,
  };
}

/** Error codes for a lack of a resource whose limit the user can raise. */
const SHORTAGES: ReadonlySet<string> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);
/** Milliseconds between SIGTERM and SIGKILL. */
const PATIENCE = 500;

/** Sends SIGTERM to the process group, and SIGKILL after {@link PATIENCE} if a process is left. */
function endGroup(leader: number | undefined, gone: Promise<unknown>): void {
  if (leader === undefined || !signalGroup(leader, 'SIGTERM')) return;
  // Stopped processes handle SIGTERM only once they continue.
  signalGroup(leader, 'SIGCONT');
  const force = setTimeout(() => signalGroup(leader, 'SIGKILL'), PATIENCE);
  void gone.then(() => {
    if (!signalGroup(leader, 0)) clearTimeout(force);
  });
}

/** Sends the signal to the group; false when it reached no process. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  if (leader <= 0) return false;
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}
