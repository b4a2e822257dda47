/** One live run from request to exit code: streams, files, expectation. */
import { UserError } from '../model/errors.js';
import type { Path } from '../model/verdict.js';
import type { Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import type { Screen } from '../render/terminal/watch.js';
import { findUnmet } from './expect.js';
import { checkWritable, printReport, writeFiles, type OutputRequest } from './outputs.js';
import { createProgress } from './progress.js';
import { runTrace, type TraceRequest } from './trace.js';

export interface LiveOutputs extends OutputRequest {
  readonly expect: Path | null;
  /** Shows connections as they come, where standard error is a terminal. */
  readonly watch?: boolean;
}

/** What the program needs of its own terminal (see cli/terminal). */
export interface LiveTerminal {
  readonly columns: number;
  readonly color: boolean;
  readonly interactive: boolean;
  /** What standard error has room for at this moment. */
  screen(): Screen;
  out(text: string): void;
  err(text: string): void;
  onInterrupt(first: () => void): void;
}

export async function traceLive(
  request: TraceRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  await checkWritable(outputs);
  const progress = createProgress({
    write: (text) => terminal.err(text),
    terminal: terminal.interactive,
    watch: outputs.watch ? () => terminal.screen() : undefined,
    hint: request.command.length > 0 ? 'ends with the command' : 'Ctrl-C ends the trace',
  });
  const stop = new AbortController();
  terminal.onInterrupt(() =>
    stop.abort(
      new UserError('interrupted before the probes were live', { code: 'interrupted', exit: 1 }),
    ),
  );
  progress.starting();
  const stream = streamTo(terminal);
  const { report, trouble } = await runTrace(request, {
    progress,
    stop: stop.signal,
    onEvent: outputs.ndjson ? (event) => stream('event', event) : null,
    onConnection: outputs.ndjson ? (connection) => stream('connection', connection) : null,
    onReport: async (made, trace) => present(made, trace, outputs, terminal),
  });
  if (trouble !== null) {
    terminal.err(`Error: ${trouble}\n`);
    return 1;
  }
  return conclude(report, outputs.expect, terminal);
}

/** Writes the lines of `--ndjson`: a type, and what it is named after. */
export function streamTo(terminal: Pick<LiveTerminal, 'out'>) {
  return (type: 'event' | 'connection', value: object): void =>
    terminal.out(`${JSON.stringify({ type, [type]: value })}\n`);
}

/** Files first, so that a full disk does not cost the report on the terminal. */
export async function present(
  report: Report,
  trace: Trace,
  outputs: OutputRequest,
  terminal: LiveTerminal,
): Promise<void> {
  const files = writeFiles(report, trace, outputs);
  await printReport(report, outputs, terminal, (text) => terminal.out(text));
  for (const file of await files) terminal.err(`wrote ${file}\n`);
}

/** The exit code that the report deserves, with a sentence on standard error when it is not 0. */
export function conclude(report: Report, expected: Path | null, terminal: LiveTerminal): number {
  if (report.connections.length === 0) {
    terminal.err('no matching traffic was seen\n');
    return 3;
  }
  const unmet = expected === null ? null : findUnmet(report, expected);
  if (unmet === null) return 0;
  terminal.err(`${unmet}\n`);
  return 4;
}
