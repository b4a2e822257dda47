/** Offline: a recording read, analysed and reported like a live trace. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { isRecording, parseRecording } from '../capture/recording.js';
import { UserError } from '../model/errors.js';
import { resolvePorts, type TargetQuery } from '../model/target.js';
import type { Trace } from '../model/trace.js';
import { analyse } from '../prove/analyse.js';
import { conclude, present, type LiveOutputs, type LiveTerminal } from './live.js';

export interface ReadRequest {
  readonly file: string;
  readonly query: TargetQuery;
  readonly client: string | null;
  readonly hops: number | null;
}

export async function readTrace(
  request: ReadRequest,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  const trace = narrow(parseRecording(await load(request.file), request.file), request);
  for (const note of trace.tail.notes) terminal.err(`warning: ${note}\n`);
  const report = analyse(trace, { hops: request.hops });
  await present(report, trace, outputs, terminal);
  return conclude(report, outputs.expect, terminal);
}

async function load(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new UserError(`${file} cannot be read (${why})`, {
      code: 'cannot-read',
      exit: 1,
      remedy: 'check the name and the right to read it',
      cause,
    });
  }
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? unzip(bytes, file) : bytes;
  const content = plain.toString('utf8');
  if (isRecording(content)) return content;
  throw new UserError(`${file} is not a recording of trace-flow`, {
    code: 'not-a-recording',
    exit: 1,
    remedy:
      'this version reads recordings (trace-flow --record FILE); captures (pcap, pcapng) come with a later one',
  });
}

function unzip(bytes: Buffer, file: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new UserError(`${file} is damaged: its gzip data cannot be unpacked`, {
      code: 'bad-gzip',
      exit: 1,
      remedy: 'copy it again, or record it again',
      cause,
    });
  }
}

/** Ports, containers and client narrow what the recording was made for; nothing asked keeps it as it is. */
function narrow(trace: Trace, { query, client }: ReadRequest): Trace {
  const { header } = trace;
  const asks = (query.ports?.length ?? 0) > 0 || (query.containers?.length ?? 0) > 0;
  const target = asks
    ? resolvePorts(header.topology, query)
    : {
        ...header.target,
        protocol: query.protocol === 'all' ? header.target.protocol : (query.protocol ?? 'all'),
      };
  return { ...trace, header: { ...header, target, client: client ?? header.client } };
}
