/** Docker's contexts: which engine the docker command would talk to, and what that means here. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findContext } from '../../src/host/docker-context.js';
import { describeContext, findEndpoints, socketOf } from '../../src/host/docker-endpoint.js';
import { readEngines } from '../../src/host/docker.js';
import { suite } from '../support/suite.js';

const test = suite('docker contexts');

const META = (host: string): string =>
  JSON.stringify({ Name: 'far', Metadata: {}, Endpoints: { docker: { Host: host } } });

let home: string;
let folder: string;

test.before(() => {
  home = mkdtempSync(join(tmpdir(), 'trace-flow-context-'));
  folder = join(home, '.docker');
  const id = createHash('sha256').update('far').digest('hex');
  mkdirSync(join(folder, 'contexts/meta', id), { recursive: true });
  writeFileSync(join(folder, 'contexts/meta', id, 'meta.json'), META('ssh://me@far.test'));
  writeFileSync(join(folder, 'config.json'), '{"currentContext":"far"}');
});

test.after(() => rmSync(home, { recursive: true }));

test('the settings name the context, a variable overrules them, and default is none', () => {
  const far = { name: 'far', host: 'ssh://me@far.test' };
  assert.equal(findContext({ HOME: home }), far);
  assert.equal(findContext({ DOCKER_CONFIG: folder }), far);
  assert.is(findContext({ HOME: home, DOCKER_CONTEXT: 'default' }), null);
  assert.is(findContext({ HOME: home, DOCKER_CONTEXT: 'other' }), null);
  assert.equal(findContext({ HOME: home, DOCKER_CONTEXT: 'far' }), far);
  assert.is(findContext({ HOME: '/nowhere' }), null);
});

test('files that are no settings are no context', () => {
  for (const text of ['', '[]', '{"currentContext":1}', '{"currentContext":"far"']) {
    assert.is(
      findContext({ HOME: '/h' }, () => text),
      null,
      text,
    );
  }
  const config = (path: string): string =>
    path.endsWith('config.json') ? '{"currentContext":"far"}' : '{"Name":"far"}';
  assert.is(findContext({ HOME: '/h' }, config), null);
});

test('a pipe in the place of the settings is not waited for', () => {
  const other = join(home, 'other');
  mkdirSync(other);
  execFileSync('mkfifo', [join(other, 'config.json')]);
  assert.is(findContext({ DOCKER_CONFIG: other }), null);
});

test('an engine behind ssh is told with the command that traces there', async () => {
  const [first] = await readEngines({ env: { HOME: home } });
  assert.match(
    first?.problems[0] ?? '',
    /^Docker's current context is far \(ssh:\/\/me@far\.test\), .*: run trace-flow --host ssh:\/\/me@far\.test --port N, which does that\.$/,
  );
});

test('DOCKER_HOST overrules the context', async () => {
  const [first] = await readEngines({ dockerHost: 'unix:///nowhere', env: { HOME: home } });
  assert.not.match(first?.problems.join() ?? '', /context/);
});

test('a socket of a context is asked first, if it is there; what is elsewhere is said', () => {
  const context = { name: 'x', host: 'unix:///home/me/docker.sock' };
  assert.is(describeContext(context), null);
  assert.is(socketOf(context), '/home/me/docker.sock');
  assert.is(socketOf({ name: 'x', host: 'ssh://a' }), null);
  assert.match(describeContext({ name: 'x', host: 'tcp://a:1' }) ?? '', /DOCKER_HOST=tcp:\/\/a:1/);
  const usual = '/var/run/docker.sock';
  const find = (there: readonly string[]): unknown => {
    const machine = { exists: (path: string) => there.includes(path), list: () => [] };
    return findEndpoints('', {}, { ...machine, resolve: (path) => path }, socketOf(context));
  };
  const socket = (path: string): object => ({ kind: 'socket', path });
  assert.equal(find([usual, '/home/me/docker.sock']), [
    socket('/home/me/docker.sock'),
    socket(usual),
  ]);
  assert.equal(find([usual]), [socket(usual)]);
});

test.run();
