/** Presents a report, live or read: writes files, prints it, and picks the exit code. */
import type { Expectation } from '../model/expectation.js';
import type { Report } from '../model/report.js';
import type { Selection } from '../model/selection.js';
import type { Trace } from '../model/trace.js';
import type { Screen } from '../render/terminal/watch.js';
import { findUnmet } from './expect.js';
import { select } from './selection.js';
import {
  OutputFiles,
  printReport,
  writeFiles,
  type OutputRequest,
  type OutputTerminal,
  type Sink,
} from './outputs.js';

export interface LiveOutputs extends OutputRequest {
  readonly expect: Expectation | null;
  /** Which connections are shown; the verdict and the expectation are about all of them. */
  readonly show: Selection;
  /** Shows connections as they come, where standard error is a terminal. */
  readonly watch?: boolean;
  /** Where traces and metrics go. */
  readonly otlp?: string | undefined;
}

/** What the program needs of its own terminal (see cli/terminal). */
export interface LiveTerminal extends Sink, OutputTerminal {
  readonly columns: number;
  readonly color: boolean;
  readonly interactive: boolean;
  /** The current size of the terminal on standard error. */
  screen(): Screen;
  /** Draws on standard error, cursor movements included. */
  draw(text: string): void;
  /** Calls the handler once, when standard output cannot be written any more. */
  onClosed(handler: () => void): void;
  onInterrupt(first: () => void): void;
}

/** Writes the lines of `--ndjson`: a `type`, and the value under a key of that name. */
export function streamTo(terminal: Pick<LiveTerminal, 'emit'>) {
  return (type: 'event' | 'connection', value: object): void =>
    terminal.emit(`${JSON.stringify({ type, [type]: value })}\n`);
}

/** Writes every file and prints the report. Reports files that cannot be written, goes on, and then returns false. */
export async function present(
  report: Report,
  trace: Trace,
  outputs: OutputRequest & Pick<LiveOutputs, 'show'>,
  terminal: LiveTerminal,
): Promise<boolean> {
  const files = new OutputFiles(terminal);
  const shown = select(report, outputs.show);
  await writeFiles(shown, trace, outputs, files);
  if (!outputs.quiet) await printReport(shown, outputs, terminal, terminal);
  return files.tell();
}

/**
 * The exit code for the report. Prints a sentence on standard error when it is not 0.
 * @param forgotten connections that are not in the report
 */
export function conclude(
  report: Report,
  expected: Expectation | null,
  terminal: LiveTerminal,
  forgotten = 0,
): number {
  if (report.connections.length + forgotten === 0) {
    terminal.err('no matching traffic was seen\n');
    return 3;
  }
  const unmet = expected === null ? null : findUnmet(report, expected);
  if (unmet === null) return 0;
  terminal.err(`${unmet}\n`);
  return 4;
}
