/**
 * The readers are total: 100,000 damaged pcap, pcapng, gzip and recording inputs give known errors only, and none
 * hangs.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { openInput } from '../../src/capture/file/input.js';
import { PcapReader } from '../../src/capture/file/pcap.js';
import { PcapngReader } from '../../src/capture/file/pcapng.js';
import type { ChunkReader, Frame, FrameSink } from '../../src/capture/file/sink.js';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import { decodeFrame } from '../../src/decode/link.js';
import { Packet } from '../../src/decode/packet.js';
import { UserError } from '../../src/model/errors.js';
import { randomizer } from '../decode/frames.js';
import { captureFile } from '../support/captures.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('readers, damaged input');
const SEED = Number(process.env['TRACE_FLOW_SEED'] ?? 20_261_123);
const pcap = readFileSync(captureFile('dnat-outside.pcap'));
const pcapng = readFileSync(captureFile('relay-outside6.pcapng'));

/** Some bytes changed, a stretch repeated or left out, the end cut. */
function damage(bytes: Buffer, random: (below: number) => number): Buffer {
  let out = Buffer.from(bytes);
  for (let count = 1 + random(5); count > 0; count--) {
    out[random(out.length)] = random(3) === 0 ? 255 * random(2) : random(256);
  }
  const [from, size] = [random(out.length), random(64)];
  if (random(6) === 0) out = Buffer.concat([out.subarray(0, from), out.subarray(from + size)]);
  if (random(6) === 0) out = Buffer.concat([out.subarray(0, from + size), out.subarray(from)]);
  return random(4) === 0 ? out.subarray(0, random(out.length + 1)) : out;
}

/** Checks what a reader hands on as it comes. */
class Watcher implements FrameSink {
  frames = 0;
  readonly #packet = new Packet();

  addInterface(): number {
    return 0;
  }

  takeFrame({ bytes, from, to, length, linkType, seconds, nanoseconds }: Frame): void {
    this.frames += 1;
    assert.ok(length >= 0 && bytes.length <= 262_144);
    assert.ok(Number.isFinite(seconds) && Number.isFinite(nanoseconds));
    decodeFrame(bytes, Math.max(length, to - from), linkType, this.#packet, from, to);
  }
}

function feed(reader: ChunkReader, bytes: Buffer, size: number): string | null {
  for (let at = 0; at < bytes.length; at += size) {
    if (!reader.push(bytes.subarray(at, at + size))) break;
  }
  return reader.end().problem;
}

function readMany(
  count: number,
  whole: Buffer,
  make: (sink: FrameSink) => ChunkReader,
  salt: number,
): void {
  const random = randomizer(SEED + salt);
  let [frames, problems] = [0, 0];
  for (let round = 0; round < count; round++) {
    const bytes = damage(whole.subarray(0, 200 + random(1_800)), random);
    const sink = new Watcher();
    try {
      if (feed(make(sink), bytes, 1 + random(3_000)) !== null) problems += 1;
    } catch (error) {
      throw new Error(`seed ${SEED}, round ${round}`, { cause: error });
    }
    frames += sink.frames;
  }
  assert.ok(frames > count && problems > count / 4, `${frames} frames, ${problems} problems`);
}

test('45,000 pcap files', () => {
  readMany(45_000, pcap, (sink) => new PcapReader(sink), 1);
});

test('45,000 pcapng files', () => {
  readMany(45_000, pcapng, (sink) => new PcapngReader(sink), 2);
});

test('5,000 gzip files', async () => {
  const random = randomizer(SEED + 3);
  const packed = gzipSync(pcap.subarray(0, 1_500));
  let problems = 0;
  for (let round = 0; round < 5_000; round++) {
    const bytes = damage(packed, random);
    const input = await openInput('-', Readable.from([bytes]), new AbortController().signal);
    let size = 0;
    for await (const chunk of input.chunks) size += chunk.length;
    assert.ok(size <= 20_000_000, `seed ${SEED}, round ${round}`);
    if (input.problem() !== null) problems += 1;
  }
  assert.ok(problems > 1_000, `${problems} problems`);
});

test('5,000 recordings', () => {
  const random = randomizer(SEED + 4);
  const trace = readSample('dnat-outside');
  const whole = Buffer.from(formatRecording({ ...trace, events: trace.events.slice(0, 6) }));
  let [read, refused] = [0, 0];
  for (let round = 0; round < 5_000; round++) {
    const text = damage(whole, random).toString('utf8');
    try {
      parseRecording(text, 'damaged');
      read += 1;
    } catch (error) {
      assert.instance(error, UserError, `seed ${SEED}, round ${round}`);
      refused += 1;
    }
  }
  assert.ok(read > 200 && refused > 1_000, `${read} read, ${refused} refused`);
});

test.run();
