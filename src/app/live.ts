/** One live run from request to exit code: streams, files, expectation. */
import { UserError } from '../model/errors.js';
import { checkWritable } from './outputs.js';
import { conclude, present, streamTo, type LiveOutputs, type LiveTerminal } from './present.js';
import { createProgress } from './progress.js';
import { runTrace, type TraceRequest } from './trace.js';

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
