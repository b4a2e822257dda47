/** Wraps standard output and standard error, which may be closed or full: write errors are kept, never thrown. */
import { describeSystemError, systemCode } from '../model/system-error.js';

let output: StandardStream | null = null;
let errors: StandardStream | null = null;

export function standardOutput(): StandardStream {
  return (output ??= new StandardStream(process.stdout));
}

export function standardError(): StandardStream {
  return (errors ??= new StandardStream(process.stderr));
}

/** The error line for incomplete output. */
export function describeLoss(failure: Error): string {
  const { why } = describeSystemError(failure);
  return `Error: not everything could be written to standard output (${why})\n`;
}

/** For what oclif itself prints (help, version): a full disk exits 1 with a message; a closed pipe is no error. */
export function guardStreams(): void {
  const [out, err] = [standardOutput(), standardError()];
  // A file that may not grow (ulimit -f) is an error of the write. Node ignores the signal, but execa makes Node die of it.
  process.on('SIGXFSZ', () => undefined);
  process.on('exit', (code) => {
    if (code !== 0 || !out.failure || systemCode(out.failure) === 'EPIPE') return;
    err.write(describeLoss(out.failure));
    process.exitCode = 1;
  });
}

/** One of the standard streams. It may be closed or full: a write error is kept, never thrown. */
export class StandardStream {
  readonly #stream: NodeJS.WriteStream;
  readonly #handlers: (() => void)[] = [];
  failure: Error | null = null;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.claim();
  }

  /** Removes foreign error listeners: oclif's class of commands adds one that throws. */
  claim(): void {
    this.#stream.removeAllListeners('error');
    this.#stream.on('error', (error: Error) => this.#fail(error));
  }

  write(content: string | Buffer): void {
    if (this.failure) return;
    try {
      this.#stream.write(content);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async deliver(content: string | Buffer): Promise<void> {
    this.write(content);
    await this.flush();
    if (this.failure) throw this.failure;
  }

  /** Bytes that were written and that a slow reader has not taken yet. */
  get waiting(): number {
    return this.#stream.writableLength;
  }

  /** Settles when the stream has room for more; at once where it has. */
  async drain(): Promise<void> {
    if (this.#stream.writableNeedDrain) await this.flush();
  }

  /** Settles when everything has gone out, or when nothing can any more. */
  async flush(): Promise<void> {
    if (this.failure) return;
    await new Promise<void>((resolve) => {
      this.#handlers.push(resolve);
      try {
        this.#stream.write('', () => resolve());
      } catch (error) {
        this.#fail(error as Error);
      }
    });
  }

  onFailure(handler: () => void): void {
    if (this.failure) handler();
    else this.#handlers.push(handler);
  }

  #fail(error: Error): void {
    // After the first failure, a stream only reports that it is closed.
    if (this.failure) return;
    this.failure = error;
    for (const handler of this.#handlers) handler();
  }
}
