/** The recording of one host: streamed into a file without a name while the trace there runs, read from it afterwards. */
import { closeSync, createWriteStream, fstatSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { execa } from 'execa';
import { UserError } from '../../model/errors.js';
import { searchFolders } from '../../model/environment.js';
import type { CaptureInput } from '../file/input.js';
import { openNameless } from '../nameless-file.js';
import type { HostEnd } from './failure.js';

export interface StreamOptions {
  /** The command that prints the recording, and ends when its standard input does. */
  readonly command: readonly string[];
  /** Takes each warning as it is printed. */
  readonly onWarning: (text: string) => void;
}

/** Milliseconds between two signs of life; see `--lifeline`. */
const BEAT = 5_000;
/** Milliseconds between two looks for the first line. */
const LOOK = 50;
const CHUNK = 262_144;
/** Most bytes of a first line. */
const MOST_HEADER = 16 * 1024 * 1024;
/** Standard error is kept up to this many characters. */
const STDERR_LIMIT = 65_536;

export class HostStream {
  readonly #fd: number;
  readonly #child;
  readonly #beat: NodeJS.Timeout;
  #stderr = '';
  #stopping = false;
  /** Settles when the command has ended. */
  readonly ended: Promise<HostEnd>;
  #isOver = false;
  #closed = false;

  /** @throws UserError when no file can be made for the recording */
  constructor({ command, onWarning }: StreamOptions) {
    this.#fd = openFile();
    const [file = '', ...args] = command;
    this.#child = execa(file, args, {
      stdio: ['pipe', createWriteStream('', { fd: this.#fd, autoClose: false }), 'pipe'],
      buffer: false,
      reject: false,
      // Ctrl-C reaches the terminal's whole group; this has to outlive it until the host has told its end.
      detached: true,
      env: makeEnvironment(),
      extendEnv: false,
    });
    // A host that is gone takes no more.
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_LIMIT);
      if (this.#stopping) return;
      for (const [, warning = ''] of text.matchAll(/^warning: (.+)$/gm)) onWarning(warning);
    });
    this.#beat = setInterval(() => this.#child.stdin.write('\n'), BEAT);
    this.ended = this.#child.then(({ exitCode = null, signal = null, code }) => {
      this.#isOver = true;
      clearInterval(this.#beat);
      const isUnborn = exitCode === null && signal === null;
      return { exitCode, signal, errno: isUnborn ? (code ?? 'none') : null, stderr: this.#stderr };
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes of the recording that have come. */
  get size(): number {
    return fstatSync(this.#fd).size;
  }

  /** Waits for the first line, which is there as soon as the probes are live. @returns null when the command ended without one */
  async firstLine(): Promise<string | null> {
    for (;;) {
      // In this order: what came before the end is there when the end is known.
      const isOver = this.#isOver;
      const line = this.#readLine();
      if (line !== null || isOver) return line;
      await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, LOOK))]);
    }
  }

  #readLine(): string | null {
    const { size } = this;
    const buffer = Buffer.allocUnsafe(Math.min(size, MOST_HEADER));
    const length = readSync(this.#fd, buffer, 0, buffer.length, 0);
    const end = buffer.subarray(0, length).indexOf('\n');
    if (end >= 0) return buffer.toString('utf8', 0, end);
    return length === MOST_HEADER ? '' : null;
  }

  /**
   * Asks the host to end its trace, and waits until it has told everything.
   * @param patience milliseconds in which something has to come; then ssh is killed, which the host notices
   */
  async stop(patience: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#beat);
    this.#child.stdin.end();
    for (let seen = -1; !this.#isOver && seen !== this.size;) {
      seen = this.size;
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise((resolve) => (timer = setTimeout(resolve, patience)));
      await Promise.race([this.ended, silence]);
      clearTimeout(timer);
    }
    if (!this.#isOver) this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Reads on from a place. @returns null at the end of what has come */
  read(from: number): Buffer | null {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const length = readSync(this.#fd, buffer, 0, CHUNK, from);
    return length === 0 ? null : buffer.subarray(0, length);
  }

  /** The whole recording, after the end. */
  open(): CaptureInput {
    const start = this.read(0) ?? Buffer.alloc(0);
    // The owner closes it.
    return {
      start,
      chunks: this.#chunks(),
      problem: () => null,
      close: async () => Promise.resolve(),
    };
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (let at = 0, piece = this.read(at); piece !== null; piece = this.read(at)) {
      at += piece.length;
      yield piece;
      // Other tasks run between two pieces.
      await setImmediate();
    }
  }

  /** Drops the recording. */
  close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}

/** The user's own: ssh finds the agent by it, and what its configuration starts may need any of it. */
function makeEnvironment(): NodeJS.ProcessEnv {
  const path = searchFolders(process.env['PATH'], process.getuid?.() === 0).join(':');
  // Failures are recognised by their English words.
  return { ...process.env, PATH: path, LC_ALL: 'C' };
}

function openFile(): number {
  const fd = openNameless();
  if (fd !== null) return fd;
  throw new UserError('no file can be made for what the hosts send', {
    code: 'no-spool',
    exit: 1,
    remedy: 'make room in the folder for temporary files, or set TMPDIR to another one',
  });
}
