// Runs one short-lived program of the machine and says in one sentence why it did not work.

import { cleanEnvironment } from '../model/environment.js';
import { describeSystemError } from '../model/system-error.js';

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

const DEFAULT_TIMEOUT = 5_000;
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Milliseconds after which a killed program is left behind: one that waits for a kernel lock cannot end. */
const GRACE = 500;

/**
 * The {@link Run} of the real machine, by execa. Messages are English, whatever the locale. The program leads a process
 * group, which ends as a whole: a script's children would else hold its output open.
 */
export const runCommand: Run = async (command, parameters, options = {}) => {
  const { execa } = await import('execa');
  const { timeout = DEFAULT_TIMEOUT, signal } = options;
  if (signal?.aborted) return fail('aborted', `${command} was not started`);
  const child = execa(command, parameters, {
    reject: false,
    buffer: false,
    detached: true,
    input: options.input ?? '',
    env: ownEnvironment(),
    extendEnv: false,
  });
  let cause: 'timeout' | 'aborted' | 'exit' | null = null;
  let giveUp: NodeJS.Timeout | undefined;
  let leave = (): void => undefined;
  const abandoned = new Promise<null>((resolve) => (leave = () => resolve(null)));
  const stop = (why: 'timeout' | 'aborted' | 'exit'): void => {
    cause ??= why;
    giveUp ??= setTimeout(leave, GRACE);
    killGroup(child.pid);
  };
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
      if (output[name].length > MAX_OUTPUT) stop('exit');
    });
  }
  const timer = setTimeout(() => stop('timeout'), timeout);
  const abort = (): void => stop('aborted');
  signal?.addEventListener('abort', abort);
  const ended = await Promise.race([child, abandoned]);
  clearTimeout(timer);
  clearTimeout(giveUp);
  signal?.removeEventListener('abort', abort);
  for (const name of ['stdout', 'stderr'] as const) {
    if (ended === null) child[name].destroy();
    output[name] = output[name].replace(/\n$/, '');
  }
  if (ended === null) child.nodeChildProcess.unref();
  else if (!ended.failed && cause === null) {
    return { ok: true, ...output, failure: null, message: '' };
  }
  return { ...describe(command, cause, ended, output.stderr, timeout), ...output };
};

function ownEnvironment(): Record<string, string> {
  return cleanEnvironment(process.env['PATH'], process.getuid?.() === 0);
}

type Failure = NonNullable<RunResult['failure']>;

interface Ended {
  code?: string | undefined;
  exitCode?: number | undefined;
  signal?: string | undefined;
}

function describe(
  command: string,
  cause: Failure | null,
  ended: Ended | null,
  stderr: string,
  timeout: number,
): RunResult {
  if (cause === 'timeout') return fail(cause, `${command} did not end within ${timeout} ms`);
  if (cause === 'aborted') return fail(cause, `${command} was stopped`);
  if (cause === 'exit') return fail(cause, `${command} printed more than ${MAX_OUTPUT} bytes`);
  if (ended?.code === 'ENOENT') return fail('missing', `${command} is not installed`);
  if (ended?.code === 'EACCES') return fail('denied', `${command} may not be run`);
  if (ended?.code !== undefined && ended.exitCode === undefined) {
    const { why, remedy } = describeSystemError(Object.assign(new Error(), { code: ended.code }));
    return fail('exit', `${command} could not be started: ${why}; ${remedy}`);
  }
  const end = ended?.signal ? `was ended by ${ended.signal}` : `ended with ${ended?.exitCode}`;
  const said = lastLine(stderr);
  return fail('exit', said === '' ? `${command} ${end}` : `${command} ${end}: ${said}`);
}

function fail(failure: Failure, message: string): RunResult {
  return { ok: false, stdout: '', stderr: '', failure, message };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
