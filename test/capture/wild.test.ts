/** Shapes of captures in public collections: each is read, or skipped and counted, or refused in plain words. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { listFrames } from '../decode/frames.js';
import { captureFile, readBytes } from '../support/captures.js';
import { block, device, numbers, section } from '../support/pcapng-blocks.js';
import { suite } from '../support/suite.js';

const test = suite('captures in the wild');
const sample = readFileSync(captureFile('dnat-outside.pcap'));
const frame = Buffer.from(listFrames().find(({ name }) => name === 'raw IPv4')?.bytes ?? []);

const packet = (big: boolean, of: number, ...time: [number, number]): Buffer =>
  block(6, Buffer.concat([numbers(big, of, ...time, frame.length, frame.length), frame]), big);

async function refusalOf(change: (bytes: Buffer) => void): Promise<string> {
  const bytes = Buffer.from(sample);
  change(bytes);
  return readBytes(bytes).then(
    ({ tail }) => tail.notes.join(),
    (error: unknown) => String(error),
  );
}

test('blocks that tell nothing of packets are skipped, counted by type and said', async () => {
  const names = { resolution: 4, journal: 9, secrets: 0xa, custom: 0xbad, uncopied: 0x40000bad };
  const blocks = Object.values(names).map((type) => block(type, Buffer.from('anything')));
  const bytes = Buffer.concat([
    ...[section(false), device(false, 101), ...blocks],
    ...[packet(false, 0, 0, 1), ...blocks, packet(false, 0, 0, 2)],
  ]);
  const { events, tail } = await readBytes(bytes);
  assert.is(events.length, 2);
  assert.is(tail.truncated, false);
  for (const type of Object.values(names)) {
    const told = `2 blocks of type 0x${type.toString(16)} skipped: not known`;
    assert.ok(
      tail.notes.some((note) => note.includes(told)),
      `${told} in ${tail.notes.join()}`,
    );
  }
});

test('two sections of both byte orders in one file, each with interfaces of its own', async () => {
  const bytes = Buffer.concat([
    ...[section(true), device(true, 101), packet(true, 0, 0, 1)],
    ...[section(false), device(false, 147), device(false, 101), packet(false, 1, 0, 2)],
  ]);
  const { events, tail } = await readBytes(bytes);
  assert.is(events.length, 2);
  assert.is(tail.unparsedPackets, 0);
});

test('many interfaces, each with its own resolution: powers of ten and of two', async () => {
  const resolutions: [number, bigint][] = [
    [0, 1n],
    [3, 1_000n],
    [6, 1_000_000n],
    [9, 1_000_000_000n],
    [0x80 | 10, 2n ** 10n],
    [0x80 | 30, 2n ** 30n],
  ];
  const devices = resolutions.map(([value]) =>
    device(false, 101, Buffer.from([9, 0, 1, 0, value, 0, 0, 0])),
  );
  const packets = resolutions.map(([, units], index) => {
    const time = 1_700_000_000n * units;
    return packet(false, index, Number(time >> 32n), Number(time & 0xffffffffn));
  });
  const { events, header } = await readBytes(
    Buffer.concat([section(false), ...devices, ...packets]),
  );
  assert.is(events.length, resolutions.length);
  for (const { time } of events) {
    assert.is(header.epoch + BigInt(time), 1_700_000_000_000_000_000n);
  }
});

test('old and modified kinds of pcap are refused in plain words', async () => {
  assert.match(
    await refusalOf((bytes) => bytes.writeUInt16LE(3, 6)),
    /pcap version 2\.3 is not known \(byte 4\)/,
  );
  assert.match(
    await refusalOf((bytes) => bytes.writeUInt32LE(0xa1b2cd34, 0)),
    /neither a capture \(pcap, pcapng\) nor a recording/,
  );
});

test.run();
