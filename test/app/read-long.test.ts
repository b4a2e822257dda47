/** A recording that is too long to be held in memory is read twice and gives the same report as a short one. */
import { execa } from 'execa';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { needsEvents, type OutputRequest } from '../../src/app/outputs.js';
import { suite } from '../support/suite.js';

const test = suite('read, long recordings');
const program = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const SAMPLE = fileURLToPath(new URL('../../../samples/mixed-20.ndjson', import.meta.url));

/** How often the sample is copied, and nanoseconds between two copies. */
const COPIES = 8;
const APART = 3_000_000_000;

async function readJson(file: string, ...more: string[]): Promise<string> {
  const { stdout } = await execa(process.execPath, [program, 'read', file, '--json', ...more]);
  return stdout;
}

/** The sample again and again, each time with other ports, numbers and places in memory, and long by empty lines. */
async function writeLong(file: string, padding: number): Promise<void> {
  const [first = '', ...lines] = (await readFile(SAMPLE, 'utf8')).trimEnd().split('\n');
  const end = lines.pop() ?? '';
  const header = JSON.stringify({ ...(JSON.parse(first) as object), budget: 16 });
  await writeFile(file, `${header}\n`);
  let id = 0;
  for (let copy = 0; copy < COPIES; copy++) {
    const text = lines
      .filter((line) => !line.includes('"kind":"total"'))
      .map((line) => shift(line, copy, (id += 1)))
      .join('\n');
    await appendFile(file, `${text}\n${'\n'.repeat(padding)}`);
  }
  await appendFile(file, `${end}\n`);
}

function shift(line: string, copy: number, id: number): string {
  const event = JSON.parse(line, (key, value: unknown) => {
    if (key === 'port' && typeof value === 'number' && value >= 30_000) {
      return 10_000 + ((value - 30_000 + copy * 37) % 55_000);
    }
    if (key === 'time' && typeof value === 'number') return value + copy * APART;
    if ((key === 'seq' || key === 'ack') && typeof value === 'number' && value > 0) {
      return (value + copy * 7_919) % 2 ** 32;
    }
    const moves = key === 'skb' || key === 'socket' || key === 'id';
    if (moves && typeof value === 'string') {
      return (BigInt(`0x${value}`) + BigInt(copy) * 0x100000n).toString(16);
    }
    return value;
  }) as object;
  return JSON.stringify({ ...event, id });
}

test('the same document as of a short one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-test-'));
  try {
    const [short, long] = [join(folder, 'short.ndjson'), join(folder, 'long.ndjson')];
    await writeLong(short, 0);
    await writeLong(long, 2_200_000);
    const [told, expected] = [await readJson(long), await readJson(short)];
    assert.is(told, expected);
    assert.is((JSON.parse(told) as { connections: unknown[] }).connections.length, COPIES * 20);
    const named = await readJson(long, '--client', '127.0.0.1', '--hops', '3');
    assert.is(named, await readJson(short, '--client', '127.0.0.1', '--hops', '3'));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what is made of every event holds them all', () => {
  const none = {} as OutputRequest;
  assert.is(needsEvents(none), false);
  assert.is(needsEvents({ ...none, svg: 'a.svg', json: true, record: 'a' }), false);
  for (const kind of ['html', 'pcapng', 'perfetto'] as const) {
    assert.is(needsEvents({ ...none, [kind]: 'a' }), true, kind);
  }
  assert.is(needsEvents({ ...none, anonymize: true }), true);
});

test.run();
