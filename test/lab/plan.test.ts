/**
 * The lab's decisions before it changes anything: the engine's view, its arguments, the programs, the image, the
 * state.
 */
import { execa } from 'execa';
import * as assert from 'uvu/assert';
import { portsToAwait, runArguments } from '../../src/lab/containers.js';
import { engineArguments, engineConfig, engineFiles } from '../../src/lab/engine.js';
import { buildEntry } from '../../src/lab/enter.js';
import type { Mount } from '../../src/lab/mountinfo.js';
import { planView, type MountStep } from '../../src/lab/mounts.js';
import { folderOf, labStateSchema, parseLabState, type LabState } from '../../src/lab/state.js';
import { writeTar } from '../../src/lab/tar.js';
import { checkPrivilege, findTools, searchPath } from '../../src/lab/tools.js';
import type { UserError } from '../../src/model/errors.js';
import { suite } from '../support/suite.js';

const test = suite('lab: plans');

const FOLDER = '/run/trace-flow/labs/0123abcd';

function mountAt(mountPoint: string, fsType = 'ext4'): Mount {
  return { id: 1, root: '/', mountPoint, fsType, superOptions: ['rw'] };
}

function plan(mounts: Mount[]): MountStep[] {
  return planView({
    mounts,
    hierarchies: [
      { version: 2, mountPoint: '/sys/fs/cgroup', mountOptions: '', own: '/sys/fs/cgroup' },
    ],
    folder: FOLDER,
    shared: `${FOLDER}/engine`,
    programs: ['/home/me/bin/dockerd'],
    hide: ['/tmp'],
  });
}

function lines(steps: readonly MountStep[]): string[] {
  return steps.flatMap((step) => (step.do === 'mount' ? [step.arguments.join(' ')] : []));
}

test('view: mounts of others go, with what is below them; programs and devices stay', () => {
  const [first] = plan(
    [
      '/',
      '/proc',
      '/sys',
      '/sys/fs/cgroup',
      '/dev',
      '/dev/shm',
      '/usr',
      '/run',
      '/run/docker/netns/4f2a',
      '/run/user/0',
      '/home',
      '/var/lib/docker/overlay2/x/merged',
      '/var/lib/docker/overlay2/x/merged/proc',
      '/mnt/usb',
    ].map((path) => mountAt(path)),
  );
  assert.equal(first, {
    do: 'unmount',
    paths: [
      '/run/docker/netns/4f2a',
      '/run/user/0',
      '/var/lib/docker/overlay2/x/merged',
      '/mnt/usb',
    ],
  });
});

test('view: /run is private before the engine starts, and only the shared folder is in it', () => {
  const steps = lines(plan([mountAt('/')]));
  assert.ok(
    steps.includes(`--bind ${FOLDER}/engine ${FOLDER}/run/trace-flow/labs/0123abcd/engine`),
  );
  assert.ok(steps.includes(`--move ${FOLDER}/run /run`));
});

test('view: what is kept is read-only, and so are the sysctls but for those of the network', () => {
  const steps = lines(plan(['/', '/usr', '/home', '/dev', '/proc'].map((path) => mountAt(path))));
  assert.equal(
    steps.filter((step) => step.startsWith('-o remount,bind,ro')),
    ['/', '/usr', '/home', '/proc/sys'].map((path) => `-o remount,bind,ro ${path}`),
  );
  assert.ok(steps.indexOf('--bind /proc/sys/net /proc/sys/net') > 0);
  assert.ok(steps.indexOf('-t tmpfs -o mode=755 tmpfs /tmp') > 0);
});

test('view: cgroup v2 alone is mounted at its usual place, v1 each at its own', () => {
  assert.ok(lines(plan([mountAt('/')])).includes('-t cgroup2 cgroup2 /sys/fs/cgroup'));
  const hybrid = planView({
    mounts: [mountAt('/')],
    hierarchies: [
      {
        version: 1,
        mountPoint: '/sys/fs/cgroup/cpu,cpuacct',
        mountOptions: 'cpu,cpuacct',
        own: '',
      },
      { version: 2, mountPoint: '/sys/fs/cgroup/unified', mountOptions: '', own: '' },
    ],
    folder: FOLDER,
    shared: `${FOLDER}/engine`,
    programs: [],
    hide: [],
  });
  assert.ok(
    lines(hybrid).includes('-t cgroup -o cpu,cpuacct cgroup /sys/fs/cgroup/cpu,cpuacct'),
    'v1',
  );
  assert.ok(lines(hybrid).includes('-t cgroup2 cgroup2 /sys/fs/cgroup/unified'), 'v2');
});

test('engine: everything in the lab, and the caller’s arguments last', () => {
  const files = engineFiles(FOLDER);
  const args = engineArguments(files, {
    userlandProxy: false,
    overlay: true,
    extra: ['--storage-driver=vfs'],
  });
  assert.ok(args.includes('--userland-proxy=false'));
  assert.ok(args.includes(`--data-root=${FOLDER}/data`));
  assert.ok(args.includes(`--exec-root=${FOLDER}/exec`));
  assert.is(args.at(-1), '--storage-driver=vfs');
});

test('engine: the key setting is for those that know it', () => {
  assert.equal(engineConfig('Docker version 20.10.24+dfsg1, build 5d6db84', '/d'), {
    'deprecated-key-path': '/d/key.json',
  });
  assert.equal(engineConfig('Docker version 23.0.6, build 9dbdbd4', '/d'), {
    'deprecated-key-path': '/d/key.json',
  });
  assert.equal(engineConfig('Docker version 28.2.2, build e6534b4', '/d'), {});
  assert.equal(engineConfig('something else', '/d'), {});
});

test('containers: the arguments of docker run, and the ports to wait for', () => {
  const spec = {
    name: 'web',
    command: ['redis-server', '--port', '7000'],
    publish: ['80:7000', '53:53/udp'],
    network: 'back',
    extra: ['--env', 'A=B'],
  };
  assert.is(
    runArguments(spec).join(' '),
    'run --detach --name web --publish 80:7000 --publish 53:53/udp --network back --env A=B ' +
      'trace-flow-lab:local redis-server --port 7000',
  );
  assert.equal(portsToAwait(spec), [{ protocol: 'tcp', port: 7000 }]);
  assert.equal(portsToAwait({ ...spec, command: ['socat'] }), [
    { protocol: 'tcp', port: 7000 },
    { protocol: 'udp', port: 53 },
  ]);
  assert.equal(portsToAwait({ ...spec, waitFor: false }), []);
  assert.equal(portsToAwait({ name: 'a', command: ['redis-server', '--port', '7000'] }), [
    { protocol: 'tcp', port: 7000 },
  ]);
  assert.equal(portsToAwait({ name: 'a', command: ['redis-server'] }), [
    { protocol: 'tcp', port: 6379 },
  ]);
  assert.equal(portsToAwait({ name: 'a', command: ['sleep', '1'] }), []);
});

test('exec: the command stays an array, whatever is in it', () => {
  const entrance = {
    nsenter: '/usr/bin/nsenter',
    netns: '/proc/7/ns/net',
    procs: '/c/cgroup.procs',
  };
  const entry = buildEntry(entrance, ['echo', '$(id); "a b"']);
  assert.equal(entry.slice(3), [
    '/c/cgroup.procs',
    '/usr/bin/nsenter',
    '--net=/proc/7/ns/net',
    '--',
    'echo',
    '$(id); "a b"',
  ]);
});

test('programs: all missing ones are named, with their packages', async () => {
  const absent = new Set(['dockerd', 'docker-proxy', 'redis-server', 'redis-check-rdb']);
  try {
    await findTools((name) => Promise.resolve(absent.has(name) ? null : `/usr/bin/${name}`));
    assert.unreachable();
  } catch (error) {
    const { code, message, remedy } = error as UserError;
    assert.is(code, 'lab-tools-missing');
    assert.match(message, 'dockerd, docker-proxy, redis-server.');
    assert.match(remedy ?? '', 'docker.io redis-tools');
  }
});

test('programs: redis-check-rdb serves where there is no redis-server', async () => {
  const tools = await findTools((name) =>
    Promise.resolve(['redis-server', 'socat'].includes(name) ? null : `/usr/bin/${name}`),
  );
  assert.is(tools.redisServer, '/usr/bin/redis-check-rdb');
  assert.is(tools.extras.socat, null);
  assert.is(tools.extras.busybox, '/usr/bin/busybox');
});

test('programs: administrators’ folders are searched too', () => {
  assert.is(
    searchPath('/opt/bin:/usr/bin'),
    '/opt/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/bin',
  );
});

test('privilege: root on Linux', () => {
  checkPrivilege('linux', 0);
  assert.throws(
    () => {
      checkPrivilege('linux', 1000);
    },
    (error: UserError) => error.code === 'not-root',
  );
  assert.throws(
    () => {
      checkPrivilege('darwin', 0);
    },
    (error: UserError) => error.code === 'not-linux',
  );
});

test('tar: what GNU tar reads is what was written', async () => {
  const archive = Buffer.concat([
    ...writeTar([
      { kind: 'folder', path: 'tmp', mode: 0o1777 },
      { kind: 'file', path: 'bin/x', mode: 0o755, content: Buffer.from('x'.repeat(513)) },
      { kind: 'file', path: 'empty', mode: 0o644, content: Buffer.alloc(0) },
      { kind: 'link', path: 'bin/sh', target: 'busybox' },
    ]),
  ]);
  assert.is(archive.length % 512, 0);
  const { stdout } = await execa('tar', ['-t', '-v', '--numeric-owner', '--utc', '-f', '-'], {
    input: archive,
  });
  assert.equal(
    stdout.split('\n').map((line) => line.replace(/\s+/g, ' ')),
    [
      'drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp',
      '-rwxr-xr-x 0/0 513 1970-01-01 00:00 bin/x',
      '-rw-r--r-- 0/0 0 1970-01-01 00:00 empty',
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/sh -> busybox',
    ],
  );
  assert.throws(
    () => [...writeTar([{ kind: 'folder', path: 'x'.repeat(101), mode: 0o755 }])],
    /too long/,
  );
});

const STATE: LabState = {
  version: 1,
  id: '0123abcd',
  bootId: '153c1f07-ef7e-4698-9af4-98d6c0696d25',
  pidNamespace: '4026531836',
  owner: { pid: 7, startTime: '347337' },
  cgroups: [{ version: 2, mountPoint: '/sys/fs/cgroup', path: '/sys/fs/cgroup/x' }],
  tracker: '/sys/fs/cgroup/x',
  processes: [{ role: 'dockerd', pid: 8, startTime: '347400' }],
  namespaces: { 'host.net': '4026553924' },
};

test('state: read back as written, and refused when it is anything else', () => {
  assert.equal(parseLabState(JSON.stringify(STATE)), STATE);
  assert.is(parseLabState('{"version":1'), null);
  assert.is(parseLabState(JSON.stringify({ ...STATE, id: '../../etc' })), null);
  assert.is(parseLabState(JSON.stringify({ ...STATE, owner: { pid: -1, startTime: '1' } })), null);
  assert.is(labStateSchema.safeParse({ ...STATE, version: 2 }).success, false);
  assert.is(folderOf(STATE.id), FOLDER);
});

test.run();
