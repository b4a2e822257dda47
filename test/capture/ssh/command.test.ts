/** The command that traces on a host: ssh with its settings, and what a login shell makes of it. */

import { execa } from 'execa';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { writeHostCommand, writeLogin } from '../../../src/capture/ssh/command.js';
import { suite } from '../../support/suite.js';

const test = suite('ssh command');
const NASTY = ["it's", '$HOME', '`id`', '"two words"', '--container=*', ''];

test('ssh asks nothing, makes no terminal and no master, and is given user and port apart', () => {
  const login = { user: 'me', host: 'a', port: 2222 };
  const command = writeHostCommand({ login, sshConfig: 'my.conf', command: ['trace-flow'] });
  assert.equal(command.slice(0, 3), ['ssh', '-F', 'my.conf']);
  for (const setting of [
    'BatchMode=yes',
    'ControlMaster=no',
    'RequestTTY=no',
    'RemoteCommand=none',
  ])
    assert.ok(command.includes(setting), setting);
  assert.equal(command.slice(-7, -1), ['-l', 'me', '-p', '2222', '--', 'a']);
  const bare = writeHostCommand({ ...BARE, command: ['trace-flow'] });
  assert.not.ok(['-l', '-p', '-F'].some((option) => bare.includes(option)));
});

test('any login shell hands on the words as they are', async () => {
  const command = writeHostCommand({ ...BARE, command: ['printf', '[%s]', ...NASTY] });
  const line = command.at(-1) ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-ssh-'));
  // Who is not root meets this sudo.
  writeFileSync(join(folder, 'sudo'), '#!/bin/sh\nshift 2\nexec "$@"\n', { mode: 0o755 });
  for (const shell of ['sh', 'bash', 'zsh']) {
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const { stdout, failed, code } = await execa(shell, ['-c', line], { env, reject: false });
    if (failed && code === 'ENOENT') continue;
    assert.is(stdout, NASTY.map((word) => `[${word}]`).join(''), shell);
  }
  rmSync(folder, { recursive: true });
});

test('root runs it, and everyone else asks sudo, which may ask nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-ssh-'));
  for (const uid of ['0', '1000']) {
    writeFileSync(join(folder, 'id'), `#!/bin/sh\necho ${uid}\n`, { mode: 0o755 });
    writeFileSync(join(folder, 'sudo'), '#!/bin/sh\necho sudo "$@"\n', { mode: 0o755 });
    const [file = '', ...args] = writeHostCommand({
      login: null,
      sshConfig: undefined,
      command: ['echo', 'traces'],
    });
    const { stdout } = await execa(file, args, {
      env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    });
    assert.is(stdout, uid === '0' ? 'traces' : 'sudo -n -- echo traces');
  }
  rmSync(folder, { recursive: true });
});

test('people are told how to log in by hand', () => {
  assert.is(
    writeLogin({ user: 'me', host: 'a', port: 22 }, 'my conf'),
    "ssh -F 'my conf' -p 22 me@a",
  );
  assert.is(writeLogin({ user: null, host: 'a', port: null }, undefined), 'ssh a');
});

const BARE = { login: { user: null, host: 'a', port: null }, sshConfig: undefined };

test.run();
