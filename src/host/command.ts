// Runs one short-lived program of the machine and says in one sentence why it did not work.

export interface RunOptions {
  /** Ends the program after this many milliseconds; 5,000 when left out. */
  timeout?: number;
  signal?: AbortSignal | undefined;
  /** Text for its standard input; empty when left out. */
  input?: string;
}

export interface RunResult {
  ok: boolean;
  stdout: string;
  stderr: string;
  /** Why `ok` is false; `aborted` is the caller's own doing. */
  failure: 'missing' | 'denied' | 'timeout' | 'aborted' | 'exit' | null;
  /** One sentence for people, empty when `ok`. */
  message: string;
}

/** Runs a program to its end. Never throws: a failure is a result that says why. */
export type Run = (
  command: string,
  parameters: readonly string[],
  options?: RunOptions,
) => Promise<RunResult>;

/** Folders that hold `ip` and `nsenter` but are not in every user's PATH. */
const ADMIN_FOLDERS = '/usr/local/sbin:/usr/sbin:/sbin';
const DEFAULT_TIMEOUT = 5_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** The {@link Run} of the real machine, by execa. Messages are English, whatever the locale. */
export const runCommand: Run = async (command, parameters, options = {}) => {
  const { execa } = await import('execa');
  const timeout = options.timeout ?? DEFAULT_TIMEOUT;
  const result = await execa(command, parameters, {
    reject: false,
    timeout,
    killSignal: 'SIGTERM',
    forceKillAfterDelay: 500,
    input: options.input ?? '',
    maxBuffer: MAX_OUTPUT,
    env: { LC_ALL: 'C', PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:${ADMIN_FOLDERS}` },
    ...(options.signal && { cancelSignal: options.signal }),
  });
  const output = { stdout: result.stdout, stderr: result.stderr };
  if (!result.failed) return { ok: true, ...output, failure: null, message: '' };
  const [failure, message] = describeFailure(command, result, timeout);
  return { ok: false, ...output, failure, message };
};

interface Failed {
  code?: string | undefined;
  timedOut: boolean;
  isCanceled: boolean;
  isMaxBuffer: boolean;
  exitCode?: number | undefined;
  signal?: string | undefined;
  stderr: string;
}

function describeFailure(
  command: string,
  failed: Failed,
  timeout: number,
): [NonNullable<RunResult['failure']>, string] {
  if (failed.code === 'ENOENT') return ['missing', `${command} is not installed`];
  if (failed.code === 'EACCES') return ['denied', `${command} may not be run`];
  if (failed.timedOut) return ['timeout', `${command} did not end within ${timeout} ms`];
  if (failed.isCanceled) return ['aborted', `${command} was stopped`];
  if (failed.isMaxBuffer) return ['exit', `${command} printed more than ${MAX_OUTPUT} bytes`];
  const end = failed.signal ? `was ended by ${failed.signal}` : `ended with ${failed.exitCode}`;
  const said = lastLine(failed.stderr);
  return ['exit', said === '' ? `${command} ${end}` : `${command} ${end}: ${said}`];
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
