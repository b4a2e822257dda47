/** Reads a long recording twice, so that its length costs no memory: for the header at its end, then by events. */
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { isCapture } from '../capture/captures.js';
import { openInput } from '../capture/file/input.js';
import type { Report } from '../model/report.js';
import type { TraceEvent } from '../model/event.js';
import type { Checkpoint, Trace, TraceHeader } from '../model/trace.js';
import { PACKER } from './packer.js';

/** Files of at least this many bytes are read twice instead of held. Compressed ones are a fifteenth as long. */
const LONG = 16 * 1024 * 1024;
const LONG_PACKED = 1024 * 1024;
/** Events between two checks for ended connections. */
const PIECE = 40_000;
/** Nanoseconds by which events may be out of order. */
const LAG = 1_000_000_000;

/** Whether a file is a recording that is long enough to be read twice. */
export async function isLongRecording(name: string, standardInput: Readable): Promise<boolean> {
  if (name === '-') return false;
  const info = await stat(name).catch(() => null);
  if (!info?.isFile() || info.size < LONG_PACKED) return false;
  const input = await openInput(name, standardInput, new AbortController().signal);
  const packed = name.endsWith('.gz');
  const isLong = info.size >= (packed ? LONG_PACKED : LONG);
  await input.close();
  return isLong && !isCapture(input.start) && input.start[0] === 0x7b;
}

export interface LongReading {
  readonly name: string;
  readonly hops: number | null;
  readonly standardInput: Readable;
  /** Narrows the final header to what was asked for. */
  readonly narrow: (header: TraceHeader) => TraceHeader;
}

/** @returns the report, and a trace without the events of released connections */
export async function readLong(reading: LongReading): Promise<{ report: Report; trace: Trace }> {
  const { name, hops, standardInput, narrow } = reading;
  const { readEvents, readHeader } = await import('./read-recording.js');
  const { IncrementalAnalysis } = await import('../prove/incremental.js');
  const open = async () => openInput(name, standardInput, new AbortController().signal);
  const header = narrow(await readHeader(name, await open()));
  const budget = header.budget ?? null;
  const analysis = new IncrementalAnalysis(header, { hops, budget, packer: PACKER });
  let fresh = 0;
  let latest = 0;
  let piece = PIECE;
  const checkpoint = (one: Checkpoint): void => analysis.noteCheckpoint(one);
  const event = (event: TraceEvent): void => {
    analysis.take(event);
    latest = Math.max(latest, event.time);
    fresh += 1;
    if (fresh < piece || budget === null) return;
    fresh = 0;
    analysis.advance(latest - LAG);
    // So each event is looked at about twice, however many are held.
    piece = Math.max(PIECE, analysis.held);
  };
  const tail = await readEvents(name, await open(), { event, checkpoint });
  return analysis.finish({ source: 'recording', header, sums: [], tail });
}
