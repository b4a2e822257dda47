/** The bpftrace process: started in its own group, read line by line, ended for certain. */
import { closeSync, createWriteStream, writeFileSync, type WriteStream } from 'node:fs';
import { setPriority } from 'node:os';
import { execa, type Result } from 'execa';
import { cleanEnvironment } from '../../model/environment.js';
import { openNameless } from '../nameless-file.js';
import { openSpool } from './spool.js';
import { writeCommand, type StartOptions } from './start-command.js';

export interface ChildOptions extends StartOptions {
  readonly program: string;
  /** Functions of the kernel that can be traced, where the kernel has no list of them and bpftrace takes one; else null. */
  readonly functions: readonly string[] | null;
  /** The types that the program uses, in place of all those of the kernel. */
  readonly types?: Buffer | null;
  readonly environment: Readonly<Record<string, string>>;
  /** Hands on the caller's whole environment, BPFTRACE_* included. */
  readonly passEnvironment?: boolean | undefined;
  readonly onLine: (line: string) => void;
}

export interface ChildExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** `exited with code 1`, `was killed by SIGKILL`. */
  readonly how: string;
  readonly stderr: string;
  /** Set when the program could not be started at all. */
  readonly absent: boolean;
  /** Why the system did not start it, where that is a shortage and not its absence. */
  readonly error: Error | null;
}

export interface Child {
  readonly pid: number | undefined;
  readonly exited: Promise<ChildExit>;
  /**
   * Asks it to end (SIGINT) and kills it after `patience` milliseconds, at once when that is 0. Either goes to its
   * whole process group, since a `bpftrace` may be a script around the real one.
   */
  stop(patience: number): Promise<ChildExit>;
}

/** The tracer's niceness. */
const PRIORITY = -10;

/** Standard error is kept up to this many characters: bpftrace may print the whole program, and a hint after it. */
const STDERR_LIMIT = 262_144;

/** A line of this many characters is cut: nothing that the probes print is so long. */
const LINE_LIMIT = 1_048_576;

/** Where the tracer finds its fourth and fifth descriptor. */
const LIST_PATH = '/dev/fd/3';
const BTF_PATH = '/dev/fd/4';

export function startChild(options: ChildOptions): Child {
  const { functions, types = null } = options;
  const list = functions && openFilled(`${functions.join('\n')}\n`);
  const own = options.passEnvironment === true && process.env['BPFTRACE_BTF'] !== undefined;
  const btf = own || types === null ? null : openFilled(types);
  const [file = '', ...args] = writeCommand(
    options,
    list ? ['--traceable-functions', LIST_PATH] : [],
  );
  const takeText = splitLines(options.onLine);
  const spool = openSpool(takeText);
  const subprocess = execa(file, args, {
    input: options.program,
    stdio: ['pipe', spool?.output ?? 'pipe', 'pipe', list ?? 'ignore', btf ?? 'ignore'],
    buffer: false,
    reject: false,
    stripFinalNewline: false,
    cleanup: true,
    // Ctrl-C reaches the terminal's whole group; the tracer has to outlive it until the last seal.
    detached: true,
    env: { ...makeEnvironment(options), ...(btf && { BPFTRACE_BTF: BTF_PATH }) },
    extendEnv: options.passEnvironment ?? false,
  });
  list?.destroy();
  btf?.destroy();
  let stderr = '';
  raisePriority(subprocess.pid);
  subprocess.stdout?.setEncoding('latin1').on('data', takeText);
  subprocess.stderr.setEncoding('latin1').on('data', splitLines(options.onLine));
  subprocess.stderr.on('data', (text: string) => {
    stderr = (stderr + text).slice(0, STDERR_LIMIT);
  });
  const signalGroup = (signal: 'SIGINT' | 'SIGKILL'): void => {
    try {
      if (subprocess.pid !== undefined) process.kill(-subprocess.pid, signal);
    } catch {
      // The group is gone.
    }
  };
  // What a dead wrapper leaves behind would hold the pipes open, and the probes attached.
  subprocess.nodeChildProcess.once('exit', () => signalGroup('SIGKILL'));
  const exited = subprocess.then((result): ChildExit => {
    spool?.end();
    return { ...describeExit(result), stderr };
  });
  return {
    pid: subprocess.pid,
    exited,
    async stop(patience) {
      const { exitCode, signalCode } = subprocess.nodeChildProcess;
      if (exitCode === null && signalCode === null) {
        signalGroup(patience > 0 ? 'SIGINT' : 'SIGKILL');
      }
      const force = setTimeout(() => signalGroup('SIGKILL'), patience);
      try {
        return await exited;
      } finally {
        clearTimeout(force);
      }
    },
  };
}

function makeEnvironment({
  passEnvironment = false,
  environment,
}: ChildOptions): NodeJS.ProcessEnv {
  const clean = cleanEnvironment(process.env['PATH'], process.getuid?.() === 0);
  // Failures are recognised by their English words.
  return { ...(!passEnvironment && clean), ...environment, LC_ALL: 'C' };
}

function describeExit(
  result: Pick<Result, 'failed' | 'exitCode' | 'signal' | 'code'>,
): Omit<ChildExit, 'stderr'> {
  const failed = result.failed && result.exitCode === undefined && result.signal === undefined;
  const absent = failed && (result.code === undefined || result.code === 'ENOENT');
  const how = result.signal
    ? `was killed by ${result.signal}`
    : `exited with code ${result.exitCode ?? 'none'}`;
  return {
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    how,
    absent,
    error: failed && !absent ? Object.assign(new Error(), { code: result.code }) : null,
  };
}

/** To be opened by its descriptor: a pipe of Node's is a socket, which cannot. Null where it cannot be written. */
function openFilled(content: string | Buffer): WriteStream | null {
  const fd = openNameless();
  if (fd === null) return null;
  try {
    writeFileSync(fd, content);
  } catch {
    // No room, or files may not grow that far: bpftrace does without.
    closeSync(fd);
    return null;
  }
  return createWriteStream('', { fd });
}

/** Events are lost where the tracer has to wait for a processor longer than the kernel's buffers last. */
function raisePriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, PRIORITY);
  } catch {
    // Not allowed here: then it has that of everyone.
  }
}

/** Splits text into lines by hand: several times faster than readline on a busy trace. */
function splitLines(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  // A line without its end was cut when bpftrace died: it may look whole and be wrong, so it is left out.
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_LIMIT);
    for (const line of lines) if (line !== '') onLine(line);
  };
}
