/** Runs one short-lived program of the machine and explains a failure in one sentence. */
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
export type RunCommand = (
  command: string,
  parameters: readonly string[],
  options?: RunOptions,
) => Promise<RunResult>;

const DEFAULT_TIMEOUT = 5_000;
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Milliseconds after which a killed program is abandoned: one that waits for a kernel lock cannot end. */
const GRACE = 500;

/** How a program ended, and all that it printed. */
export interface ProgramEnd {
  readonly stdout: string;
  readonly stderr: string;
  /** Why we ended it; null when it ended by itself. */
  readonly stopped: 'timeout' | 'aborted' | 'overflow' | null;
  /** Null when it was not started or a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The system's error code when it could not be started, such as ENOENT. */
  readonly errno: string | null;
}

export interface ProgramOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string | undefined;
  /** Its whole environment. */
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Runs a program to its end with execa, and never throws. The program leads a process group that is killed as a whole:
 * otherwise a script's children would keep its output open.
 */
export async function runProgram(
  command: string,
  parameters: readonly string[],
  { timeout, signal, input = '', environment }: ProgramOptions,
): Promise<ProgramEnd> {
  const { execa } = await import('execa');
  const unborn = { exitCode: null, signal: null, errno: null };
  if (signal?.aborted) return { stdout: '', stderr: '', stopped: 'aborted', ...unborn };
  const child = execa(command, parameters, {
    reject: false,
    buffer: false,
    detached: true,
    input,
    env: environment,
    extendEnv: false,
  });
  let stopped: ProgramEnd['stopped'] = null;
  let giveUp: NodeJS.Timeout | undefined;
  let leave = (): void => undefined;
  const abandoned = new Promise<null>((resolve) => (leave = () => resolve(null)));
  const stop = (why: NonNullable<ProgramEnd['stopped']>): void => {
    stopped ??= why;
    giveUp ??= setTimeout(leave, GRACE);
    killGroup(child.pid);
  };
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
      if (output[name].length > MAX_OUTPUT) stop('overflow');
    });
  }
  const timer = setTimeout(() => stop('timeout'), timeout);
  const abort = (): void => stop('aborted');
  signal?.addEventListener('abort', abort);
  const ended = await Promise.race([child, abandoned]);
  clearTimeout(timer);
  clearTimeout(giveUp);
  signal?.removeEventListener('abort', abort);
  if (ended !== null) {
    const { exitCode = null, signal: by = null, code } = ended;
    return {
      ...output,
      stopped,
      exitCode,
      signal: by,
      errno: code ?? null,
    };
  }
  for (const name of ['stdout', 'stderr'] as const) child[name].destroy();
  child.nodeChildProcess.unref();
  return { ...output, stopped, ...unborn };
}

/** The {@link RunCommand} of the real machine. Messages are English, whatever the locale. */
export const runCommand: RunCommand = async (command, parameters, options = {}) => {
  const { timeout = DEFAULT_TIMEOUT, signal, input } = options;
  const environment = ownEnvironment();
  const end = await runProgram(command, parameters, { timeout, signal, input, environment });
  const output = { stdout: cutNewline(end.stdout), stderr: cutNewline(end.stderr) };
  if (end.stopped === null && end.exitCode === 0) {
    return { ok: true, ...output, failure: null, message: '' };
  }
  return { ...describe(command, end, timeout), ...output };
};

function cutNewline(text: string): string {
  return text.replace(/\n$/, '');
}

function ownEnvironment(): Record<string, string> {
  return cleanEnvironment(process.env['PATH'], process.getuid?.() === 0);
}

type Failure = NonNullable<RunResult['failure']>;

function describe(command: string, end: ProgramEnd, timeout: number): RunResult {
  const { stopped, exitCode, signal, errno, stderr } = end;
  if (stopped === 'timeout') return fail(stopped, `${command} did not end within ${timeout} ms`);
  if (stopped === 'aborted') return fail(stopped, `${command} was stopped`);
  if (stopped === 'overflow')
    return fail('exit', `${command} printed more than ${MAX_OUTPUT} bytes`);
  if (errno === 'ENOENT') return fail('missing', `${command} is not installed`);
  if (errno === 'EACCES') return fail('denied', `${command} may not be run`);
  if (errno !== null && exitCode === null) {
    const { why, remedy } = describeSystemError(Object.assign(new Error(), { code: errno }));
    return fail('exit', `${command} could not be started: ${why}; ${remedy}`);
  }
  const how = signal ? `was ended by ${signal}` : `ended with ${exitCode}`;
  const said = lastLine(stderr);
  return fail('exit', said === '' ? `${command} ${how}` : `${command} ${how}: ${said}`);
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
