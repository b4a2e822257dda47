/** Offline: a recording or captures read, analysed and reported like a live trace. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CaptureReading, isCapture } from '../capture/captures.js';
import { openInput } from '../capture/file/input.js';
import { UserError } from '../model/errors.js';
import type { Report } from '../model/report.js';
import { resolvePorts, type TargetQuery } from '../model/target.js';
import { withHeader, type Trace, type TraceHeader } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';
import { checkFiles, listFiles, needsEvents } from './outputs.js';
import { conclude, present, streamTo, type LiveOutputs, type LiveTerminal } from './present.js';
import { isLongRecording, readLong } from './read-long.js';
import { select } from './selection.js';
import { ReadProgress } from './read-progress.js';

export interface ReadRequest {
  /** Names of files; `-` is standard input. */
  readonly files: readonly string[];
  readonly query: TargetQuery;
  readonly client: string | null;
  readonly hops: number | null;
  readonly program: string;
  /** An `explain --json` document of the machine that was captured: names for addresses. */
  readonly topology: string | undefined;
}

export async function readTrace(
  request: ReadRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
  standardInput: Readable,
): Promise<number> {
  await checkFiles(listFiles(outputs), outputs.json || outputs.ndjson, request.files);
  const { trace, report } = await readReport(request, outputs, terminal, standardInput);
  for (const note of trace.tail.notes) terminal.err(`warning: ${note}\n`);
  const asksNothing = trace.capture !== undefined && trace.header.target.asked.length === 0;
  const lists = asksNothing && !outputs.json && !outputs.ndjson && outputs.expect === null;
  if (lists && report.connections.length > 0) {
    return (await present(report, trace, { ...outputs, listing: true }, terminal)) ? 0 : 1;
  }
  if (outputs.ndjson) {
    const stream = streamTo(terminal);
    for (const event of trace.events) {
      stream('event', event);
      await terminal.drain?.();
    }
    for (const connection of select(report, outputs.show).connections) {
      stream('connection', connection);
      await terminal.drain?.();
    }
  }
  if (trace.capture && report.connections.length === 0) tellWhatIsThere(trace, terminal);
  const written = await present(report, trace, outputs, terminal);
  const exit = conclude(report, outputs.expect, terminal);
  return exit === 0 && !written ? 1 : exit;
}

interface Read {
  readonly trace: Trace;
  readonly report: Report;
}

async function readReport(
  request: ReadRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
  standardInput: Readable,
): Promise<Read> {
  const { hops } = request;
  const [name = '', ...others] = request.files;
  const asksForEvents = outputs.ndjson || outputs.record !== undefined || needsEvents(outputs);
  if (others.length === 0 && !asksForEvents && (await isLongRecording(name, standardInput))) {
    const narrow = (header: TraceHeader): TraceHeader => narrowHeader(header, request);
    return readLong({ name, hops, standardInput, narrow });
  }
  const loaded = await loadAll(request, terminal, standardInput);
  const named = narrow(await giveNames(loaded, request.topology), request);
  const trace = outputs.anonymize
    ? (await import('./anonymize.js')).anonymize(named, randomBytes(32))
    : named;
  return { trace, report: analyse(trace, { hops }) };
}

async function loadAll(
  { files, program }: ReadRequest,
  terminal: LiveTerminal,
  standardInput: Readable,
): Promise<Trace> {
  const reading = new CaptureReading({ several: files.length > 1, program: program });
  const progress = new ReadProgress(terminal, () => reading.packets);
  const stop = new AbortController();
  // What was read so far is reported.
  if (files.includes('-')) terminal.onInterrupt(() => stop.abort());
  for (const name of files) {
    const input = await openInput(name, standardInput, stop.signal);
    if (isCapture(input.start) || input.start[0] !== 0x7b) {
      await reading.readFile(name, input, (bytes) => progress.add(bytes));
      continue;
    }
    if (files.length > 1) {
      throw new UserError(`${name} is a recording: it is read alone`, {
        code: 'recording-among-others',
        exit: 2,
        remedy: `trace-flow read ${name}`,
      });
    }
    const { readRecording } = await import('./read-recording.js');
    return readRecording(name, input);
  }
  progress.end();
  return reading.makeTrace();
}

/** A port that is not in the capture: those that are. */
function tellWhatIsThere(trace: Trace, terminal: LiveTerminal): void {
  const { header } = trace;
  const target = {
    ...header.target,
    asked: [],
    ports: [],
    addresses: [],
    containers: [],
    protocol: 'all' as const,
  };
  const all = analyse(withHeader(trace, { ...header, target, client: null }), { hops: 1 });
  const ports = listPorts(all);
  const told = ports.slice(0, 20).join(', ');
  terminal.err(
    ports.length === 0
      ? 'the capture has no TCP or UDP traffic\n'
      : `ports in the capture: ${told}${ports.length > 20 ? ` and ${ports.length - 20} more` : ''}\n`,
  );
}

function listPorts({ connections }: Report): string[] {
  const counts = new Map<string, number>();
  for (const { server, container, protocol } of connections) {
    for (const port of new Set([server?.port, container?.port])) {
      if (port === undefined) continue;
      const key = `${port}/${protocol}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([port]) => port);
}

/** What the host's map calls what the capture shows; a recording has its own. */
async function giveNames(trace: Trace, file: string | undefined): Promise<Trace> {
  if (file === undefined || !trace.capture) return trace;
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const remedy = 'give what trace-flow explain --json printed on the captured machine';
    throw new UserError(`${file} cannot be read (${why})`, {
      code: 'cannot-read',
      exit: 1,
      remedy,
      cause,
    });
  });
  const { readMap } = await import('./explain-topology.js');
  const { containers, relays } = readMap(text, file).topology;
  const topology = { ...trace.header.topology, containers, relays };
  return withHeader(trace, { ...trace.header, topology });
}

/** Ports, containers and client narrow what the recording was made for; nothing asked keeps it as it is. */
function narrow(trace: Trace, { query, client }: Pick<ReadRequest, 'query' | 'client'>): Trace {
  if (trace.capture) return narrowCapture(trace, { query, client });
  return withHeader(trace, narrowHeader(trace.header, { query, client }));
}

function narrowHeader(
  header: TraceHeader,
  { query, client }: Pick<ReadRequest, 'query' | 'client'>,
): TraceHeader {
  const asks = (query.ports?.length ?? 0) > 0 || (query.containers?.length ?? 0) > 0;
  const target = asks
    ? resolvePorts(header.topology, query)
    : {
        ...header.target,
        protocol: query.protocol === 'all' ? header.target.protocol : (query.protocol ?? 'all'),
      };
  return { ...header, target, client: client ?? header.client };
}

/** Without a map of the host, ports, protocol and addresses are all that can be asked for. */
function narrowCapture(
  trace: Trace,
  { query, client }: Pick<ReadRequest, 'query' | 'client'>,
): Trace {
  const { header } = trace;
  const names = (query.containers?.length ?? 0) > 0;
  if (names && header.topology.containers.length === 0) {
    throw new UserError('a capture does not know containers by name', {
      code: 'no-names',
      exit: 2,
      remedy: 'give --port N, or --topology FILE with what trace-flow explain --json prints there',
    });
  }
  if (names) {
    const target = resolvePorts(header.topology, query);
    return withHeader(trace, { ...header, target, client });
  }
  const ports = [...new Set(query.ports ?? [])].sort((a, b) => a - b);
  const protocol = query.protocol ?? 'all';
  const target = { ...header.target, asked: ports, ports, protocol };
  return withHeader(trace, { ...header, target, client });
}
