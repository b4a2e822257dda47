/** Writes a report: text or JSON to standard output, pictures and recordings to files, each whole or not at all. */
import { gzipSync } from 'node:zlib';
import { checkOutput, locateOutput, writeOutput } from '../host/output-file.js';
import { UserError } from '../model/errors.js';
import type { Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import type { Recorder } from './recorder.js';

/** What files are made from. */
interface Content {
  readonly report: Report;
  readonly trace: Trace;
  /** The report with every packet, even if it omits some. */
  readonly whole: () => Promise<Report>;
}

interface FileKind {
  /** What it draws is made of every event, which a long trace then has to keep. */
  readonly needsEvents: boolean;
  readonly write: (content: Content) => string | Buffer | Promise<string | Buffer>;
}

/** Renders each kind of file that a flag can name, in the order of writing. */
const FILES = {
  svg: {
    needsEvents: false,
    write: async ({ report }) => (await import('../render/svg/svg.js')).renderSvg(report),
  },
  png: { needsEvents: false, write: ({ report }) => drawPng(report) },
  html: { needsEvents: true, write: ({ report, trace }) => drawPage(report, trace) },
  mermaid: {
    needsEvents: false,
    write: async ({ report }) => (await import('../render/mermaid.js')).renderMermaid(report),
  },
  pcapng: {
    needsEvents: true,
    write: async ({ whole, trace }) =>
      (await import('../render/pcapng/pcapng.js')).renderPcapng(await whole(), trace),
  },
  perfetto: {
    needsEvents: true,
    write: async ({ whole }) =>
      (await import('../render/perfetto.js')).renderPerfetto(await whole()),
  },
} satisfies Record<string, FileKind>;

const KINDS = Object.keys(FILES) as (keyof typeof FILES)[];

/** Names of files by kind; undefined where none is asked for. */
type FileNames = { readonly [Kind in keyof typeof FILES]: string | undefined };

export interface OutputRequest extends FileNames {
  readonly json: boolean;
  readonly ndjson: boolean;
  readonly record: string | undefined;
  /** Writes the recording while the trace runs; without it, the recording is written with the other files. */
  readonly recorder?: Recorder | null;
  /** How many connections get a ladder in the terminal; undefined for the usual few. */
  readonly ladders: number | undefined;
  /** Pseudonyms for addresses and names, the same in every output. */
  readonly anonymize?: boolean;
  /** Prints no report: files, warnings and errors only. */
  readonly quiet?: boolean;
  /** Prints the ports in use instead of connections, when nothing in particular was asked for. */
  readonly listing?: boolean;
}

export interface Terminal {
  readonly columns: number;
  readonly color: boolean;
}

/** Standard output, for people or for programs. */
export interface Sink {
  out(text: string): void;
  emit(json: string): void;
  /** Settles when the stream has room for more, so that a slow reader costs no memory. */
  drain?(): Promise<void>;
  /** Bytes of standard output that a slow reader has not taken yet. */
  waiting?(): number;
}

/** Writes the report for people or machines; for `--ndjson` only the summary that ends the stream. */
export async function printReport(
  report: Report,
  request: OutputRequest,
  terminal: Terminal,
  sink: Sink,
): Promise<void> {
  if (request.ndjson) {
    const { connections, ...summary } = report;
    sink.emit(`${JSON.stringify({ type: 'summary', connections: connections.length, summary })}\n`);
  } else if (request.json) {
    const { renderJsonPieces } = await import('../render/json.js');
    for (const piece of renderJsonPieces(report)) {
      sink.emit(piece);
      await sink.drain?.();
    }
  } else if (request.listing) {
    const { renderListing } = await import('../render/terminal/listing.js');
    sink.out(renderListing(report.connections));
  } else {
    const { renderTerminal } = await import('../render/terminal/terminal.js');
    const { ladders } = request;
    sink.out(renderTerminal(report, { ...terminal, ...(ladders !== undefined && { ladders }) }));
  }
}

/** What an output needs of the process: where its lines go, and the streams behind /dev/stdout and /dev/stderr. */
export interface OutputTerminal {
  err(text: string): void;
  readonly streams: ReadonlyMap<number, (content: string | Buffer) => Promise<void>>;
}

/** Writes one file after the other. A failure does not stop the others; `tell` prints each result at the end. */
export class OutputFiles {
  readonly #terminal: OutputTerminal;
  readonly #lines: string[] = [];
  #failed = false;
  #defect: unknown = null;

  constructor(terminal: OutputTerminal) {
    this.#terminal = terminal;
  }

  async write(
    file: string | undefined,
    render: () => Promise<string | Buffer> | string,
  ): Promise<void> {
    if (file === undefined) return;
    await this.note(file, async () => writeOutput(file, await render(), this.#terminal.streams));
  }

  /** Notes the result of a file that is written elsewhere; `work` throws when it was not written. */
  async note(file: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
      this.#lines.push(`wrote ${file}`);
    } catch (error) {
      this.#failed = true;
      if (error instanceof UserError) {
        this.#lines.push(`Error: ${error.message}`, `Remedy: ${error.remedy ?? ''}`);
      } else this.#defect ??= error;
    }
  }

  /** Prints what was written and what was not; true when all was. Throws any error that is not a UserError. */
  tell(): boolean {
    for (const line of this.#lines) this.#terminal.err(`${line}\n`);
    if (this.#defect !== null) throw this.#defect as Error;
    return !this.#failed;
  }
}

/** Writes every file that was asked for. */
export async function writeFiles(
  report: Report,
  trace: Trace,
  request: OutputRequest,
  files: OutputFiles,
): Promise<void> {
  // Exports hold every packet, even if the report omits some.
  const ids = new Set(report.connections.map(({ id }) => id));
  const whole = async (): Promise<Report> => {
    const omits = report.connections.some(({ hopsOmitted }) => hopsOmitted > 0);
    if (!omits || trace.partial) return report;
    const { analyse } = await import('../prove/analyse.js');
    const full = analyse(trace, { hops: null });
    return { ...full, connections: full.connections.filter(({ id }) => ids.has(id)) };
  };
  // The recording comes first: if the disk has room for one file only, it should be this one.
  const { record, recorder } = request;
  if (record !== undefined && recorder) await files.note(record, () => recorder.settle());
  else await files.write(record, async () => formatRecorded(trace, record));
  for (const kind of KINDS) {
    await files.write(request[kind], async () => FILES[kind].write({ report, trace, whole }));
  }
}

async function formatRecorded(trace: Trace, file: string | undefined): Promise<string | Buffer> {
  const { formatRecording } = await import('../capture/recording.js');
  const text = formatRecording(trace);
  return file?.endsWith('.gz') ? gzipSync(text) : text;
}

async function drawPng(report: Report): Promise<Buffer> {
  const { renderSvg } = await import('../render/svg/svg.js');
  const { renderPng } = await import('../render/png.js');
  return renderPng(await renderSvg(report));
}

async function drawPage(report: Report, trace: Trace): Promise<string> {
  const { renderHtml } = await import('../render/html/html.js');
  const { listEveryHop } = await import('./every-hop.js');
  const { explainTraced } = await import('./explain-host.js');
  return renderHtml(listEveryHop(report, trace), explainTraced(trace.header));
}

/** Whether an output needs every event, not only the report. */
export function needsEvents(request: OutputRequest): boolean {
  return (
    request.anonymize === true ||
    KINDS.some((kind) => FILES[kind].needsEvents && request[kind] !== undefined)
  );
}

/** Every file that a request names. */
export function listFiles(request: OutputRequest): string[] {
  return [...KINDS.map((kind) => request[kind]), request.record].filter(
    (file) => file !== undefined,
  );
}

/**
 * Checks before any work that every file can be written.
 * @param machine whether standard output carries JSON, which nothing else may be mixed into
 * @param inputs files that are read, which no output may replace
 * @throws UserError
 */
export async function checkFiles(
  files: readonly (string | undefined)[],
  machine: boolean,
  inputs: readonly string[] = [],
): Promise<void> {
  const taken = new Map<string, string>();
  for (const input of inputs) {
    const place = await locateOutput(input).catch(() => null);
    if (place?.kind === 'file') taken.set(place.path, `${input}, which is read,`);
  }
  for (const file of files) {
    if (file === undefined) continue;
    const place = await checkOutput(file);
    if (place.kind === 'descriptor' && place.fd === 1 && machine) {
      throw describeClash(file, 'the JSON on standard output');
    }
    if (place.kind !== 'file') continue;
    const other = taken.get(place.path);
    if (other !== undefined) throw describeClash(file, other);
    taken.set(place.path, file);
  }
}

function describeClash(file: string, other: string): UserError {
  return new UserError(`${file} and ${other} are one and the same place`, {
    code: 'one-place',
    exit: 2,
    remedy: 'give each output a file of its own',
  });
}
