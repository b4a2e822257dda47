/** Runs the user's command in the traced network namespace, its output on standard error. */
import { execa } from 'execa';
import { resolveNamespace } from '../host/namespaces.js';
import { UserError } from '../model/errors.js';

/** The descriptor of the program's own standard error. */
const STDERR = 2;

export interface CommandEnd {
  /** `exited with code 3`, `was ended by SIGTERM`; null when all went well. */
  readonly how: string | null;
}

/** Runs until the command ends or `stop` fires, which ends it. Throws UserError when it cannot be run. */
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
  const result = await execa(file, rest, {
    stdin: 'inherit',
    stdout: STDERR,
    stderr: STDERR,
    reject: false,
    cancelSignal: stop,
    forceKillAfterDelay: 500,
  });
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
  if (result.isCanceled || !result.failed) return { how: null };
  return {
    how: result.signal
      ? `was ended by ${result.signal}`
      : `exited with code ${result.exitCode ?? 'none'}`,
  };
}
