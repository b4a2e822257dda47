/** One live run from request to exit code: streams, files, expectation. */
import { randomBytes } from 'node:crypto';
import { UserError } from '../model/errors.js';
import type { Connection } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';
import { withFields } from '../prove/outlined-connection.js';
import { checkFiles, listFiles, needsEvents } from './outputs.js';
import { conclude, present, streamTo, type LiveOutputs, type LiveTerminal } from './present.js';
import { createProgress } from './progress.js';
import type { Recorder } from './recorder.js';
import { passes } from './selection.js';
import { identify } from './tally.js';
import { runTrace, type TraceRequest } from './trace.js';

export async function traceLive(
  request: TraceRequest,
  wanted: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  // Where standard output takes the recording, people read standard error.
  const streamed = wanted.record === '-';
  const record = streamed ? '/dev/stdout' : wanted.record;
  // Renamed it can only be when all names are known.
  const recorder =
    record !== undefined && !wanted.anonymize ? await openRecorder(record, terminal) : null;
  const outputs = { ...wanted, record, recorder };
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
  const told = new Set<string>();
  /** Each once, numbered as they are told: those of the report are numbered as they began. */
  const tell = (connection: Connection): void => {
    const key = identify(connection);
    if (told.has(key)) return;
    told.add(key);
    const numbered = { ...withFields(connection), id: told.size };
    if (!passes(numbered, outputs.show)) return;
    if (outputs.ndjson) stream('connection', numbered);
    if (outputs.watch) progress.ended(numbered);
  };
  const tells = outputs.ndjson || outputs.watch === true;
  const shown = streamed ? { ...terminal, out: (text: string) => terminal.err(text) } : terminal;
  const { report, trouble } = await runTrace(request, {
    wholeTrace: needsEvents(outputs),
    watches: outputs.watch === true && terminal.interactive,
    progress,
    recorder,
    stop: stop.signal,
    onEvent: outputs.ndjson ? (event) => stream('event', event) : null,
    onConnection: tells ? tell : null,
    onReport: async (made, trace) => {
      // Those that never ended, or did so last: nothing else tells of them before the report.
      for (const one of tells ? made.connections : []) {
        tell(one);
        await terminal.drain?.();
      }
      written = outputs.anonymize
        ? await presentRenamed(trace, request.hops, outputs, shown)
        : await present(made, trace, outputs, shown);
    },
  });
  if (trouble !== null) {
    terminal.err(`Error: ${trouble}\n`);
    return 1;
  }
  const exit = conclude(report, outputs.expect, terminal);
  return exit === 0 && !written ? 1 : exit;
}

async function openRecorder(name: string, terminal: LiveTerminal): Promise<Recorder> {
  const { Recorder } = await import('./recorder.js');
  return new Recorder(name, terminal.streams);
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
