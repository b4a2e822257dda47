/** The readers of capture formats: every variant is read alike, and damaged files are read as far as they go. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { openInput } from '../../src/capture/file/input.js';
import { analyse } from '../../src/prove/analyse.js';
import { captureFile, readBytes } from '../support/captures.js';
import { block, device, numbers, section } from '../support/pcapng-blocks.js';
import { suite } from '../support/suite.js';
import { listFrames, randomizer } from '../decode/frames.js';

const test = suite('capture readers');
const sample = readFileSync(captureFile('dnat-outside.pcap'));
const sampleNg = readFileSync(captureFile('relay-outside6.pcapng'));

/** The same file as a machine of the other byte order, or with nanoseconds, would have written it. */
function rewrite(bytes: Buffer, big: boolean, nano: boolean): Buffer {
  const out = Buffer.from(bytes);
  const put = (value: number, at: number): number =>
    big ? out.writeUInt32BE(value, at) : out.writeUInt32LE(value, at);
  put(nano ? 0xa1b23c4d : 0xa1b2c3d4, 0);
  if (big) {
    out.writeUInt16BE(2, 4);
    out.writeUInt16BE(4, 6);
  }
  for (const at of [8, 12, 16, 20]) put(bytes.readUInt32LE(at), at);
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    put(bytes.readUInt32LE(at), at);
    put(bytes.readUInt32LE(at + 4) * (nano ? 1000 : 1), at + 4);
    put(bytes.readUInt32LE(at + 8), at + 8);
    put(bytes.readUInt32LE(at + 12), at + 12);
  }
  return out;
}

async function failureOf(bytes: Buffer): Promise<string> {
  return readBytes(bytes).then(
    () => 'no failure',
    (error: unknown) => String(error),
  );
}

test('both byte orders, microseconds and nanoseconds, gzip, chunks of any size: the same trace', async () => {
  const expected = await readBytes(sample);
  assert.ok(expected.events.length > 20);
  for (const big of [false, true]) {
    for (const nano of [false, true]) {
      const bytes = rewrite(sample, big, nano);
      for (const size of [1, 7, 1000, 65_536]) {
        assert.equal(await readBytes(bytes, [], size), expected, `${big} ${nano} ${size}`);
      }
      assert.equal(await readBytes(gzipSync(bytes)), expected);
    }
  }
  const ng = await readBytes(sampleNg);
  for (const size of [1, 11, 5000]) assert.equal(await readBytes(sampleNg, [], size), ng);
});

test('frame check sequence bits in the link type are left out', async () => {
  const bytes = Buffer.from(sample);
  bytes.writeUInt32LE((0x54000000 | bytes.readUInt32LE(20)) >>> 0, 20);
  assert.equal(await readBytes(bytes), await readBytes(sample));
});

test('empty, foreign and headless files: a message with the byte', async () => {
  assert.match(await failureOf(Buffer.alloc(0)), /empty \(0 bytes\)/);
  assert.match(await failureOf(Buffer.from('hello')), /neither a capture.*nor a recording/);
  assert.match(await failureOf(sample.subarray(0, 10)), /header is cut off at byte 10/);
  const version = Buffer.from(sample);
  version.writeUInt16LE(3, 4);
  assert.match(await failureOf(version), /version 3\.4 is not known \(byte 4\)/);
});

test('a header alone is a capture without packets', async () => {
  const { events, tail } = await readBytes(sample.subarray(0, 24));
  assert.is(events.length, 0);
  assert.is(tail.truncated, false);
});

test('a cut tail and a hostile length: what came before is kept, with the offset', async () => {
  const cut = await readBytes(sample.subarray(0, sample.length - 3));
  assert.is(cut.tail.truncated, true);
  assert.match(cut.tail.notes[0] ?? '', /cut off inside the packet at byte \d+/);
  const hostile = Buffer.from(sample);
  const second = 24 + 16 + sample.readUInt32LE(32);
  hostile.writeUInt32LE(0xffffffff, second + 8);
  const began = performance.now();
  const { tail } = await readBytes(hostile);
  assert.ok(performance.now() - began < 1000);
  assert.is(tail.truncated, true);
  assert.match(tail.notes[0] ?? '', new RegExp(`packet at byte ${second} claims 4294967295`));
});

test('gzip that ends early or is damaged: what could be unpacked is kept', async () => {
  const packed = gzipSync(sample);
  const cut = await readBytes(packed.subarray(0, packed.length - 200));
  assert.is(cut.tail.truncated, true);
  assert.ok(cut.events.length > 0);
});

const frame = Buffer.from(listFrames().find(({ name }) => name === 'raw IPv4')?.bytes ?? []);

test('an input is closed however little of it was read', async () => {
  const bytes = Buffer.alloc(500_000, 'trace-flow ');
  for (const packed of [bytes, gzipSync(bytes)]) {
    const source = Readable.from([packed.subarray(0, 300), packed.subarray(300)]);
    const input = await openInput('-', source, new AbortController().signal);
    for await (const chunk of input.chunks) if (chunk.length > 0) break;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(source.destroyed);
  }
});

test('pcapng: sections of both byte orders, resolution and offset, simple and old packet blocks', async () => {
  for (const big of [false, true]) {
    const option = big
      ? Buffer.from([0, 9, 0, 1, 9, 0, 0, 0])
      : Buffer.from([9, 0, 1, 0, 9, 0, 0, 0]);
    const time = 1_700_000_000_123_456_789n;
    const halves = [Number(time >> 32n), Number(time & 0xffffffffn)];
    const bytes = Buffer.concat([
      section(big),
      device(big, 101, option),
      block(6, Buffer.concat([numbers(big, 0, ...halves, frame.length, frame.length), frame]), big),
      block(2, Buffer.concat([numbers(big, 0, ...halves, frame.length, frame.length), frame]), big),
      block(3, Buffer.concat([numbers(big, frame.length), frame]), big),
      block(0x0bad, Buffer.from('what is this'), big),
    ]);
    const { events, header, tail } = await readBytes(bytes);
    assert.is(events.length, 3, String(big));
    assert.is(header.epoch + BigInt(events[0]?.time ?? 0), time);
    assert.match(tail.notes[0] ?? '', /1 block of type 0xbad skipped/);
    assert.is(tail.truncated, false);
  }
});

test('pcapng: block lengths of 0, two lengths, packets of no interface, option loops', async () => {
  const start = Buffer.concat([section(false), device(false, 101)]);
  const packet = block(
    6,
    Buffer.concat([numbers(false, 0, 0, 0, frame.length, frame.length), frame]),
  );
  const broken = async (last: Buffer): Promise<string> => {
    const { tail, events } = await readBytes(Buffer.concat([start, packet, last]));
    assert.is(events.length, 1);
    assert.is(tail.truncated, true);
    return tail.notes[0] ?? '';
  };
  const at = start.length + packet.length;
  assert.match(
    await broken(numbers(false, 6, 0, 0)),
    new RegExp(`block at byte ${at} claims a length of 0`),
  );
  const twice = Buffer.from(packet);
  twice.writeUInt32LE(16, twice.length - 4);
  assert.match(await broken(twice), /two different lengths/);
  const stray = Buffer.from(packet);
  stray.writeUInt32LE(7, 8);
  assert.match(await broken(stray), /interface 7, which is not described/);
  const options = block(5, Buffer.concat([numbers(false, 0, 0, 0), Buffer.alloc(60_000, 1)]));
  const { tail } = await readBytes(Buffer.concat([start, options, packet]));
  assert.is(tail.truncated, false);
});

test('an unknown link type is counted and said', async () => {
  const bytes = Buffer.from(sample);
  bytes.writeUInt32LE(147, 20);
  const { tail } = await readBytes(bytes);
  assert.ok(tail.unparsedPackets > 10);
  assert.match(tail.notes[0] ?? '', /packets of link type 147 skipped/);
});

test('3,000 mutated files: no throw but the known ones, no hang, every report is made', async () => {
  const random = randomizer(7);
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(round % 2 === 0 ? sample : sampleNg);
    for (let count = 1 + random(6); count > 0; count--) bytes[random(bytes.length)] = random(256);
    const cut = random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    try {
      analyse(await readBytes(cut, [6380], 1 + random(9_000)));
    } catch (error) {
      assert.match(String(error), /UserError/, `round ${round}`);
    }
  }
});

test.run();
