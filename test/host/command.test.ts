/** Running a program: its output, and every way in which it can fail. */
import * as assert from 'uvu/assert';
import { runCommand } from '../../src/host/command.js';
import { suite } from '../support/suite.js';

const test = suite('command of the host');

test('gives both outputs, takes input, speaks English', async () => {
  const result = await runCommand('sh', ['-c', 'cat; echo $LC_ALL; echo oops >&2'], {
    input: 'in\n',
  });
  assert.equal([result.ok, result.stdout, result.stderr], [true, 'in\nC', 'oops']);
  assert.equal([result.failure, result.message], [null, '']);
});

const FAILURES: [script: string, failure: string, message: RegExp][] = [
  ['echo first >&2; echo last words >&2; exit 3', 'exit', /^sh ended with 3: last words$/],
  ['exit 4', 'exit', /^sh ended with 4$/],
  ['kill -KILL $$', 'exit', /^sh was ended by SIGKILL/],
  ['sleep 30', 'timeout', /^sh did not end within 200 ms$/],
];
for (const [script, failure, message] of FAILURES) {
  test(`"${script}" is ${failure}`, async () => {
    const result = await runCommand('sh', ['-c', script], { timeout: 200 });
    assert.equal([result.ok, result.failure], [false, failure]);
    assert.match(result.message, message);
  });
}

test('keeps what was printed before the time ran out', async () => {
  const result = await runCommand('sh', ['-c', 'echo half; exec sleep 30'], { timeout: 200 });
  assert.equal([result.failure, result.stdout], ['timeout', 'half']);
});

test('a program that is not there, or may not be run', async () => {
  const missing = await runCommand('no-such-program', []);
  assert.equal([missing.failure, missing.message], ['missing', 'no-such-program is not installed']);
  const denied = await runCommand('/etc/passwd', []);
  assert.equal([denied.failure, denied.message], ['denied', '/etc/passwd may not be run']);
});

test('the signal ends it', async () => {
  const stop = new AbortController();
  const running = runCommand('sleep', ['30'], { signal: stop.signal });
  stop.abort();
  assert.is((await running).failure, 'aborted');
});

test.run();
