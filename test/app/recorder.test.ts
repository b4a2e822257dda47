/**
 * A recording that is written while the trace runs: it can be read at any moment, and in the end it gives the trace's
 * report.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { readRecording } from '../../src/app/read-recording.js';
import { Recorder } from '../../src/app/recorder.js';
import { openInput } from '../../src/capture/file/input.js';
import { parseRecording } from '../../src/capture/recording.js';
import { UserError } from '../../src/model/errors.js';
import type { Trace } from '../../src/model/trace.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite<{ folder: string }>('recorder', { folder: '' });

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-recorder-'));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

const sample = readSample('dnat-outside');

async function read(file: string): Promise<Trace> {
  const input = await openInput(file, Readable.from([]), new AbortController().signal);
  return readRecording(file, input);
}

/** The sample as a trace tells it: half of its events before the recording is opened, and the last as a sum. */
async function record(file: string): Promise<Recorder> {
  const recorder = new Recorder(file, new Map());
  const { header, events, tail } = sample;
  const { survey, ...early } = header;
  const half = Math.floor(events.length / 2);
  await recorder.begin(early, events.slice(0, half));
  for (const event of events.slice(half, -1)) recorder.add(event);
  await recorder.finish({
    header: { ...early, ...(survey && { survey }) },
    sums: events.slice(-1),
    tail,
  });
  return recorder;
}

for (const name of ['trace.ndjson', 'trace.ndjson.gz']) {
  test(`${name}: a whole one reads as the trace that it is of`, async ({ folder }) => {
    const file = join(folder, name);
    (await record(file)).settle();
    assert.equal(await read(file), sample);
    assert.is(readFileSync(file)[0] === 0x1f, name.endsWith('.gz'));
    assert.equal(readdirSync(folder), [name]);
  });

  test(`${name}: one that was never ended is cut off, and keeps what was written`, async ({
    folder,
  }) => {
    const file = join(folder, name);
    const recorder = new Recorder(file, new Map());
    await recorder.begin(sample.header, sample.events.slice(0, 5));
    const trace = await read(file);
    assert.equal(trace.events, sample.events.slice(0, 5));
    assert.is(trace.tail.truncated, true);
    assert.is(trace.tail.sealed, false);
    await recorder.finish(endOfSample());
  });
}

function endOfSample() {
  return { header: sample.header, sums: [], tail: sample.tail };
}

test('a last line that was being written is left out', async ({ folder }) => {
  const file = join(folder, 'cut.ndjson');
  await record(file);
  // Behind the last event stand the header as known at the end, and the end.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -3);
  writeFileSync(file, lines.join('\n').slice(0, -20));
  const { events, tail } = await read(file);
  assert.equal(events, sample.events.slice(0, -1));
  assert.match(tail.notes.join(), /ends before its end/);
});

test('events that came late are put in order, and those of other hosts left out', async ({
  folder,
}) => {
  const file = join(folder, 'late.ndjson');
  const [first, second, ...others] = sample.events;
  assert.ok(first && second);
  const swapped = [
    { ...second, id: first.id },
    { ...first, id: second.id },
  ];
  const last = others.at(-1)?.id ?? 0;
  const foreign = others.flatMap((event, at) =>
    event.kind === 'packet'
      ? [
          {
            ...event,
            id: last + 1 + at,
            namespace: 1,
            skb: '1',
            conntrack: null,
            source: { address: '192.0.2.1', port: 9 },
            destination: { address: '192.0.2.2', port: 6379 },
          },
        ]
      : [],
  );
  const recorder = new Recorder(file, new Map());
  await recorder.begin(sample.header, []);
  for (const event of [...swapped, ...others, ...foreign]) recorder.add(event);
  await recorder.finish(endOfSample());
  const { events } = await read(file);
  assert.ok(foreign.length > 0);
  assert.equal(
    events.map(({ time }) => time),
    sample.events.map(({ time }) => time),
  );
});

test('what was there before stays until the probes are live', async ({ folder }) => {
  const file = join(folder, 'old.ndjson');
  writeFileSync(file, 'old');
  const recorder = new Recorder(file, new Map());
  assert.is(readFileSync(file, 'utf8'), 'old');
  recorder.add(sample.events[0]!);
  assert.is(readFileSync(file, 'utf8'), 'old');
  await recorder.begin(sample.header, sample.events);
  assert.equal(parseRecording(readFileSync(file, 'utf8'), 'x').events, sample.events);
  await recorder.finish(endOfSample());
});

test('events that come while the output is being opened are kept', async ({ folder }) => {
  const file = join(folder, 'opening.ndjson');
  const recorder = new Recorder(file, new Map());
  const [first, ...others] = sample.events;
  assert.ok(first);
  const opening = recorder.begin(sample.header, [first]);
  for (const event of others) recorder.add(event);
  await opening;
  await recorder.finish(endOfSample());
  assert.equal((await read(file)).events, sample.events);
});

test('what cannot be written is told once, with what to do', async ({ folder }) => {
  const recorder = new Recorder(join(folder, 'missing', 'x'), new Map());
  await recorder.begin(sample.header, []);
  recorder.add(sample.events[0]!);
  await recorder.finish(endOfSample());
  assert.throws(
    () => recorder.settle(),
    (error: unknown) => error instanceof UserError && error.remedy !== undefined,
  );
});

test('a reader that takes nothing costs bounded memory, and is told', async () => {
  let free = (): void => undefined;
  const pieces: number[] = [];
  const stream = async (piece: Buffer): Promise<void> => {
    pieces.push(piece.length);
    if (pieces.length > 1) await new Promise<void>((resolve) => (free = resolve));
  };
  const recorder = new Recorder('/dev/stdout', new Map([[1, stream]]));
  await recorder.begin(sample.header, []);
  const event = { ...sample.events[0]!, padding: 'x'.repeat(1_000_000) };
  for (let at = 0; at < 200; at += 1) recorder.add(event);
  const ending = recorder.finish(endOfSample());
  await new Promise((resolve) => setImmediate(resolve));
  free();
  await ending;
  assert.throws(() => recorder.settle(), /too slowly/);
  assert.ok(pieces.length < 70, String(pieces.length));
});

test.run();
