// The program as a process, from `bin/run.js`: help, version, an unknown command, and a reader that stops reading.

import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const PROJECT = new URL('../../../', import.meta.url);
const RUN = fileURLToPath(new URL('bin/run.js', PROJECT));

const test = suite('bin/run.js');

test('prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', PROJECT), 'utf8')) as {
    version: string;
  };
  for (const flag of ['--version', '-v']) {
    const { stdout, exitCode } = await runProgram(flag);
    assert.ok(stdout.startsWith(`trace-flow/${version} `));
    assert.is(exitCode, 0);
  }
});

test('shows help when it is given nothing', async () => {
  const { stdout, exitCode } = await runProgram();
  assert.match(stdout, /USAGE/);
  assert.is(exitCode, 0);
});

test('exits 2 for an unknown command, with one line each for error and remedy', async () => {
  const { stdout, stderr, exitCode } = await runProgram('dump.pcap', '--json');
  assert.is(stdout, '');
  assert.is(stderr.split('\n').length, 2);
  assert.match(stderr, /read dump\.pcap/);
  assert.is(exitCode, 2);
});

test('takes what was built, whatever NODE_ENV says', async () => {
  const { stderr, exitCode } = await execa(process.execPath, [RUN, '--help'], {
    env: { NODE_ENV: 'development' },
  });
  assert.is(stderr, '');
  assert.is(exitCode, 0);
});

test.run();

function runProgram(...args: string[]) {
  return execa(process.execPath, [RUN, ...args], { reject: false });
}
