/** Where a report goes: terminal or JSON on standard output, pictures and recordings into files, whole or not at all. */
import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../model/errors.js';
import type { Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';

export interface OutputRequest {
  readonly json: boolean;
  readonly ndjson: boolean;
  readonly svg: string | undefined;
  readonly html: string | undefined;
  readonly mermaid: string | undefined;
  readonly pcapng: string | undefined;
  readonly perfetto: string | undefined;
  readonly record: string | undefined;
  /** How many connections get a ladder in the terminal; undefined for the usual few. */
  readonly ladders: number | undefined;
  /** Prints which ports were spoken to instead of connections: nothing in particular was asked for. */
  readonly listing?: boolean;
}

export interface Terminal {
  readonly columns: number;
  readonly color: boolean;
}

/** Writes the report for people or machines; for `--ndjson` only the summary that ends the stream. */
export async function printReport(
  report: Report,
  request: OutputRequest,
  terminal: Terminal,
  write: (text: string) => void,
): Promise<void> {
  if (request.ndjson) {
    const { connections, ...summary } = report;
    write(`${JSON.stringify({ type: 'summary', connections: connections.length, summary })}\n`);
  } else if (request.json) {
    const { renderJson } = await import('../render/json.js');
    write(renderJson(report));
  } else if (request.listing) {
    const { renderListing } = await import('../render/listing.js');
    write(renderListing(report));
  } else {
    const { renderTerminal } = await import('../render/terminal/terminal.js');
    const { ladders } = request;
    write(renderTerminal(report, { ...terminal, ...(ladders !== undefined && { ladders }) }));
  }
}

/** Writes every file that was asked for and returns their names. Throws UserError for one that cannot be written. */
export async function writeFiles(
  report: Report,
  trace: Trace,
  request: OutputRequest,
): Promise<string[]> {
  // Exports hold every packet, however few the report lists.
  const whole = (): Report =>
    report.connections.some(({ hopsOmitted }) => hopsOmitted > 0)
      ? analyse(trace, { hops: null })
      : report;
  const wanted: [string | undefined, () => Promise<string | Buffer>][] = [
    [request.svg, async () => (await import('../render/svg/svg.js')).renderSvg(report)],
    [request.html, async () => drawPage(report, trace)],
    [request.mermaid, async () => (await import('../render/mermaid.js')).renderMermaid(report)],
    [
      request.pcapng,
      async () => (await import('../render/pcapng/pcapng.js')).renderPcapng(whole(), trace),
    ],
    [request.perfetto, async () => (await import('../render/perfetto.js')).renderPerfetto(whole())],
    [request.record, async () => (await import('../capture/recording.js')).formatRecording(trace)],
  ];
  const written: string[] = [];
  for (const [file, render] of wanted) {
    if (file === undefined) continue;
    await writeWhole(file, await render());
    written.push(file);
  }
  return written;
}

async function drawPage(report: Report, trace: Trace): Promise<string> {
  const { renderHtml } = await import('../render/html/html.js');
  const { listEveryHop } = await import('./every-hop.js');
  const { explainTraced } = await import('./explain-host.js');
  return renderHtml(listEveryHop(report, trace), explainTraced(trace.header));
}

/** Fails early, before any tracing, when a file could not be written in the end. */
export async function checkWritable(request: OutputRequest): Promise<void> {
  const { access, constants } = await import('node:fs/promises');
  const { svg, html, mermaid, pcapng, perfetto, record } = request;
  for (const file of [svg, html, mermaid, pcapng, perfetto, record]) {
    if (file === undefined) continue;
    await access(dirname(file), constants.W_OK).catch((cause: unknown) => {
      throw describeUnwritable(file, cause);
    });
  }
}

/** Through a neighbour and a rename, so that nobody ever sees half of it. Throws UserError when it cannot be written. */
export async function writeWhole(file: string, content: string | Buffer): Promise<void> {
  const draft = `${file}.${randomUUID().slice(0, 8)}.part`;
  try {
    await writeFile(draft, content);
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    throw describeUnwritable(file, cause);
  }
}

function describeUnwritable(file: string, cause: unknown): UserError {
  const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new UserError(`${file} cannot be written (${why})`, {
    code: 'cannot-write',
    exit: 1,
    remedy: 'give a file in a folder that exists and that you may write to',
    cause,
  });
}
