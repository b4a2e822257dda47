/**
 * Containers by the processes that keep them: every source of a name, and names that are left out because they may be
 * wrong.
 */
import * as assert from 'uvu/assert';
import { Ancestry } from '../../src/host/ancestry.js';
import { listKept, readGroupId, readPodName, type KeptContainer } from '../../src/host/keepers.js';
import { listProcesses } from '../../src/host/procfs.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc, type FakeProcess } from './fake-proc.js';

const test = suite('keepers');

const HOST = 100;
const INSIDE = 200;
const ID = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

function read(processes: readonly FakeProcess[]): KeptContainer[] {
  const proc = makeFakeProc(processes);
  try {
    const entries = listProcesses(proc);
    return listKept(proc, entries, new Ancestry(proc, entries));
  } finally {
    removeFakeProc(proc);
  }
}

function conmon(...more: readonly string[]): FakeProcess {
  const words = ['/usr/bin/conmon', '--api-version', '1', '-c', ID, '-u', ID, ...more];
  return { pid: 10, namespace: HOST, command: 'conmon', arguments: words, parent: 1 };
}

const first: FakeProcess = { pid: 11, namespace: INSIDE, command: 'redis-server', parent: 10 };

test('Podman: the name, the first process and its namespace', () => {
  const [one, ...more] = read([conmon('-n', 'redis', '--exit-dir', '/run'), first]);
  assert.equal(more, []);
  assert.equal(
    [one?.id, one?.name, one?.pid, one?.namespace, one?.product, one?.infra],
    [ID, 'redis', 11, INSIDE, 'podman', false],
  );
});

test('Podman: without a name the id; the infra container of a pod is known by its own', () => {
  assert.is(read([conmon(), first])[0]?.name, 'aaaaaaaaaaaa');
  assert.is(read([conmon('-n', '0123456789ab-infra'), first])[0]?.infra, true);
  assert.is(read([conmon('-n', 'my-infra'), first])[0]?.infra, false);
});

test('Podman: the namespace’s file from the bundle', () => {
  const config = {
    linux: { namespaces: [{ type: 'pid' }, { type: 'network', path: '/run/netns/n' }] },
  };
  const files = { 'root/bundle/config.json': JSON.stringify(config) };
  assert.is(
    read([{ ...conmon('-n', 'web', '-b', '/bundle'), files }, first])[0]?.path,
    '/run/netns/n',
  );
  assert.is(read([conmon('-n', 'web', '-b', '/bundle'), first])[0]?.path, null);
});

/** A container of Podman with what its bundle says. */
function inPod(
  pid: number,
  name: string,
  config: { annotations?: Readonly<Record<string, string>>; hostname?: string },
): FakeProcess[] {
  const id = String(pid).repeat(32);
  const words = ['conmon', '-c', id, '-n', name, '-b', '/bundle'];
  const files = { 'root/bundle/config.json': JSON.stringify(config) };
  return [
    { pid, namespace: HOST, command: 'conmon', arguments: words, parent: 1, files },
    { pid: pid + 1, namespace: INSIDE, parent: pid },
  ];
}

const HOLDER = '20'.repeat(32);
const member = { annotations: { 'io.kubernetes.cri-o.SandboxID': HOLDER }, hostname: 'redis' };

test('Podman: a pod by the id of what holds it, whatever that is called, and the pod’s name', () => {
  const told = (holder: string, hostname: string): unknown[] =>
    read([
      ...inPod(20, holder, { hostname }),
      ...inPod(30, 'redis', member),
      ...inPod(40, 'alone', { hostname: 'shop' }),
    ]).map(({ name, pod, infra }) => [name, pod, infra]);
  assert.equal(told('holder', 'shop'), [
    ['shop', 'shop', true],
    ['redis', 'shop', false],
    ['alone', null, false],
  ]);
  assert.equal(told('0123456789ab-infra', HOLDER.slice(0, 12)), [
    ['0123456789ab-infra', null, true],
    ['redis', null, false],
    ['alone', null, false],
  ]);
});

test('no name is told where it could be another’s', () => {
  const elsewhere = { ...first, pid: 12, namespace: 300 };
  assert.equal(read([conmon('-n', 'redis'), first, elsewhere]), [], 'two namespaces');
  assert.equal(read([conmon('-n', 'redis')]), [], 'no first process');
  assert.equal(read([conmon('-n', 'redis', '-e'), first]), [], 'an exec session');
  assert.equal(read([{ ...conmon(), arguments: ['conmon', '-n', 'redis'] }, first]), [], 'no id');
  assert.equal(
    read([{ ...conmon('-n', 'redis'), command: 'bash' }, first]),
    [],
    'another program with such arguments',
  );
});

function shim(files: Readonly<Record<string, string>>, namespace = 'k8s.io'): FakeProcess {
  const words = ['containerd-shim-runc-v2', '-namespace', namespace, '-id', ID, '-address', '/s'];
  return {
    pid: 10,
    namespace: HOST,
    command: 'containerd-shim',
    arguments: words,
    parent: 1,
    files,
  };
}

function annotate(annotations: Readonly<Record<string, string>>): string {
  return JSON.stringify({ annotations });
}

const cri = (kind: string, name?: string): string =>
  annotate({
    'io.kubernetes.cri.container-type': kind,
    'io.kubernetes.cri.sandbox-name': 'web-0',
    'io.kubernetes.cri.sandbox-namespace': 'shop',
    ...(name !== undefined && { 'io.kubernetes.cri.container-name': name }),
  });

test('Kubernetes with containerd: the pause container, and the others by their control groups', () => {
  const group = (id: string): Record<string, string> => ({
    cgroup: `0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope\n`,
  });
  const kept = read([
    shim({
      'cwd/config.json': cri('sandbox'),
      [`cwd/../${OTHER}/config.json`]: cri('container', 'nginx'),
    }),
    { pid: 11, namespace: INSIDE, command: 'pause', parent: 10, files: group(ID) },
    { pid: 12, namespace: INSIDE, command: 'nginx', parent: 10, files: group(OTHER) },
  ]);
  assert.equal(
    kept.map(({ id, name, pod, infra }) => [id, name, pod, infra]),
    [
      [ID, 'shop/web-0', 'shop/web-0', true],
      [OTHER, 'shop/web-0/nginx', 'shop/web-0', false],
    ],
  );
});

test('two containers of one shim without a control group of their own are not told apart', () => {
  const kept = read([
    shim({ 'cwd/config.json': cri('sandbox') }),
    { pid: 11, namespace: INSIDE, parent: 10, files: { cgroup: '0::/\n' } },
    { pid: 12, namespace: INSIDE, parent: 10, files: { cgroup: '0::/\n' } },
  ]);
  assert.equal(kept, []);
});

test('nerdctl: the name and Compose’s labels from the annotations', () => {
  const text = annotate({
    'nerdctl/name': 'web_1',
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': 'web',
  });
  const [one] = read([shim({ 'cwd/config.json': text }, 'default'), first]);
  assert.equal([one?.name, one?.product], ['web_1', 'containerd']);
  assert.equal(one?.compose, { project: 'shop', service: 'web' });
});

test('Docker: the name from the file beside the container’s hostname, and else the id', () => {
  const mounts = [
    { destination: '/etc/hostname', source: '/var/lib/docker/containers/x/hostname' },
  ];
  const config = { 'cwd/config.json': JSON.stringify({ mounts }) };
  const own = JSON.stringify({ Name: '/redis', Config: { Labels: {} } });
  const told = { ...config, 'root/var/lib/docker/containers/x/config.v2.json': own };
  const [one] = read([shim(told, 'moby'), first]);
  assert.equal([one?.name, one?.product, one?.compose], ['redis', 'docker', null]);
  assert.is(read([shim(config, 'moby'), first])[0]?.name, 'aaaaaaaaaaaa');
  assert.is(read([shim({ 'cwd/config.json': '{' }, 'moby'), first])[0]?.name, 'aaaaaaaaaaaa');
});

test('names of Kubernetes as CRI-O and cri-dockerd write them', () => {
  assert.equal(readPodName('k8s_nginx_web-0_shop_0-1-2_3'), {
    name: 'shop/web-0/nginx',
    pod: 'shop/web-0',
    infra: false,
  });
  assert.equal(readPodName('k8s_POD_web-0_shop_0-1-2_3')?.infra, true);
  assert.is(readPodName('k8s_nginx'), null);
  assert.is(readPodName('my_k8s_nginx_web-0_shop_3'), null);
});

test('ids at the end of control groups, where all agree', () => {
  assert.is(readGroupId(`0::/docker/${ID}\n`), ID);
  assert.is(
    readGroupId(`1:cpu:/kubepods/burstable/pod1/${ID}\n0::/system.slice/docker-${ID}.scope`),
    ID,
  );
  assert.is(readGroupId(`0::/kubepods-pod1.slice:cri-containerd:${ID}\n`), ID);
  assert.is(readGroupId(`1:cpu:/docker/${ID}\n0::/docker/${OTHER}\n`), null);
  assert.is(readGroupId('0::/user.slice\n'), null);
});

test.run();
