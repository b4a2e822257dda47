/** The runner's own tests: every way in which a test file could pass falsely is caught, and the last line counts it. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { isGroupAlive } from '../support/runner/group.js';
import { suite } from '../support/suite.js';

const RUNNER = fileURLToPath(new URL('../run.js', import.meta.url));

interface Run {
  code: number | undefined;
  output: string;
  last: string;
}

async function runFixture(name: string, args: string[] = [], requireLive = ''): Promise<Run> {
  const fixtures = [
    '--folder',
    'test/support/fixtures-runner',
    '--endings',
    'fixture,livefixture',
    '--grace',
    '3',
  ];
  const result = await execa(
    process.execPath,
    [RUNNER, ...fixtures, '--pattern', `/${name}\\.`, ...args],
    { reject: false, all: true, env: { TRACE_FLOW_REQUIRE_LIVE: requireLive } },
  );
  return { code: result.exitCode, output: result.all, last: result.all.split('\n').at(-1) ?? '' };
}

const test = suite('runner');

test('passes and counts skips with their reasons', async () => {
  const run = await runFixture('passes');
  assert.is(run.last, '2 passed, 0 failed, 3 skipped');
  assert.is(run.code, 0);
  assert.match(run.output, 'skipped: first › one test: the moon is full');
  assert.match(run.output, 'skipped: second › barks: this machine has no tail');
});

test('shows a failure with its file, its difference, its place and what was printed', async () => {
  const run = await runFixture('fails');
  assert.is(run.last, '1 passed, 1 failed, 0 skipped');
  assert.is(run.code, 1);
  assert.match(
    run.output,
    /FAIL test\/support\/fixtures-runner\/fails\.fixture\.ts: fails › is wrong/,
  );
  assert.match(run.output, /--.*6379/);
  assert.match(run.output, /fails\.fixture\.ts:\d+/);
  assert.match(run.output, 'said before failing');
});

const CAUGHT: [fixture: string, last: string, says: RegExp, args?: string[]][] = [
  ['nowhere', '0 passed, 1 failed, 0 skipped', /no test file/],
  ['no-suite', '0 passed, 1 failed, 0 skipped', /registers no suite/],
  ['no-run', '1 passed, 1 failed, 0 skipped', /forgotten › \.run\(\) is missing/],
  ['late-test', '1 passed, 1 failed, 0 skipped', /late › \.run\(\) is missing/],
  ['empty', '0 passed, 1 failed, 0 skipped', /hold no test/],
  ['only', '1 passed, 2 failed, 0 skipped', /\.only is left in\n\s+chosen/],
  ['throws-in-before', '0 passed, 2 failed, 0 skipped', /before hook\n\s+Error: the hook/],
  ['throws-in-after', '1 passed, 1 failed, 0 skipped', /after hook\n\s+Error: the hook/],
  [
    'throws-in-before-each',
    '0 passed, 2 failed, 0 skipped',
    /before.each hook\n\s+Error: the hook/,
  ],
  ['throws-in-after-each', '0 passed, 3 failed, 0 skipped', /after.each hook\n\s+Error: the hook/],
  [
    'hangs',
    '0 passed, 1 failed, 0 skipped',
    /Killed after 1 s.*waits for ever/,
    ['--timeout', '1'],
  ],
  ['spins', '0 passed, 1 failed, 0 skipped', /Killed after 1 s.*counts/, ['--timeout', '1']],
  ['drains', '0 passed, 1 failed, 0 skipped', /during: drains › waits for nobody/],
  ['leaks-timer', '1 passed, 1 failed, 0 skipped', /left something running.*\n.*Timeout/],
  ['leaks-process', '1 passed, 1 failed, 0 skipped', /left processes running/],
  ['rejects', '1 passed, 1 failed, 0 skipped', /unhandled rejection\n\s+Error: nobody listens/],
  ['throws-later', '1 passed, 1 failed, 0 skipped', /exit code 1 after its last test/],
  ['exits', '0 passed, 1 failed, 0 skipped', /exit code 0 during: exits › leaves/],
  ['does-not-load', '1 passed, 1 failed, 0 skipped', /does not load\n\s+Error: the file is broken/],
  ['foreign', '0 passed, 1 failed, 0 skipped', /Import `suite` from test\/support/],
];

for (const [fixture, last, says, args] of CAUGHT) {
  test(`catches ${fixture}`, async () => {
    const run = await runFixture(fixture, args);
    assert.match(run.output, says);
    assert.is(run.last, last);
    assert.is(run.code, 1);
  });
}

test('kills what a file leaves running', async () => {
  const run = await runFixture('leaks-process');
  const group = Number(/sleeper \d+ of group (\d+)/.exec(run.output)?.[1]);
  assert.ok(group > 1);
  assert.not.ok(isGroupAlive(group));
});

test('skips in a live file unless live tests are required', async () => {
  const lenient = await runFixture('skips');
  assert.is(lenient.last, '1 passed, 0 failed, 2 skipped');
  assert.is(lenient.code, 0);
  const strict = await runFixture('skips', [], '1');
  assert.is(strict.last, '1 passed, 1 failed, 1 skipped');
  assert.match(strict.output, /needed › traces\n\s+Live tests are required: no BTF/);
  assert.is(strict.code, 1);
});

test('chooses live or other files', async () => {
  assert.is((await runFixture('(skips|passes)', ['--live'])).last, '1 passed, 0 failed, 2 skipped');
  assert.is(
    (await runFixture('(skips|passes)', ['--no-live'])).last,
    '2 passed, 0 failed, 3 skipped',
  );
});

test('runs everything again and again under load, and says what failed in which round', async () => {
  const run = await runFixture('(passes|fails)', ['--times', '2', '--load', '1']);
  assert.is(run.last, '6 passed, 2 failed, 6 skipped');
  assert.match(run.output, /^round 2 of 2$/m);
  assert.match(run.output, /^failed: test\/support\/fixtures-runner\/fails.*, round 1, 2$/m);
  assert.not.match(run.output, /^failed: .*passes/m);
  assert.is(run.code, 1);
});

test.run();
