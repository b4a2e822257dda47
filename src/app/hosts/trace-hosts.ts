/** Traces several hosts at once, each by its own trace-flow over ssh, and tells their joint report. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../model/errors.js';
import { distinguishNames, type RemoteHost } from '../../model/remote-host.js';
import type { TraceHeader } from '../../model/trace.js';
import { CommandBeside } from '../command.js';
import { checkFiles, listFiles, needsEvents, OutputFiles } from '../outputs.js';
import type { LiveOutputs, LiveTerminal } from '../present.js';
import { createProgress, silence, type Progress } from '../progress.js';
import { tellReport } from '../tell-report.js';
import type { TraceRequest } from '../trace-request.js';
import { keepFile, nameFile } from './host-file.js';
import { joinHosts } from './join.js';
import { writeParameters } from './parameters.js';
import { TracedHost } from './traced-host.js';

export interface HostsRequest {
  readonly hosts: readonly RemoteHost[];
  /** The trace-flow on the hosts. */
  readonly program: string;
  readonly sshConfig: string | undefined;
  /** What each host traces, and what ends the trace. */
  readonly trace: TraceRequest;
}

/** Milliseconds that packets get to arrive, and connections to close, after the command's end. */
const LINGER = 500;
const TICK = 50;
/** Milliseconds without anything from a host until it is given up, at the end and while the trace begins. */
const END_PATIENCE = 30_000;
const START_PATIENCE = 5_000;

/** @returns the exit code */
export async function traceHosts(
  request: HostsRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  const names = distinguishNames(request.hosts.map(({ name }) => name));
  const files = nameFiles(outputs, names);
  const others = { ...outputs, record: undefined };
  await checkFiles([...listFiles(others), ...files], outputs.json || outputs.ndjson);
  const progress = openProgress(request, names, outputs, terminal);
  const stop = new AbortController();
  terminal.onInterrupt(() => stop.abort(INTERRUPTED));
  progress.starting();
  const hosts: TracedHost[] = [];
  const kept = new OutputFiles(terminal);
  const cuts = new Cuts(progress);
  let keeping: Promise<unknown> = Promise.resolve();
  let patience = START_PATIENCE;
  try {
    start(request, { hosts, names, progress });
    const headers = await awaitLive(hosts, stop.signal);
    patience = END_PATIENCE;
    keeping = Promise.all(
      files.map(async (file, index) => {
        const stream = hosts[index]?.stream;
        if (stream) await kept.note(file, async () => keepFile(stream, file));
      }),
    );
    tellReady(headers, progress);
    await waitForEnd(request.trace, hosts, { stop: stop.signal, cuts, progress });
  } finally {
    if (patience === END_PATIENCE && !outputs.quiet) terminal.draw('stopping …\n');
    await Promise.all(hosts.map(async ({ stream }) => stream.stop(patience)));
  }
  cuts.look(hosts, false);
  await keeping;
  const { anonymize = false } = outputs;
  const hops = outputs.ndjson || needsEvents(others) ? null : request.trace.hops;
  const joined = await joinHosts(hosts, { hops, anonymize });
  for (const { stream } of hosts) stream.close();
  for (const [one, other] of joined.same) {
    progress.warn(`${one} and ${other} are one machine: ${other} is left out`);
  }
  const written = kept.tell();
  const exit = await tellReport(joined, request.trace.program, others, terminal);
  if (cuts.reasons.length === 0) return exit === 0 && !written ? 1 : exit;
  for (const reason of cuts.reasons) terminal.err(`Error: ${reason}\n`);
  return 1;
}

/** One file per host; none when no recording is asked for. */
function nameFiles(
  { record, anonymize = false }: LiveOutputs,
  names: readonly string[],
): readonly string[] {
  if (record === undefined) return [];
  if (record === '-') {
    throw usage(
      'the recordings of several hosts do not go to one standard output',
      'give a name: --record both.tflow writes a file for each host',
    );
  }
  if (anonymize) {
    throw usage(
      'the recordings of hosts are kept as they come, without pseudonyms',
      'record them without --anonymize, then: trace-flow read FILE FILE --anonymize',
    );
  }
  return names.map((name) => nameFile(record, name));
}

function openProgress(
  { trace }: HostsRequest,
  names: readonly string[],
  { quiet }: LiveOutputs,
  terminal: LiveTerminal,
): Progress {
  const progress = createProgress({
    write: (text) => terminal.draw(text),
    terminal: terminal.interactive,
    where: ` on ${names.join(', ')}`,
    hint: trace.command.length > 0 ? 'ends with the command' : 'Ctrl-C ends the trace',
  });
  return quiet ? silence(progress) : progress;
}

function start(
  { hosts, program, sshConfig, trace }: HostsRequest,
  into: {
    readonly hosts: TracedHost[];
    readonly names: readonly string[];
    readonly progress: Progress;
  },
): void {
  const parameters = writeParameters(trace);
  const warn = (text: string): void => into.progress.warn(text);
  for (const [index, host] of hosts.entries()) {
    const name = into.names[index] ?? host.name;
    into.hosts.push(new TracedHost({ name, host, program, sshConfig, parameters, warn }));
  }
}

/** Waits until all hosts are live. The first failure is thrown at once. */
async function awaitLive(
  hosts: readonly TracedHost[],
  stop: AbortSignal,
): Promise<readonly TraceHeader[]> {
  const live = Promise.all(hosts.map(async (host) => host.header()));
  live.catch(() => undefined);
  stop.throwIfAborted();
  const interrupted = new Promise<never>((_resolve, reject) => {
    stop.addEventListener('abort', () => reject(stop.reason as Error), { once: true });
  });
  interrupted.catch(() => undefined);
  return Promise.race([live, interrupted]);
}

function tellReady(headers: readonly TraceHeader[], progress: Progress): void {
  const ports = new Set(headers.flatMap(({ target }) => target.asked));
  const missing = new Set(headers.flatMap(({ probes }) => probes.missing));
  progress.ready(
    [...ports].sort((a, b) => a - b),
    [...missing],
  );
}

/** Hosts whose trace ended before all others', and why. */
class Cuts {
  readonly #progress: Progress;
  readonly #told = new Set<TracedHost>();
  readonly reasons: string[] = [];

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** @param early whether no host was to end yet */
  look(hosts: readonly TracedHost[], early: boolean): void {
    for (const host of hosts) {
      const why = host.cut() ?? (early && host.end !== null ? 'its trace was ended there' : null);
      if (why === null || this.#told.has(host)) continue;
      this.#told.add(host);
      const reason = `${host.name} was not traced to the end: ${why}`;
      this.reasons.push(reason);
      this.#progress.warn(reason);
    }
  }
}

async function waitForEnd(
  { command, duration, connections }: TraceRequest,
  hosts: readonly TracedHost[],
  effects: { readonly stop: AbortSignal; readonly cuts: Cuts; readonly progress: Progress },
): Promise<void> {
  const { stop, cuts, progress } = effects;
  const began = performance.now();
  const beside = new CommandBeside('self', command, { stop, progress });
  while (!beside.failed && !stop.aborted) {
    // The loop's condition handles the abort.
    await sleep(TICK, undefined, { signal: stop }).catch(() => undefined);
    cuts.look(hosts, connections === undefined);
    const over = hosts.filter(({ end }) => end !== null);
    if (over.length === hosts.length) break;
    // A host ends by itself when it has seen as many connections as were asked for.
    if (connections !== undefined && over.some((host) => host.cut() === null)) break;
    const now = performance.now();
    if (duration !== undefined && now - began >= duration * 1000) break;
    if (beside.endedAt !== null && now - beside.endedAt >= LINGER) break;
  }
  // Whatever ended the trace, the command ends with it. If it cannot be run, its error is thrown.
  await beside.finish();
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { code: 'usage', exit: 2, remedy });
}

const INTERRUPTED = new UserError('interrupted before all hosts were live', {
  code: 'interrupted',
  exit: 1,
});
