/** Reads a recording. Loaded only when needed, because checking its lines takes a library that captures do without. */
import { StringDecoder } from 'node:string_decoder';
import type { CaptureInput } from '../capture/file/input.js';
import {
  HeaderReader,
  isRecording,
  RecordingReader,
  type RecordingTakers,
} from '../capture/recording.js';
import { keepRelevant } from '../correlate/relevant.js';
import { UserError } from '../model/errors.js';
import type { Trace, TraceHeader, TraceTail } from '../model/trace.js';

/** Most characters of a line, far more than a trace writes. */
const MAX_LINE = 4 * 1024 * 1024;
/** Characters that tell a recording from other text. */
const ENOUGH = 200;

/**
 * Reads a recording of any size line by line. Events that were written while the trace ran are put in order and
 * narrowed to the host, as the trace itself did at its end.
 * @throws UserError when it is no recording
 */
export async function readRecording(name: string, input: CaptureInput): Promise<Trace> {
  const reader = new RecordingReader(name);
  await readLines(name, input, (line) => reader.read(line));
  const trace = reader.end();
  if (!reader.appended) return trace;
  const events = keepRelevant(trace.events, trace.header.topology);
  return { ...trace, events };
}

/** The final header of a recording. A recording that was written while the trace ran has it at its end. */
export async function readHeader(name: string, input: CaptureInput): Promise<TraceHeader> {
  const reader = new HeaderReader(name);
  await readLines(name, input, (line) => {
    reader.read(line);
    return true;
  });
  return reader.end();
}

/** Passes on the events, and the checkpoints between them, one by one. @returns how the trace ended */
export async function readEvents(
  name: string,
  input: CaptureInput,
  on: RecordingTakers,
): Promise<TraceTail> {
  const reader = new RecordingReader(name, on);
  await readLines(name, input, (line) => reader.read(line));
  return reader.end().tail;
}

/** @param take takes a line; returns false when it wants no more */
async function readLines(
  name: string,
  input: CaptureInput,
  take: (line: string) => boolean,
): Promise<void> {
  const decoder = new StringDecoder('utf8');
  // Pieces of the current line, joined once it is complete.
  let pieces: string[] = [];
  let length = 0;
  let begun = false;
  for await (const chunk of input.chunks) {
    const [more = '', ...lines] = decoder.write(chunk).split('\n');
    pieces.push(more);
    length += more.length;
    if (!begun && lines.length === 0 && length < ENOUGH) continue;
    if (!begun && !isRecording(pieces.join('').slice(0, ENOUGH))) throw describeForeign(name);
    begun = true;
    const last = lines.pop();
    if (last !== undefined) {
      const whole = [pieces.join(''), ...lines];
      pieces = [last];
      length = last.length;
      for (const line of whole) if (!take(line)) return;
    }
    // An overlong line is passed on as it is, and read as an invalid one.
    if (length > MAX_LINE) break;
  }
  const rest = pieces.join('') + decoder.end();
  if (!begun && !isRecording(rest)) throw describeForeign(name);
  // A line without its end was being written when the trace was killed.
  if (rest !== '' && !isCut(rest)) take(rest);
}

/** Whether the last line is incomplete. It is then left out, and the recording counts as cut off. */
function isCut(line: string): boolean {
  if (line.length > MAX_LINE) return false;
  try {
    JSON.parse(line);
    return false;
  } catch {
    return true;
  }
}

function describeForeign(name: string): UserError {
  return new UserError(
    `${name} is neither a capture (pcap, pcapng) nor a recording of trace-flow`,
    {
      code: 'not-a-recording',
      exit: 1,
      remedy: 'give a capture, or a recording made with trace-flow --record FILE',
    },
  );
}
