/** Writes the recording of a trace while it runs; readable up to its last whole line, however the program ends. */
import { gzipSync } from 'node:zlib';
import {
  formatCheckpoint,
  formatEnd,
  formatEvent,
  formatHeader,
  formatLastHeader,
} from '../capture/recording.js';
import { openAppended, type AppendedOutput } from '../host/appended-output.js';
import { UserError } from '../model/errors.js';
import type { TraceEvent } from '../model/event.js';
import type { Checkpoint, TraceHeader, TraceTail } from '../model/trace.js';

/** Milliseconds that events wait to be written together; longer for `.gz`, because larger pieces compress better. */
const WAIT = 200;
const WAIT_PACKED = 1_000;
/** Characters at which waiting events are written at once. */
const PIECE = 262_144;
/** Most characters that may wait for a slow reader or disk. */
const MOST_WAITING = 64 * 1024 * 1024;

/** What is known only at the end of a trace. */
export interface RecordingEnd {
  readonly header: TraceHeader;
  /** Sums that were read after the last event. */
  readonly sums: readonly TraceEvent[];
  readonly tail: TraceTail;
}

export class Recorder {
  readonly #name: string;
  readonly #streams: ReadonlyMap<number, (content: Buffer) => Promise<void>>;
  readonly #packed: boolean;
  #output: AppendedOutput | null = null;
  #begun = false;
  #lines: string[] = [];
  #length = 0;
  /** Characters handed over and not yet written. */
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  /** With a name that ends in `.gz`, the output is a sequence of complete gzip members. */
  constructor(name: string, streams: ReadonlyMap<number, (content: Buffer) => Promise<void>>) {
    this.#name = name;
    this.#streams = streams;
    this.#packed = name.endsWith('.gz');
  }

  /** Opens the output with the header and the events so far. `settle` throws what failed. */
  async begin(header: TraceHeader, events: readonly TraceEvent[]): Promise<void> {
    const first = formatHeader(header, true) + events.map(formatEvent).join('');
    // Events that arrive while it is being opened wait.
    this.#begun = true;
    try {
      this.#output = await openAppended(this.#name, this.#pack(first), this.#streams);
    } catch (error) {
      this.#failure = error;
    }
    this.#flush();
  }

  /** Does nothing before `begin`, which gets all earlier events. */
  add(event: TraceEvent): void {
    this.#push(formatEvent(event));
  }

  /** Tells that all events up to then have been added. That of the trace's end is part of its last line. */
  addCheckpoint(checkpoint: Checkpoint): void {
    if (checkpoint.end !== true) this.#push(formatCheckpoint(checkpoint));
  }

  #push(line: string): void {
    if (!this.#begun || this.#failure !== null) return;
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= PIECE) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#packed ? WAIT_PACKED : WAIT);
  }

  async finish({ header, sums, tail }: RecordingEnd): Promise<void> {
    if (this.#output === null) return;
    this.#lines.push(...sums.map(formatEvent), formatLastHeader(header), formatEnd(tail));
    this.#flush();
    await this.#writing;
    await this.#output.close().catch((error: unknown) => (this.#failure ??= error));
  }

  /** Throws what went wrong, a UserError, if anything did. */
  settle(): void {
    if (this.#failure !== null) throw this.#failure as Error;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const output = this.#output;
    if (output === null) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#length = 0;
    if (text === '') return;
    if (this.#waiting > MOST_WAITING) {
      this.#failure ??= describeSlow(this.#name);
      return;
    }
    this.#waiting += text.length;
    this.#writing = this.#writing.then(async () => {
      try {
        if (this.#failure === null) await output.write(this.#pack(text));
      } catch (error) {
        this.#failure ??= error;
      }
      this.#waiting -= text.length;
    });
  }

  #pack(text: string): Buffer {
    return this.#packed ? gzipSync(text, { level: 1 }) : Buffer.from(text);
  }
}

function describeSlow(name: string): UserError {
  return new UserError(
    `${name} takes the recording too slowly: it ends in the middle of the trace`,
    {
      code: 'slow-output',
      exit: 1,
      remedy: 'record into a file on a disk of this machine',
    },
  );
}
