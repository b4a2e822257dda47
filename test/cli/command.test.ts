/**
 * How a command ends: usage errors exit with 2, other errors with their own code, without a stack trace unless DEBUG
 * is set.
 */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const COMMAND = fileURLToPath(new URL('../support/fixtures-cli/command.js', import.meta.url));

const test = suite('command');

const ENDINGS: [args: string[], exit: number, says: RegExp][] = [
  [[], 0, /^$/],
  [['--nope'], 2, /Nonexistent flag: --nope/],
  [['--adress', 'x'], 2, /Nonexistent flag: --adress\n[^]*Remedy: did you mean --address\?$/m],
  [['stray'], 2, /Unexpected argument: stray/],
  [['--port', 'x'], 2, /Expected an integer but received: x/],
  [['--port', '70000'], 2, /less than or equal to 65535/],
  [['--port'], 2, /--port expects a value/],
  [['--path', 'x'], 2, /to be one of: dnat, relay/],
  [['--address', 'x'], 2, /x is no address/],
  [['--fail', 'user'], 1, /^Error: The kernel has no BTF\.\nRemedy: Boot a kernel/],
  [['--fail', 'none-seen'], 3, /^Error: No traffic matched\.$/],
  [['--fail', 'system'], 1, /^Error: EACCES: open\nRemedy: /],
  [
    ['--fail', 'defect'],
    1,
    /undefined is not a packet\nThis is a defect of trace-flow[^]*doctor --json[^]*\nWhere: .*Node \d/,
  ],
  [['--fail', 'quietly'], 4, /^$/],
];

for (const [args, exit, says] of ENDINGS) {
  test(`exits ${exit} for [${args.join(' ')}]`, async () => {
    const result = await runCommand(args);
    assert.is(result.exitCode, exit);
    assert.match(result.stderr, says);
    assert.not.match(result.stderr, /^\s+at /m);
    assert.is(result.stdout, exit === 0 ? 'done' : '');
  });
}

test('shows the stack when DEBUG is set', async () => {
  const { stderr } = await runCommand(['--fail', 'defect'], { DEBUG: '1' });
  assert.match(stderr, /^\s+at .*fixtures-cli/m);
});

test.run();

function runCommand(args: string[], env: Record<string, string> = {}) {
  return execa(process.execPath, [COMMAND, ...args], { reject: false, env: { DEBUG: '', ...env } });
}
