/** Runs one live trace from request to exit code: streams, files, expectation. */
import { randomBytes } from 'node:crypto';
import { UserError } from '../model/errors.js';
import type { Connection, Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { withFields } from '../prove/outlined-connection.js';
import { EventStream } from './event-stream.js';
import { checkFiles, listFiles, needsEvents } from './outputs.js';
import { conclude, present, streamTo, type LiveOutputs, type LiveTerminal } from './present.js';
import { createProgress, silence, type Progress } from './progress.js';
import type { Recorder } from './recorder.js';
import { passes } from './selection.js';
import type { Sending } from './sending.js';
import { identify } from './tally.js';
import { runTrace } from './trace.js';
import type { TraceRequest, TraceResult } from './trace-request.js';

export async function traceLive(
  request: TraceRequest,
  wanted: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  // When standard output carries the recording, the report goes to standard error.
  const streamed = wanted.record === '-';
  const record = streamed ? '/dev/stdout' : wanted.record;
  // An anonymized recording is written at the end, when all names are known.
  const recorder =
    record !== undefined && !wanted.anonymize ? await openRecorder(record, terminal) : null;
  const outputs = { ...wanted, record, recorder };
  const files = listFiles(outputs);
  if (outputs.anonymize && outputs.ndjson) throw STREAMED;
  await checkFiles(files, outputs.json || outputs.ndjson);
  const progress = openProgress(request, outputs, terminal);
  const sending = outputs.otlp === undefined ? null : await openSending(request, outputs, progress);
  const stop = listenForStop(terminal, {
    // A closed stream ends the trace, unless files or a command were asked for.
    closed: outputs.ndjson && files.length === 0 && request.command.length === 0,
  });
  progress.starting();
  const shown = streamed ? { ...terminal, out: (text: string) => terminal.err(text) } : terminal;
  const { result, written } = await runTold(request, {
    outputs,
    terminal,
    shown,
    progress,
    sending,
    stop,
  });
  const { report, trouble, forgotten } = result;
  const sent = sending === null || (await sending.close((text) => terminal.err(text)));
  if (outputs.quiet) warnOfCoverage(report, progress);
  if (trouble !== null) {
    terminal.err(`Error: ${trouble}\n`);
    return 1;
  }
  const exit = conclude(report, outputs.expect, terminal, forgotten);
  return exit === 0 && !(written && sent) ? 1 : exit;
}

/** Fires when the user ends the trace; and when standard output is closed, if that shall end it too. */
function listenForStop(
  terminal: LiveTerminal,
  { closed }: { readonly closed: boolean },
): AbortSignal {
  const stop = new AbortController();
  terminal.onInterrupt(() =>
    stop.abort(
      new UserError('interrupted before the probes were live', { code: 'interrupted', exit: 1 }),
    ),
  );
  if (closed) terminal.onClosed(() => stop.abort(CLOSED));
  return stop.signal;
}

interface Listeners {
  readonly outputs: LiveOutputs;
  readonly terminal: LiveTerminal;
  /** Where the report goes. */
  readonly shown: LiveTerminal;
  readonly progress: Progress;
  readonly sending: Sending | null;
  readonly stop: AbortSignal;
}

/** Traces, and tells every output what it asked for as it comes. `written` is false where a file could not be written. */
async function runTold(
  request: TraceRequest,
  { outputs, terminal, shown, progress, sending, stop }: Listeners,
): Promise<{ readonly result: TraceResult; readonly written: boolean }> {
  const stream = streamTo(terminal);
  const events = new EventStream({
    write: (event) => stream('event', event),
    waiting: () => terminal.waiting?.() ?? 0,
    warn: (text) => progress.warn(text),
  });
  let written = true;
  const tell =
    outputs.ndjson || outputs.watch === true ? createTeller(outputs, stream, progress) : null;
  const result = await runTrace(request, {
    forgets: needsNoReport(outputs),
    onOver: sending ? (connection) => sending.over(connection) : undefined,
    onLost: sending ? (total) => sending.lost(total) : undefined,
    wholeTrace: needsEvents(outputs),
    watches: outputs.watch === true && terminal.interactive,
    progress,
    recorder: outputs.recorder ?? null,
    stop,
    onEvent: outputs.ndjson ? (event) => events.add(event) : null,
    onConnection: tell,
    onReport: async (made, trace, rest) => {
      // Connections that never ended, or ended last, have not been emitted yet.
      for (const one of tell ? made.connections : []) {
        tell?.(one);
        await terminal.drain?.();
      }
      const [report, told] = outputs.anonymize
        ? await rename(trace, request.hops)
        : ([made, trace] as const);
      written = await present(report, told, outputs, shown);
      await sending?.addRest(outputs.anonymize ? report.connections : rest, report.coverage);
    },
  });
  events.end();
  return { result, written };
}

function openProgress(
  { command }: TraceRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Progress {
  const progress = createProgress({
    write: (text) => terminal.draw(text),
    terminal: terminal.interactive,
    watch: outputs.watch ? () => terminal.screen() : undefined,
    hint: command.length > 0 ? 'ends with the command' : 'Ctrl-C ends the trace',
  });
  return outputs.quiet ? silence(progress) : progress;
}

/** Emits each connection once. Numbers follow the order of output; the report numbers connections by their start. */
function createTeller(
  outputs: LiveOutputs,
  stream: ReturnType<typeof streamTo>,
  progress: Progress,
): (connection: Connection) => void {
  const known = new Set<string>();
  return (connection) => {
    const key = identify(connection);
    if (known.has(key)) return;
    known.add(key);
    const numbered = { ...withFields(connection), id: known.size };
    if (!passes(numbered, outputs.show)) return;
    if (outputs.ndjson) stream('connection', numbered);
    if (outputs.watch) progress.ended(numbered);
  };
}

async function openRecorder(name: string, terminal: LiveTerminal): Promise<Recorder> {
  const { Recorder } = await import('./recorder.js');
  return new Recorder(name, terminal.streams);
}

/** Anonymizes the trace and analyses it again, so that no output can leak a name. */
async function rename(trace: Trace, hops: number | null): Promise<readonly [Report, Trace]> {
  const [{ anonymize }, { analyse }] = await Promise.all([
    import('./anonymize.js'),
    import('../prove/analyse.js'),
  ]);
  const renamed = anonymize(trace, randomBytes(32));
  return [analyse(renamed, { hops }), renamed];
}

async function openSending(
  { query, program }: TraceRequest,
  { otlp = '', anonymize = false, show }: LiveOutputs,
  progress: Progress,
): Promise<Sending> {
  const { Sending } = await import('./sending.js');
  const subject = [...(query.ports ?? []), ...(query.containers ?? [])].join(',') || 'all';
  return Sending.open({
    url: otlp,
    program,
    live: true,
    subject,
    anonymize,
    show,
    warn: (text) => progress.warn(text),
  });
}

/** Whether nothing uses the report. The trace can then drop its connections, however long it runs. */
function needsNoReport(outputs: LiveOutputs): boolean {
  const { quiet, json, ndjson, expect, record, recorder } = outputs;
  const streamed = record === undefined || recorder != null;
  const files = listFiles(outputs).filter((file) => file !== record);
  return quiet === true && !json && !ndjson && expect === null && streamed && files.length === 0;
}

/** Prints the warnings about coverage that the report would contain. */
function warnOfCoverage({ coverage }: Report, progress: Progress): void {
  const { lostEvents, sealed, notes } = coverage;
  if (lostEvents > 0) progress.warn(`${lostEvents} events were lost`);
  if (!sealed) progress.warn('the trace is not sealed');
  for (const note of notes) progress.warn(note);
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
