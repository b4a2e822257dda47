/** Colour and width of the terminal's output: they fit its room, and there is no colour where none is wanted. */
import { execa } from 'execa';
import stringWidth from 'string-width';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COMMAND = `'${process.execPath}' bin/run.js read samples/proxy-loopback.ndjson`;
const ESCAPE = '\u001b[';

const test = suite('colour and width');
test.skipUnless(findLiveObstacle('script'));

/** What the command prints on a terminal of so many columns, made by script(1). */
async function onTerminal(columns: number, env: Record<string, string>): Promise<string> {
  const { stdout } = await execa(
    'script',
    ['-qec', `stty cols ${columns}; ${COMMAND}`, '/dev/null'],
    { cwd: ROOT, env: { TERM: 'xterm', NO_COLOR: '', ...env } },
  );
  return stdout.replaceAll('\r', '');
}

test('a terminal gets colour, and no line wider than itself', async () => {
  for (const columns of [40, 61, 120]) {
    const shown = await onTerminal(columns, {});
    assert.ok(shown.includes(ESCAPE));
    for (const line of shown.split('\n')) {
      assert.ok(stringWidth(stripVTControlCharacters(line)) <= columns, `${columns}: ${line}`);
    }
  }
});

test('NO_COLOR and a pipe get none', async () => {
  assert.not.ok((await onTerminal(80, { NO_COLOR: '1' })).includes(ESCAPE));
  const { stdout } = await execa('sh', ['-c', COMMAND], { cwd: ROOT, env: { NO_COLOR: '' } });
  assert.not.ok(stdout.includes(ESCAPE));
});

test.run();
