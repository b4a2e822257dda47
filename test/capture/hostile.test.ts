/** Hostile files, read by the program itself in a process of its own: a message with the file and byte, in little memory. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { captureFile } from '../support/captures.js';
import { suite } from '../support/suite.js';

const test = suite('hostile captures');
const folder = mkdtempSync(join(tmpdir(), 'trace-flow-hostile-'));
const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
/** Kilobytes beyond what reading a small capture takes, which differs between versions of Node. */
const MEMORY = 30_000;
/** Has the process say at its end how much memory it had at most; its rusage would count its parent's as well. */
const REPORT = `data:text/javascript,import{readFileSync}from'node:fs';process.on('exit',()=>process._rawDebug(/VmHWM.*/.exec(readFileSync('/proc/self/status','latin1'))[0]))`;

const pcap = readFileSync(captureFile('dnat-outside.pcap'));
const pcapng = readFileSync(captureFile('relay-outside6.pcapng'));
const recording = Buffer.from('{"schema":"trace-flow/recording/1",');

interface Hostile {
  readonly name: string;
  readonly bytes: Buffer;
  /** What must be said. */
  readonly says: RegExp;
  /** Nothing was readable: exit 1 and no report. */
  readonly nothing?: true;
}

const words = (...values: number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => out.writeUInt32LE(value, i * 4));
  return out;
};
const packet = (body: Buffer): Buffer =>
  Buffer.concat([words(1, 0, body.length, body.length), body]);
/** A cooked frame whose every type is another tag. */
const tags = Buffer.alloc(20 + 4 * 65_535);
tags.writeUInt16BE(0x8100, 0);
for (let at = 22; at < tags.length; at += 4) tags.writeUInt16BE(0x8100, at);
const options = (code: number): Buffer => {
  const body = Buffer.alloc(1_000_000);
  for (let at = 0; at < body.length; at += 4) body.writeUInt16LE(code, at);
  return Buffer.concat([words(5, body.length + 24, 0, 0, 0), body, words(body.length + 24)]);
};

const FILES: readonly Hostile[] = [
  { name: 'empty', bytes: Buffer.alloc(0), says: /empty \(0 bytes\)/, nothing: true },
  { name: 'header', bytes: pcap.subarray(0, 11), says: /cut off at byte 11/, nothing: true },
  {
    name: 'caplen',
    bytes: Buffer.concat([pcap, words(1, 0, 0xffffffff, 60), Buffer.alloc(4_000_000)]),
    says: new RegExp(`packet at byte ${pcap.length} claims 4294967295`),
  },
  {
    name: 'caplen at once',
    bytes: Buffer.concat([pcap.subarray(0, 24), words(1, 0, 0xffffffff, 60)]),
    says: /packet at byte 24 claims 4294967295/,
    nothing: true,
  },
  { name: 'cut', bytes: pcap.subarray(0, -3), says: /cut off inside the packet at byte \d+/ },
  {
    name: 'block of 0 bytes',
    bytes: Buffer.concat([pcapng, words(6, 0, 0)]),
    says: new RegExp(`block at byte ${pcapng.length} claims a length of 0`),
  },
  {
    name: 'block of 16 MB',
    bytes: Buffer.concat([pcapng, words(6, 16 << 20), Buffer.alloc(16 << 20)]),
    says: new RegExp(`block at byte ${pcapng.length} claims a length of 16777216`),
  },
  {
    name: 'option loops',
    bytes: Buffer.concat([pcapng, options(1), options(5), words(6, 0, 0)]),
    says: /claims a length of 0/,
  },
  {
    name: '65,535 tags',
    bytes: Buffer.concat([pcap, packet(tags.subarray(0, 262_144)), words(1)]),
    says: /1 packets could not be decoded/,
  },
  {
    name: 'a hole',
    bytes: Buffer.concat([pcap, Buffer.alloc(16_000_000)]),
    says: /packets before byte \d+ are without a byte/,
  },
  {
    name: 'gzip bomb',
    bytes: gzipSync(Buffer.concat([pcap, Buffer.alloc(300_000_000)]), { level: 1 }),
    says: /packets before byte \d+ are without a byte/,
  },
  {
    name: 'gzip bomb in blocks',
    bytes: gzipSync(Buffer.concat([pcapng, Buffer.alloc(300_000_000)]), { level: 1 }),
    says: /claims a length of 0/,
  },
  {
    name: 'gzip bomb as a recording',
    bytes: gzipSync(Buffer.concat([recording, Buffer.alloc(300_000_000, 32)]), { level: 1 }),
    says: /not a recording that this version can read/,
    nothing: true,
  },
  {
    name: 'gzip cut at a packet',
    bytes: cutGzip(),
    says: /gzip data is cut off at byte \d+ of the compressed file/,
  },
];

/** Stored, not compressed, so that it can be cut behind a packet: header, one block, no trailer. */
function cutGzip(): Buffer {
  const packed = gzipSync(pcap, { level: 0 });
  let end = 24;
  while (end < pcap.length / 2) end += 16 + pcap.readUInt32LE(end + 8);
  return packed.subarray(0, packed.indexOf(pcap.subarray(0, 24)) + end);
}

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly peak: number;
}

async function read(file: string): Promise<Run> {
  return new Promise((resolve) => {
    const args = ['--import', REPORT, PROGRAM, 'read', file, '--json'];
    execFile(process.execPath, args, { maxBuffer: 1e8 }, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, out, err, peak: Number(/VmHWM:\s+(\d+)/.exec(err)?.[1] ?? NaN) });
    });
  });
}

let base = 0;

test.before(async () => {
  const { peak } = await read(captureFile('dnat-outside.pcap'));
  base = peak;
});

for (const { name, bytes, says, nothing } of FILES) {
  test(`${name}: said with the byte, what was readable is reported, in bounded memory`, async () => {
    const file = join(folder, `${name}.cap`);
    writeFileSync(file, bytes);
    const { code, out, err, peak } = await read(file);
    assert.match(err.replace(/\s+/g, ' '), says);
    assert.ok(err.replace(/\s+/g, '').includes(file.replace(/\s+/g, '')), err);
    assert.ok(peak < base + MEMORY, `${peak} kB, a small capture takes ${base} kB`);
    if (nothing) {
      assert.is(code, 1);
      return;
    }
    assert.is(code, 0);
    const report = JSON.parse(out) as { coverage: { truncated: boolean }; connections: unknown[] };
    assert.ok(report.coverage.truncated);
    assert.ok(report.connections.length > 0);
  });
}

test.after(() => rmSync(folder, { recursive: true }));

test.run();
