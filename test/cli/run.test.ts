/** The program as a process, from `bin/run.js`: help, version, an unknown command, and a reader that stops reading. */
import { execa } from 'execa';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('help that was written down is the help that oclif gives', async () => {
  for (const command of ['', 'trace', 'read', 'explain', 'doctor', 'demo']) {
    const asked = [command, '--help'].filter(Boolean);
    const quick = await runProgram(...asked);
    const own = await runProgram(...asked, '--help'); // asked twice: that takes oclif
    assert.is(quick.stdout, own.stdout);
    assert.equal([quick.exitCode, own.exitCode], [0, 0]);
    assert.match(quick.stdout, command === '' ? /VERSION/ : /FLAGS/);
  }
  const [quick, own] = [await runProgram('-v'), await runProgram('-v', '--version')];
  assert.is(quick.stdout, own.stdout);
});

test('loads no plugin and no theme of the caller', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-home-'));
  try {
    const mark = join(folder, 'mark');
    const plugin = join(folder, 'plugin');
    const data = { name: 'x', oclif: { plugins: [{ type: 'link', name: 'evil', root: plugin }] } };
    const evil = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, ''); module.exports = async () => {};`;
    mkdirSync(plugin);
    const pjson = { name: 'evil', version: '1.0.0', oclif: { hooks: { init: './hook.js' } } };
    writeFileSync(join(plugin, 'package.json'), JSON.stringify(pjson));
    writeFileSync(join(plugin, 'hook.js'), evil);
    for (const place of ['', '.local/share', '.config']) {
      mkdirSync(join(folder, place, 'trace-flow'), { recursive: true });
      writeFileSync(join(folder, place, 'trace-flow/package.json'), JSON.stringify(data));
      writeFileSync(join(folder, place, 'trace-flow/theme.json'), '{"bin": "red"}');
    }
    for (const env of [
      { HOME: folder },
      { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      { TRACE_FLOW_DATA_DIR: join(folder, 'trace-flow') },
    ]) {
      const options = { env: { ...env, FORCE_COLOR: '1' } };
      const { stdout, stderr } = await execa(process.execPath, [RUN, '--help'], options);
      assert.is(stderr, '');
      assert.not.match(stdout, /\u001b\[31m/);
      assert.not.ok(existsSync(mark), JSON.stringify(env));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a user whom /etc/passwd does not name, with no home and no shell, can read', async () => {
  const file = fileURLToPath(new URL('samples/dropped.ndjson', PROJECT));
  const options = { env: { PATH: process.env['PATH'] }, extendEnv: false, reject: false };
  const program = 'setpriv';
  const args = ['--reuid=54321', '--clear-groups', process.execPath];
  const probe = await execa(program, [...args, '-e', 'os.userInfo()'], options);
  // Where nobody may become another user, there is nothing to try.
  if (!/ENOENT/.test(probe.stderr)) return;
  const { stdout, stderr, exitCode } = await execa(program, [...args, RUN, 'read', file], options);
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /^9191: dropped/);
});

test.run();

function runProgram(...args: string[]) {
  return execa(process.execPath, [RUN, ...args], { reject: false });
}
