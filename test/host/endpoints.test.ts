/** Where engines are looked for: the machine's own, then the users'. */
import * as assert from 'uvu/assert';
import { findEndpoints } from '../../src/host/docker-endpoint.js';
import { suite } from '../support/suite.js';

const test = suite('endpoints');

const DOCKER = '/var/run/docker.sock';
const PODMAN = '/run/podman/podman.sock';

function find(
  there: readonly string[],
  {
    env = {},
    users = [],
    links = {},
  }: {
    env?: NodeJS.ProcessEnv;
    users?: readonly string[];
    links?: Readonly<Record<string, string>>;
  } = {},
): (string | undefined)[] {
  const found = findEndpoints(undefined, env, {
    exists: (path) => there.includes(path),
    list: (path) => (path === '/run/user' ? users : []),
    resolve: (path) => links[path] ?? path,
  });
  if ('problem' in found) throw new Error(found.problem);
  return found.map((one) => (one.kind === 'socket' ? one.path : undefined));
}

test('Docker and Podman at once, root’s and the users’', () => {
  const own = ['/run/user/1000/docker.sock', '/run/user/1001/podman/podman.sock'];
  assert.equal(find([PODMAN, DOCKER, ...own], { users: ['1000', '1001', 'x'] }), [
    ...[DOCKER, PODMAN, ...own],
  ]);
});

test('the user who became root comes first', () => {
  const own = ['/run/user/7/docker.sock', '/run/user/1000/docker.sock'];
  const env = { SUDO_UID: '1000' };
  assert.equal(find(own, { env, users: ['7', '1000'] }), [...own].reverse());
  assert.equal(find(own, { env: { SUDO_UID: '../7' }, users: [] }), [DOCKER]);
});

test('one engine behind two names is one', () => {
  assert.equal(find([DOCKER, PODMAN], { links: { [DOCKER]: PODMAN } }), [DOCKER]);
});

test('where there is none, the usual one is asked, and says that it is not there', () => {
  assert.equal(find([]), [DOCKER]);
});

test('what was named is the only one', () => {
  const found = findEndpoints(
    'unix:///elsewhere',
    {},
    {
      exists: () => true,
      list: () => [],
      resolve: (path) => path,
    },
  );
  assert.equal(found, [{ kind: 'socket', path: '/elsewhere' }]);
});

test.run();
