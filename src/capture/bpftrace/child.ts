/** The bpftrace process: started in its own group, read line by line, ended for certain. */
import { createWriteStream, writeFileSync, type WriteStream } from 'node:fs';
import { setPriority } from 'node:os';
import { execa, type Result } from 'execa';
import { cleanEnvironment } from '../../model/environment.js';
import { openNameless } from '../nameless-file.js';
import { openSpool } from './spool.js';

export interface ChildOptions {
  /** Program to run, by default `bpftrace` from the PATH. */
  readonly bpftrace: string;
  readonly program: string;
  /** Folder where tracefs is mounted, or null to mount it in a mount namespace of the child's own. */
  readonly tracefs: string | null;
  /** Functions of the kernel that can be traced, where the kernel has no list of them and bpftrace takes one; else null. */
  readonly functions: readonly string[] | null;
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

/** Mounts tracefs where only this child sees it, then becomes bpftrace. */
const MOUNT_AND_RUN = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"';

export function startChild(options: ChildOptions): Child {
  const list = options.functions ? writeList(options.functions) : null;
  const listed = list ? ['--traceable-functions', '/dev/fd/3'] : [];
  const [file = '', ...args] = writeCommand(options, listed);
  const takeText = splitLines(options.onLine);
  const spool = openSpool(takeText);
  const subprocess = execa(file, args, {
    input: options.program,
    stdio: ['pipe', spool?.output ?? 'pipe', 'pipe', ...(list ? [list] : [])],
    buffer: false,
    reject: false,
    stripFinalNewline: false,
    cleanup: true,
    // Ctrl-C reaches the terminal's whole group; the tracer has to outlive it until the last seal.
    detached: true,
    env: makeEnvironment(options),
    extendEnv: options.passEnvironment ?? false,
  });
  list?.destroy();
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

/** If trace-flow itself is killed, the kernel ends the tracer; no shutdown code could. */
function writeCommand({ bpftrace, tracefs }: ChildOptions, more: readonly string[]): string[] {
  const bound = ['setpriv', '--pdeathsig', 'KILL', bpftrace, ...more, '-'];
  if (tracefs !== null) return bound;
  const apart = ['unshare', '--mount', '--propagation', 'private'];
  return [...apart, 'sh', '-c', MOUNT_AND_RUN, 'sh', ...bound];
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

/** To be opened by its descriptor: a pipe of Node's is a socket, which cannot. */
function writeList(names: readonly string[]): WriteStream | null {
  const fd = openNameless();
  if (fd === null) return null;
  writeFileSync(fd, `${names.join('\n')}\n`);
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
