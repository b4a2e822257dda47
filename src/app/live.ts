/** One live run from request to exit code: streams, files, expectation. */
import { randomBytes } from 'node:crypto';
import { UserError } from '../model/errors.js';
import type { Trace } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';
import { checkFiles, listFiles } from './outputs.js';
import { conclude, present, streamTo, type LiveOutputs, type LiveTerminal } from './present.js';
import { createProgress } from './progress.js';
import { passes } from './selection.js';
import { runTrace, type TraceRequest } from './trace.js';

export async function traceLive(
  request: TraceRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  const files = listFiles(outputs);
  if (outputs.anonymize && outputs.ndjson) throw STREAMED;
  await checkFiles(files, outputs.json || outputs.ndjson);
  const progress = createProgress({
    write: (text) => terminal.draw(text),
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
  // A stream that nobody reads any more ends the trace, unless something else was asked for.
  if (outputs.ndjson && files.length === 0 && request.command.length === 0) {
    terminal.onClosed(() => stop.abort(CLOSED));
  }
  let written = true;
  const { report, trouble } = await runTrace(request, {
    progress,
    stop: stop.signal,
    onEvent: outputs.ndjson ? (event) => stream('event', event) : null,
    onConnection: (connection) => {
      if (!passes(connection, outputs.show)) return;
      if (outputs.ndjson) stream('connection', connection);
      if (outputs.watch) progress.ended(connection);
    },
    onReport: async (made, trace) => {
      // Those that never ended: nothing else tells of them before the report.
      if (outputs.watch) {
        for (const one of made.connections) if (passes(one, outputs.show)) progress.ended(one);
      }
      written = outputs.anonymize
        ? await presentRenamed(trace, request.hops, outputs, terminal)
        : await present(made, trace, outputs, terminal);
    },
  });
  if (trouble !== null) {
    terminal.err(`Error: ${trouble}\n`);
    return 1;
  }
  const exit = conclude(report, outputs.expect, terminal);
  return exit === 0 && !written ? 1 : exit;
}

/** Renamed before it is judged again, so that no output has anything to leak. */
async function presentRenamed(
  trace: Trace,
  hops: number | null,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Promise<boolean> {
  const { anonymize } = await import('./anonymize.js');
  const renamed = anonymize(trace, randomBytes(32));
  return present(analyse(renamed, { hops }), renamed, outputs, terminal);
}

const STREAMED = new UserError('--anonymize cannot rename a stream: names come up until its end', {
  code: 'usage',
  exit: 2,
  remedy: 'record it, then: trace-flow read FILE --anonymize --ndjson',
});
const CLOSED = new UserError('standard output was closed before the probes were live', {
  code: 'closed',
  exit: 1,
  remedy: 'read the stream to its end',
});
