/** Inputs are closed as soon as they are read or refused; no input stays open until the program ends. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import type { LiveOutputs, LiveTerminal } from '../../src/app/present.js';
import { readTrace } from '../../src/app/read.js';
import { isLongRecording } from '../../src/app/read-long.js';
import { openInput } from '../../src/capture/file/input.js';
import { UserError } from '../../src/model/errors.js';
import { captureFile } from '../support/captures.js';
import { suite } from '../support/suite.js';

const test = suite<{ folder: string }>('inputs are closed', { folder: '' });
test.skipUnless(process.platform === 'linux' ? null : 'needs /proc/self/fd');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-closing-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true });
});

/** Descriptors of this process that lead to `file`. */
function countOpen(file: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false; // that of the listing itself
    }
  }).length;
}

const nothing = Readable.from([]);
const never = new AbortController().signal;

test('an input of which no chunk was asked for, plain and compressed', async ({ folder }) => {
  const bytes = readFileSync(captureFile('dnat-outside.pcap'));
  const packed = gzipSync(bytes, { level: 0 });
  for (const [name, content] of [
    ['plain', bytes],
    ['packed', packed],
    ['long', Buffer.concat([bytes, Buffer.alloc(4 << 20)])],
    ['packed-long', gzipSync(Buffer.concat([bytes, Buffer.alloc(4 << 20, 'x')]), { level: 0 })],
    ['empty', Buffer.alloc(0)],
  ] as const) {
    const file = join(folder, name);
    writeFileSync(file, content);
    const input = await openInput(file, nothing, never);
    await input.close();
    assert.is(countOpen(file), 0, name);
    await input.close();
  }
});

test('an input that is left in the middle', async ({ folder }) => {
  const file = join(folder, 'long');
  writeFileSync(file, Buffer.alloc(4 << 20));
  const input = await openInput(file, nothing, never);
  const chunks = input.chunks[Symbol.asyncIterator]();
  await chunks.next();
  assert.is(countOpen(file), 1);
  await input.close();
  assert.is(countOpen(file), 0);
});

const OUTPUTS = { json: true, expect: null, show: {} } as unknown as LiveOutputs;
const TERMINAL = {
  columns: 80,
  color: false,
  interactive: false,
  out: () => undefined,
  err: () => undefined,
  emit: () => undefined,
  draw: () => undefined,
  onInterrupt: () => undefined,
} as unknown as LiveTerminal;

/** The code of the refusal. */
async function refusalOf(files: readonly string[], more: object = {}): Promise<string> {
  const request = { files, query: {}, client: null, hops: null, program: 'trace-flow', ...more };
  try {
    await readTrace({ topology: undefined, ...request }, OUTPUTS, TERMINAL, nothing);
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return 'none';
}

test('what is refused: no capture, a recording among others, no names, no map', async ({
  folder,
}) => {
  const capture = captureFile('dnat-outside.pcap');
  const recording = fileURLToPath(new URL('../../../samples/dnat-outside.ndjson', import.meta.url));
  const text = join(folder, 'text');
  writeFileSync(text, 'a text of several words, which is no capture\n'.repeat(100_000));
  const packed = join(folder, 'text.gz');
  writeFileSync(packed, gzipSync(readFileSync(text), { level: 0 }));
  const json = join(folder, 'json');
  writeFileSync(json, `{"a":1}\n${' '.repeat(4 << 20)}`);
  for (const [files, more, code] of [
    [[text], {}, 'not-a-capture'],
    [[packed], {}, 'not-a-capture'],
    [[json], {}, 'not-a-recording'],
    [[capture, text], {}, 'not-a-capture'],
    [[capture, recording], {}, 'recording-among-others'],
    [[capture], { query: { containers: ['redis'] } }, 'no-names'],
    [[capture], { topology: join(folder, 'nowhere') }, 'cannot-read'],
    [[capture], { topology: text }, 'not-a-topology'],
  ] as const) {
    assert.is(await refusalOf(files, more), code, `${files.join()} ${code}`);
    for (const file of files) assert.is(countOpen(file), 0, `${file}: ${code}`);
  }
  assert.is(await isLongRecording(json, nothing), false);
  assert.is(countOpen(json), 0);
});

test.run();
