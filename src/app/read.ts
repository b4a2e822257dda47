/** Reads recordings or captures, and analyses and reports them like a live trace. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CaptureReading, isCapture } from '../capture/captures.js';
import { openInput, type CaptureInput } from '../capture/file/input.js';
import { UserError } from '../model/errors.js';
import type { Report } from '../model/report.js';
import { resolvePorts, type TargetQuery } from '../model/target.js';
import type { Topology } from '../model/topology.js';
import { withHeader, type Trace, type TraceHeader } from '../model/trace.js';
import { analyseCapture } from '../prove/analyse-capture.js';
import { checkFiles, listFiles, needsEvents } from './outputs.js';
import { present, type LiveOutputs, type LiveTerminal } from './present.js';
import { isLongRecording, readLong } from './read-long.js';
import type { Listing } from './read-capture.js';
import { isUnlimited } from './selection.js';
import { ReadProgress } from './read-progress.js';
import { tellReport } from './tell-report.js';

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
  const read = await readReport(request, outputs, terminal, standardInput);
  for (const note of read.trace.tail.notes) terminal.err(`warning: ${note}\n`);
  if ('groups' in read) {
    const { renderListing } = await import('../render/terminal/listing.js');
    terminal.out(renderListing(read.groups));
    return 0;
  }
  const { trace, report } = read;
  const asksNothing = trace.capture !== undefined && trace.header.target.asked.length === 0;
  if (asksNothing && isListing(outputs) && report.connections.length > 0) {
    return (await present(report, trace, { ...outputs, listing: true }, terminal)) ? 0 : 1;
  }
  if (trace.capture && report.connections.length === 0) tellWhatIsThere(read, terminal);
  return tellReport(read, request.program, outputs, terminal);
}

/** Whether to list only the ports in use, because no other output was asked for. */
function isListing({ json, ndjson, expect, otlp, quiet }: LiveOutputs): boolean {
  return !json && !ndjson && !quiet && expect === null && otlp === undefined;
}

interface Read {
  readonly trace: Trace;
  readonly report: Report;
  /** Connections per port of a capture that was read piece by piece; null when the trace itself has them. */
  readonly ports: ReadonlyMap<string, number> | null;
}

async function readReport(
  request: ReadRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
  standardInput: Readable,
): Promise<Read | Listing> {
  const { hops } = request;
  const [name = '', ...others] = request.files;
  const asksForEvents = outputs.ndjson || outputs.record !== undefined || needsEvents(outputs);
  const inPieces = others.length === 0 && !asksForEvents;
  if (inPieces && (await isLongRecording(name, standardInput))) {
    const narrow = (header: TraceHeader): TraceHeader => narrowHeader(header, request);
    return { ...(await readLong({ name, hops, standardInput, narrow })), ports: null };
  }
  const stop = new AbortController();
  // An interrupt ends reading; what was read so far is reported.
  if (request.files.includes('-')) terminal.onInterrupt(() => stop.abort());
  // All are closed in the end, also after an error.
  const inputs: CaptureInput[] = [];
  const open = async (file: string): Promise<CaptureInput> => {
    const input = await openInput(file, standardInput, stop.signal);
    inputs.push(input);
    return input;
  };
  try {
    return await readInputs(request, outputs, terminal, { inPieces, asksForEvents, open });
  } finally {
    for (const input of inputs) await input.close();
  }
}

interface Inputs {
  /** One file, and no output needs every event. */
  readonly inPieces: boolean;
  readonly asksForEvents: boolean;
  readonly open: (name: string) => Promise<CaptureInput>;
}

async function readInputs(
  request: ReadRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
  { inPieces, asksForEvents, open: openNext }: Inputs,
): Promise<Read | Listing> {
  const { hops } = request;
  const [name = '', ...others] = request.files;
  let opened: CaptureInput | null = await openNext(name);
  if (inPieces && isCapture(opened.start)) {
    const names = await readNames(request.topology);
    const narrow = (header: TraceHeader): TraceHeader =>
      narrowCapture(withNames(header, names), request);
    const asksNothing = ![request.query.ports, request.query.containers].some((all) => all?.length);
    const showsAll = asksNothing && isListing(outputs) && listFiles(outputs).length === 0;
    const lists = showsAll && isUnlimited(outputs.show);
    const { readCapture } = await import('./read-capture.js');
    const { program } = request;
    const how = { narrow, hops, lists, terminal, program };
    const read = await readCapture({ name, input: opened, ...how });
    if (read !== null) return read;
    opened = null;
  }
  const open = async (file: string): Promise<CaptureInput> => {
    const first = file === name ? opened : null;
    opened = null;
    return first ?? (await openNext(file));
  };
  if (others.length > 0 && opened !== null && isRecordingInput(opened)) {
    checkNoRecord(outputs);
    const { readHosts } = await import('./read-hosts.js');
    const narrow = (header: TraceHeader): TraceHeader => narrowHeader(header, request);
    const { anonymize = false } = outputs;
    const { files } = request;
    const all = { files, open, narrow, anonymize, hops: asksForEvents ? null : hops };
    return { ...(await readHosts(all)), ports: null };
  }
  const loaded = await loadAll(request, terminal, open);
  const names = loaded.capture ? await readNames(request.topology) : null;
  const named = withHeader(loaded, narrow(withNames(loaded.header, names), loaded, request));
  const trace = outputs.anonymize
    ? (await import('./anonymize.js')).anonymize(named, randomBytes(32))
    : named;
  return { trace, report: await analyseAny(trace, hops), ports: null };
}

async function analyseAny(trace: Trace, hops: number | null): Promise<Report> {
  if (trace.capture) return analyseCapture(trace, { hops });
  const { analyse } = await import('../prove/analyse.js');
  return analyse(trace, { hops });
}

async function loadAll(
  { files, program }: ReadRequest,
  terminal: LiveTerminal,
  open: (name: string) => Promise<CaptureInput>,
): Promise<Trace> {
  const reading = new CaptureReading({ several: files.length > 1, program });
  const progress = new ReadProgress(terminal, () => reading.packets);
  for (const name of files) {
    const input = await open(name);
    if (!isRecordingInput(input)) {
      await reading.readFile(name, input, (bytes) => progress.add(bytes));
      continue;
    }
    if (files.length > 1) {
      const { refuseMixture } = await import('./read-hosts.js');
      throw refuseMixture(files[0] ?? '', name);
    }
    const { readRecording } = await import('./read-recording.js');
    return readRecording(name, input);
  }
  progress.end();
  return reading.makeTrace();
}

function isRecordingInput({ start }: CaptureInput): boolean {
  return !isCapture(start) && start[0] === 0x7b;
}

function checkNoRecord({ record }: LiveOutputs): void {
  if (record === undefined) return;
  throw new UserError('several hosts make no one recording', {
    code: 'record-of-hosts',
    exit: 2,
    remedy: 'keep the recordings that are read',
  });
}

/** Prints which ports are in the capture, when no connection matches. */
function tellWhatIsThere({ trace, ports: counted }: Read, terminal: LiveTerminal): void {
  const ports = [...(counted ?? countPorts(trace))]
    .sort((a, b) => b[1] - a[1])
    .map(([port]) => port);
  const told = ports.slice(0, 20).join(', ');
  terminal.err(
    ports.length === 0
      ? 'the capture has no TCP or UDP traffic\n'
      : `ports in the capture: ${told}${ports.length > 20 ? ` and ${ports.length - 20} more` : ''}\n`,
  );
}

function countPorts(trace: Trace): ReadonlyMap<string, number> {
  const { header } = trace;
  const target = {
    ...header.target,
    asked: [],
    ports: [],
    addresses: [],
    containers: [],
    protocol: 'all' as const,
  };
  const all = analyseCapture(withHeader(trace, { ...header, target, client: null }), { hops: 1 });
  const counts = new Map<string, number>();
  for (const { server, container, protocol } of all.connections) {
    for (const port of new Set([server?.port, container?.port])) {
      if (port === undefined) continue;
      const key = `${port}/${protocol}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

type Names = Pick<Topology, 'containers' | 'relays'>;

/** Reads names for a capture's addresses from the host's map. A recording has its own. */
async function readNames(file: string | undefined): Promise<Names | null> {
  if (file === undefined) return null;
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
  return readMap(text, file).topology;
}

function withNames(header: TraceHeader, names: Names | null): TraceHeader {
  if (names === null) return header;
  const { containers, relays } = names;
  return { ...header, topology: { ...header.topology, containers, relays } };
}

/** Narrows the header to the asked ports, containers and client; without any, keeps it as it is. */
function narrow(
  header: TraceHeader,
  { capture }: Trace,
  request: Pick<ReadRequest, 'query' | 'client'>,
): TraceHeader {
  return capture ? narrowCapture(header, request) : narrowHeader(header, request);
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
  header: TraceHeader,
  { query, client }: Pick<ReadRequest, 'query' | 'client'>,
): TraceHeader {
  const names = (query.containers?.length ?? 0) > 0;
  if (names && header.topology.containers.length === 0) {
    throw new UserError('a capture does not know containers by name', {
      code: 'no-names',
      exit: 2,
      remedy: 'give --port N, or --topology FILE with what trace-flow explain --json prints there',
    });
  }
  if (names) return { ...header, target: resolvePorts(header.topology, query), client };
  const ports = [...new Set(query.ports ?? [])].sort((a, b) => a - b);
  const protocol = query.protocol ?? 'all';
  return { ...header, target: { ...header.target, asked: ports, ports, protocol }, client };
}
