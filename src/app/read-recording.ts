/** A recording read from an input. Loaded only for one: checking its lines takes a library that captures do without. */
import type { Input } from '../capture/file/input.js';
import { isRecording, parseRecording } from '../capture/recording.js';
import { UserError } from '../model/errors.js';
import type { Trace } from '../model/trace.js';

/** Bytes of a line and of a recording, both far beyond what a trace writes. */
const MAX_LINE = 4 * 1024 * 1024;
const MAX_RECORDING = 256 * 1024 * 1024;

export async function readRecording(name: string, input: Input): Promise<Trace> {
  return parseRecording(await readText(name, input), name);
}

async function readText(name: string, input: Input): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  let line = 0;
  for await (const chunk of input.chunks) {
    if (size === 0 && !isRecording(chunk.toString('utf8'))) throw describeForeign(name);
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    const end = chunk.lastIndexOf(0x0a);
    line = end < 0 ? line + chunk.length : chunk.length - end;
    // What follows is told as cut off, at the line that is too long.
    if (line > MAX_LINE) break;
    if (size > MAX_RECORDING) throw describeTooLarge(name);
  }
  const problem = input.problem();
  if (problem !== null && chunks.length === 0) throw describeForeign(name);
  const content = Buffer.concat(chunks).toString('utf8');
  if (!isRecording(content)) throw describeForeign(name);
  return content;
}

function describeTooLarge(name: string): UserError {
  return new UserError(`${name} is larger than ${MAX_RECORDING} bytes: no recording is`, {
    code: 'recording-too-large',
    exit: 1,
    remedy: 'record it again for fewer ports or a shorter time',
  });
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
