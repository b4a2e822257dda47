/** Wraps the program's own streams and the signals that end a trace. */
import { isHangupIgnored } from './hangup.js';
import { describeLoss, standardError, standardOutput } from './streams.js';
import { escapeJson, escapeLines, escapeStyled } from '../model/visible.js';

export interface OwnTerminal {
  /** Columns of standard output, 80 when it is no terminal. */
  readonly columns: number;
  readonly color: boolean;
  /** Whether standard error is a terminal that progress can be drawn on. */
  readonly interactive: boolean;
  /** The current size of the terminal on standard error, and whether it takes colour. */
  screen(): { readonly columns: number; readonly rows: number; readonly color: boolean };
  /** Text for people on standard output; nothing in it can move a cursor. */
  out(text: string): void;
  /** JSON on standard output, escaped to be harmless to a terminal; it parses to the same value. */
  emit(json: string): void;
  /** Settles when there is room for more on standard output: it waits for a slow reader. */
  drain(): Promise<void>;
  /** Bytes for standard output that a slow reader has not taken yet. */
  waiting(): number;
  /** Lines on standard error; nothing in them can move a cursor. */
  err(text: string): void;
  /** Draws on standard error. Escape sequences go out as they are, so all other text must be safe already. */
  draw(text: string): void;
  /** Bytes of an output that goes to descriptor 1 or 2; settles when they are on their way. */
  readonly streams: ReadonlyMap<number, (content: string | Buffer) => Promise<void>>;
  /** Calls the handler once, when standard output cannot be written any more. */
  onClosed(handler: () => void): void;
  /**
   * Waits until all output is written: a pipe takes 64 KiB at a time, and unwritten output is lost at the exit.
   * @returns the exit code: `exit`; 1 when that was 0 and a stream could not be written, after an error message
   */
  finish(exit: number): Promise<number>;
  /** The first Ctrl-C (or SIGTERM, SIGHUP) fires the signal; the second ends the program at once. */
  onInterrupt(first: () => void): void;
}

/** @param hangupIgnored leaves SIGHUP without effect, as `nohup` asks for. */
export function createTerminal(hangupIgnored = isHangupIgnored()): OwnTerminal {
  const { stdout, stderr, env } = process;
  const takesColor = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const color = stdout.isTTY && takesColor;
  const output = standardOutput();
  const errors = standardError();
  return {
    columns: stdout.isTTY ? Math.max(40, stdout.columns) : 80,
    color,
    interactive: stderr.isTTY,
    screen: () => ({ columns: stderr.columns, rows: stderr.rows, color: takesColor }),
    out: (text) => output.write(color ? escapeStyled(text) : escapeLines(text)),
    emit: (json) => output.write(escapeJson(json)),
    drain: async () => output.drain(),
    waiting: () => output.waiting,
    err: (text) => errors.write(escapeLines(text)),
    draw: (text) => errors.write(text),
    streams: new Map([
      [1, (content) => output.deliver(content)],
      [2, (content) => errors.deliver(content)],
    ]),
    onClosed: (handler) => output.onFailure(handler),
    async finish(exit) {
      await output.flush();
      if (output.failure) errors.write(describeLoss(output.failure));
      await errors.flush();
      return exit === 0 && (output.failure || errors.failure) ? 1 : exit;
    },
    onInterrupt: (first) => {
      let seen = 0;
      const handle = (): void => {
        seen += 1;
        if (seen > 1) process.exit(1);
        first();
      };
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        if (signal === 'SIGHUP' && hangupIgnored) process.on(signal, () => undefined);
        else process.on(signal, handle);
      }
    },
  };
}
