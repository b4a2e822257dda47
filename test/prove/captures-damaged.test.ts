/** Damaged captures: the report is a valid document, and it can be written as a capture again. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { UserError } from '../../src/model/errors.js';
import { reportSchema } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderPcapng } from '../../src/render/pcapng/pcapng.js';
import { damageBytes } from '../support/capture-edit.js';
import { randomizer } from '../decode/frames.js';
import { captureFile, readBytes } from '../support/captures.js';
import { block, numbers } from '../support/pcapng-blocks.js';
import { suite } from '../support/suite.js';
import { PLAIN, writeCapture } from '../support/wire-packets.js';
import { World } from '../support/wire-world.js';

const test = suite('captures, damaged, to the end');

function write(): Buffer {
  const world = new World(randomizer(5));
  world.add({
    kind: 'dnat',
    protocol: 'tcp',
    at: 1_000_000,
    clientPort: 50_000,
    turns: [{ request: Buffer.from('PING\r\n'), reply: Buffer.from('+PONG\r\n') }],
    container: 2,
    port: 6379,
    published: 6380,
  });
  return writeCapture(world.shots, { ...PLAIN, format: 'pcapng' });
}

/** The headers of records and blocks too. */
function damageAnywhere(file: Buffer, random: (below: number) => number): Buffer {
  const damaged = Buffer.from(file);
  for (let count = 1 + random(8); count > 0; count--) {
    damaged[random(damaged.length)] = random(3) === 0 ? 255 : random(256);
  }
  return damaged;
}

test('bytes damaged anywhere', async () => {
  const files = ['dnat-outside.pcap', 'relay-outside6.pcapng', 'udp-relay.pcapng'];
  const whole = [...files.map((file) => readFileSync(captureFile(file))), write()];
  for (let seed = 0; seed < 400; seed++) {
    const random = randomizer(seed);
    const file = whole[seed % whole.length] ?? Buffer.alloc(0);
    const among = [10, 50, 200, 1000][random(4)] ?? 50;
    const damaged =
      random(2) === 0 ? damageBytes(file, among, random) : damageAnywhere(file, random);
    const trace = await readBytes(damaged).catch((error: unknown) => {
      assert.instance(error, UserError);
      return null;
    });
    if (trace === null) continue;
    const report = analyse(trace);
    reportSchema.parse(JSON.parse(JSON.stringify(report)));
    renderPcapng(report, trace);
  }
});

test('a time that no clock has is left out, and said', async () => {
  const bytes = write();
  // As seconds, not nanoseconds.
  const whole = Buffer.from(bytes);
  const resolution = whole.indexOf(Buffer.from([9, 0, 1, 0, 9]));
  whole[resolution + 4] = 0;
  const trace = await readBytes(whole);
  assert.match(analyse(trace).coverage.notes.join(), /before 1970 or after 2554/);
});

test('more lost packets than a number can hold', async () => {
  const option = Buffer.concat([Buffer.from([5, 0, 8, 0]), Buffer.alloc(8, 0xff), Buffer.alloc(4)]);
  const statistics = block(5, Buffer.concat([numbers(false, 0, 0, 0), option]), false);
  const report = analyse(await readBytes(Buffer.concat([write(), statistics])));
  assert.ok(report.coverage.lostEvents > 0);
  reportSchema.parse(JSON.parse(JSON.stringify(report)));
});

test.run();
