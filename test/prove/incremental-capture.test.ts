/** A capture that is read in pieces gives the same report as one that is read whole. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { CaptureReading, type ReadingOptions } from '../../src/capture/captures.js';
import { openInput } from '../../src/capture/file/input.js';
import type { Connection, Report } from '../../src/model/report.js';
import type { TraceHeader } from '../../src/model/trace.js';
import { analyseCapture } from '../../src/prove/analyse-capture.js';
import { assembleReport } from '../../src/prove/assemble.js';
import { CapturedStore } from '../../src/prove/captured-store.js';
import { IncrementalCapture } from '../../src/prove/incremental-capture.js';
import { ListingTally } from '../../src/prove/listing-tally.js';
import { renderListing } from '../../src/render/terminal/listing.js';
import { randomizer } from '../decode/frames.js';
import { CAPTURES, captureFile } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { writeCapture, type Form, type Shot } from '../support/wire-packets.js';
import { play } from '../support/wire-play.js';

const test = suite('incremental captures');

/** More by TRACE_FLOW_WORLDS=2000. */
const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 150);
const SECOND = 1_000_000_000;

const packer = {
  pack: (text: string) => deflateRawSync(text),
  unpack: (packed: Uint8Array) => inflateRawSync(packed).toString(),
};

interface Told {
  readonly report: Report;
  readonly listing: string;
  /** Conversations that were let go before the end. */
  readonly early: number;
  readonly late: number;
}

/** In chunks that are smaller than most packets; none but a few frames are put in order first. */
async function read(bytes: Buffer, options: Partial<ReadingOptions>): Promise<CaptureReading> {
  const reading = new CaptureReading({ several: false, program: 'test', ordered: 20, ...options });
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 2_000) chunks.push(bytes.subarray(at, at + 2_000));
  const input = await openInput('-', Readable.from(chunks), new AbortController().signal);
  await reading.readFile('world.pcap', input, () => undefined);
  return reading;
}

function aim(ports: readonly number[]): (header: TraceHeader) => TraceHeader {
  return (header) => ({ ...header, target: { ...header.target, asked: ports, ports } });
}

async function tellWhole(bytes: Buffer, ports: readonly number[]): Promise<Told> {
  const trace = (await read(bytes, {})).makeTrace();
  const report = analyseCapture({ ...trace, header: aim(ports)(trace.header) });
  return { report, listing: renderListing(report.connections), early: 0, late: 0 };
}

async function tellInPieces(
  bytes: Buffer,
  ports: readonly number[],
  piece: number,
  many?: number,
): Promise<Told> {
  const narrow = aim(ports);
  const store = new CapturedStore(packer);
  const tally = new ListingTally();
  const analyses = [store, tally].map(
    (keeper) =>
      new IncrementalCapture({ narrow, keeper, hops: 64, ...(many !== undefined && { many }) }),
  );
  let early = 0;
  const look: ReadingOptions['look'] = (held) => {
    const [gone, ...others] = analyses.map((analysis) => analysis.look(held));
    for (const other of others) assert.equal(other, gone);
    early += gone?.size ?? 0;
    return gone ?? new Set();
  };
  const reading = await read(bytes, { look, piece });
  const whole = reading.makeTrace();
  const trace = { ...whole, header: narrow(whole.header), partial: true as const };
  const [end, listed] = analyses.map((analysis) => analysis.finish(trace));
  if (!end || !listed) throw new RangeError('there are two');
  const named = store.namespaces;
  const report = assembleReport(trace, store.list(end), { predicted: null, named });
  return { report, listing: renderListing(tally.list(listed)), early, late: reading.late };
}

async function compare(bytes: Buffer, ports: readonly number[], piece: number, name: string) {
  const whole = await tellWhole(bytes, ports);
  const pieces = await tellInPieces(bytes, ports, piece);
  assert.is(pieces.late, 0, name);
  const plain = (report: Report): Report => JSON.parse(JSON.stringify(report)) as Report;
  const [told, expected] = [plain(pieces.report), plain(whole.report)];
  for (const [index, connection] of expected.connections.entries()) {
    assert.equal(told.connections[index], connection, `${name}, connection ${index + 1}`);
  }
  assert.equal(told, expected, name);
  assert.is(pieces.listing, whole.listing, name);
  return pieces.early;
}

/** Several worlds one after the other, with pauses between them and within them; ports are used again. */
function chain(seed: number): { readonly shots: readonly Shot[]; readonly form: Form } {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const shots: Shot[] = [];
  let form: Form | null = null;
  let at = 0;
  const count = 3 + random(9);
  for (let scene = 0; scene < count; scene++) {
    const played = play(seed * 16 + scene);
    form ??= played.form;
    let pause = 0;
    const slow = random(3) === 0;
    let last = at;
    for (const shot of [...played.shots].sort((a, b) => a.time - b.time)) {
      if (slow && random(20) === 0) pause += random(4) * SECOND;
      const time = at + shot.time + pause;
      last = Math.max(last, time);
      shots.push({ ...shot, time });
    }
    // Sometimes the next begins while this one goes on.
    at = random(3) === 0 ? at + random(1_000) * 1000 : last + random(6) * SECOND;
  }
  return { shots: shots.sort((a, b) => a.time - b.time), form: form ?? play(seed).form };
}

test(`${COUNT} worlds with pauses: the same report, however often it is looked at meanwhile`, async () => {
  let early = 0;
  for (let seed = 1; seed <= COUNT; seed++) {
    const { shots, form } = chain(seed);
    const ports = seed % 3 === 0 ? [6380] : [];
    early += await compare(writeCapture(shots, form), ports, 5 + (seed % 40), `seed ${seed}`);
  }
  assert.ok(early > COUNT, `${early} conversations were let go before the end`);
});

test('worlds without datagrams, of which less is looked at: the same report as well', async () => {
  let early = 0;
  for (let seed = 1; seed <= COUNT / 3; seed++) {
    const { shots, form } = chain(seed + 10_000);
    const segments = shots.filter(({ bytes }) => !isDatagram(bytes));
    early += await compare(writeCapture(segments, form), [], 5 + (seed % 40), `seed ${seed}`);
  }
  assert.ok(early > COUNT / 3, `${early} conversations were let go before the end`);
});

const UDP = 17;

function isDatagram(bytes: Buffer): boolean {
  return (bytes.readUInt8(0) >> 4 === 4 ? bytes.readUInt8(9) : bytes.readUInt8(6)) === UDP;
}

test('where what is over may not wait for others, nothing is proven that the whole does not prove', async () => {
  let hurried = 0;
  for (let seed = 1; seed <= COUNT / 3; seed++) {
    const { shots, form } = chain(seed);
    const bytes = writeCapture(shots, form);
    const { report: whole } = await tellWhole(bytes, []);
    const pieces = await tellInPieces(bytes, [], 10, 0);
    hurried += pieces.early;
    const describe = ({ protocol, client, server, path, timing }: Connection): string =>
      JSON.stringify([protocol, client, server, path, timing.start]);
    const proven = new Set(
      whole.connections.filter(({ proof }) => proof === 'proven').map(describe),
    );
    for (const connection of pieces.report.connections) {
      if (connection.proof !== 'proven') continue;
      assert.ok(proven.has(describe(connection)), `seed ${seed}: ${describe(connection)}`);
    }
  }
  assert.ok(hurried > COUNT / 2, `${hurried} conversations were let go before the end`);
});

test('every sample: the same report', async () => {
  for (const [name, { files, ports }] of Object.entries(CAPTURES)) {
    const [file] = files;
    if (files.length !== 1 || file === undefined || file.endsWith('.gz')) continue;
    for (const piece of [10, 100]) {
      await compare(readFileSync(captureFile(file)), ports, piece, name);
    }
  }
});

test.run();
