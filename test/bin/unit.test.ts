/** The systemd units for a standing trace are valid for systemd. */
import { execa } from 'execa';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const UNIT = fileURLToPath(new URL('../../../docs/trace-flow@.service', import.meta.url));

const test = suite<{ folder: string }>('unit of systemd', { folder: '' });
const { failed } = await execa('systemd-analyze', ['--version'], { reject: false });
test.skipUnless(failed ? 'systemd-analyze is not installed' : null, { optional: true });
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-unit-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true });
});

/** What systemd says of an instance of it; the program need not be installed where it looks. */
async function verify(folder: string, text: string): Promise<string> {
  const file = join(folder, 'trace-flow@6379.service');
  writeFileSync(file, text);
  const { all, exitCode } = await execa('systemd-analyze', ['verify', '--man=no', file], {
    reject: false,
    all: true,
    env: { SYSTEMD_LOG_COLOR: '0' },
  });
  return exitCode === 0 && all === '' ? 'fine' : all;
}

test('it is complete and every setting is known', async ({ folder }) => {
  assert.is(await verify(folder, readFileSync(UNIT, 'utf8')), 'fine');
});

test('a setting that does not exist would be told', async ({ folder }) => {
  const text = readFileSync(UNIT, 'utf8').replace('[Service]', '[Service]\nNoSuchSetting=yes');
  assert.match(await verify(folder, text), /NoSuchSetting/);
});

test.run();
