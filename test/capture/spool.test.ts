/** The tracer's output file: the writer never waits for the reader, and no file is left behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openSpool } from '../../src/capture/bpftrace/spool.js';
import { suite } from '../support/suite.js';

const test = suite('spool');

/** Far more than a pipe holds. */
const BYTES = 8 * 1024 * 1024;
const PATIENCE_MS = 60_000;

test('a writer comes to its end while the reader does nothing at all, and all of it is read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-spool-'));
  try {
    let text = '';
    const spool = openSpool((piece) => (text += piece));
    assert.ok(spool);
    const marker = join(folder, 'written');
    const script = `
      const fs = require('node:fs');
      fs.writeSync(1, 'a'.repeat(${BYTES / 2}));
      fs.writeSync(1, 'é'.repeat(${BYTES / 4}));
      fs.writeFileSync(process.argv[1], '');`;
    const writer = spawn(process.execPath, ['-e', script, marker], {
      stdio: ['ignore', spool.output, 'inherit'],
    });
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; !existsSync(marker) && waited < PATIENCE_MS; waited += 20) {
      Atomics.wait(sleeper, 0, 0, 20); // nothing of this process runs meanwhile
    }
    assert.ok(existsSync(marker), 'the writer waits');
    assert.is(text, '');
    await once(writer, 'exit');
    spool.end();
    assert.is(text.length, BYTES);
    assert.is(
      Buffer.from(text, 'latin1').toString('utf8'),
      'a'.repeat(BYTES / 2) + 'é'.repeat(BYTES / 4),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('its file has no name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-spool-'));
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  try {
    const spool = openSpool(() => undefined);
    assert.ok(spool);
    assert.equal(await readdir(folder), []);
    spool.end();
    process.env['TMPDIR'] = join(folder, 'absent');
    assert.is(
      openSpool(() => undefined),
      null,
    );
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    await rm(folder, { recursive: true });
  }
});

test.run();
