/** Why a host could not be traced, from what the programs there print. */

import * as assert from 'uvu/assert';
import {
  describeCut,
  explainStart,
  isOrderly,
  type HostEnd,
} from '../../../src/capture/ssh/failure.js';
import { parseRemoteHost, type RemoteHost } from '../../../src/model/remote-host.js';
import { suite } from '../../support/suite.js';

const test = suite('ssh failures');
const host = parseRemoteHost('ssh://me@a') as RemoteHost;
const FAILING = { host, program: 'trace-flow', login: 'ssh me@a' };

function end(exitCode: number | null, stderr: string, more: Partial<HostEnd> = {}): HostEnd {
  return { exitCode, stderr, signal: null, errno: null, ...more };
}

/** What was printed by OpenSSH 9.2, dash, bash, sudo 1.9 and oclif. */
const CASES: readonly [code: string, exitCode: number, stderr: string, remedy: RegExp][] = [
  [
    'ssh-denied',
    255,
    'me@a: Permission denied (publickey,password).\r\n',
    /"ssh me@a" has to work/,
  ],
  [
    'host-key',
    255,
    'No ED25519 host key is known for a and you have requested strict checking.\r\nHost key verification failed.\r\n',
    /log in once, and accept its key: ssh me@a/,
  ],
  [
    'host-key-changed',
    255,
    '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key verification failed.\r\n',
    /ssh-keygen -R a/,
  ],
  [
    'ssh-name',
    255,
    'ssh: Could not resolve hostname a: Name or service not known\r\n',
    /check the name/,
  ],
  ['ssh-connect', 255, 'ssh: connect to host a port 22: Connection refused\r\n', /can be reached/],
  [
    'ssh-connect',
    255,
    'ssh: connect to host a port 22: Connection timed out\r\n',
    /can be reached/,
  ],
  [
    'ssh-config',
    255,
    "Can't open user config file nope: No such file or directory\r\n",
    /correct it/,
  ],
  ['host-no-program', 127, 'sh: 1: exec: trace-flow: not found\n', /--host-program PATH/],
  ['host-no-program', 127, 'sh: line 1: exec: trace-flow: not found\n', /--host-program PATH/],
  ['host-no-program', 1, 'sudo: trace-flow: command not found\n', /--host-program PATH/],
  [
    'host-no-node',
    127,
    '/usr/local/bin/trace-flow: 78: exec: node: not found\n',
    /install Node there/,
  ],
  ['host-no-node', 127, "/usr/bin/env: 'node': No such file or directory\n", /install Node there/],
  ['host-no-sudo', 127, 'sh: 1: exec: sudo: not found\n', /ssh:\/\/root@a/],
  ['host-sudo', 1, 'sudo: a password is required\n', /NOPASSWD/],
  ['host-sudo', 1, 'me is not in the sudoers file.\n', /NOPASSWD/],
  [
    'host-sudo',
    1,
    "Sorry, user me is not allowed to execute '/usr/bin/x' as root on a.\n",
    /NOPASSWD/,
  ],
  [
    'host-too-old',
    2,
    'Error: Nonexistent flag: --lifeline\nSee more help with --help\n',
    /--version/,
  ],
  [
    'host-failed',
    1,
    'warning: x\nError: this kernel has no BTF\nRemedy: use another\n',
    /^use another$/,
  ],
  ['host-failed', 3, '', /try it by hand: ssh me@a trace-flow doctor/],
];

test('each failure has its code and its remedy', () => {
  for (const [code, exitCode, stderr, remedy] of CASES) {
    const error = explainStart(FAILING, end(exitCode, stderr));
    assert.is(error.code, code, stderr);
    assert.is(error.exit, 1);
    assert.match(error.message, /^a cannot be traced: \S/);
    assert.match(error.remedy ?? '', remedy);
  }
});

test('an error of several lines is told whole', () => {
  const said = 'warning: x\nError: bpftrace exited, saying:\n  one\n  two\nRemedy: mend it\n';
  const { message, remedy } = explainStart(FAILING, end(1, said));
  assert.is(message, 'a cannot be traced: bpftrace exited, saying: one two');
  assert.is(remedy, 'mend it');
  assert.is(describeCut(end(1, 'Error: one\n two\n'), false), 'one two');
});

test('what a host prints is not taken for what ssh prints, nor the other way round', () => {
  const printed = 'Permission denied (publickey)\n';
  assert.is(explainStart(FAILING, end(1, printed)).code, 'host-failed');
  assert.is(explainStart(FAILING, end(255, 'sudo: a password is required\n')).code, 'host-failed');
});

test('ssh that is missing here is no fault of the host', () => {
  assert.is(explainStart(FAILING, end(null, '', { errno: 'ENOENT' })).code, 'no-ssh');
});

test('the trace of this machine needs sudo, not another login', () => {
  const local = parseRemoteHost('local') as RemoteHost;
  const { remedy } = explainStart(
    { ...FAILING, host: local },
    end(1, 'sudo: a password is required\n'),
  );
  assert.match(remedy ?? '', /^start this with sudo/);
});

test('a trace that ends in the middle is told by its connection or by its own error', () => {
  const gone = 'Timeout, server a not responding.\r\n';
  assert.is(
    describeCut(end(255, gone), false),
    'the connection broke (Timeout, server a not responding.)',
  );
  assert.is(describeCut(end(1, 'Error: bpftrace died\n'), false), 'bpftrace died');
  assert.is(describeCut(end(null, '', { signal: 'SIGKILL' }), false), 'ssh was ended by SIGKILL');
  assert.equal(
    [0, 3, 1, 255].map((code) => isOrderly(end(code, ''))),
    [true, true, false, false],
  );
});

test.run();
