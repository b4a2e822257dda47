/** Answers that Docker 20.10 and Podman 4.3 really gave, and answers that make no sense. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  parseContainer,
  parseContainerList,
  parseNetworks,
  parseEngineVersion,
  type EngineContainer,
} from '../../src/host/docker-answers.js';
import { suite } from '../support/suite.js';
import { readEngineSample } from './samples.js';

const test = suite('docker answers');

const docker = readEngineSample('docker-20.10');
const podman = readEngineSample('podman-4.3');

function inspect(
  sample: typeof docker,
  name: string,
  product: 'docker' | 'podman',
): EngineContainer {
  const names = new Map(parseContainerList(sample.list).map((entry) => [entry.id, entry.name]));
  const container = parseContainer(
    sample.inspect[name],
    parseNetworks(sample.networks, product),
    names,
  );
  if (!container) throw new Error(`no container ${name}`);
  return container;
}

test('tells Docker from Podman', () => {
  assert.equal(parseEngineVersion(docker.version), {
    version: '20.10.24+dfsg1',
    product: 'docker',
  });
  assert.equal(parseEngineVersion(podman.version), { version: '4.3.1', product: 'podman' });
});

test('lists every container by its own name', () => {
  const names = parseContainerList(docker.list).map(({ name }) => name);
  assert.equal(names, ['stopped', 'shared', 'hostnet', 'other', 'redis2', 'redis']);
  const [linked] = parseContainerList([{ Id: 'abc', Names: ['/app/db', '/db'] }]);
  assert.is(linked?.name, 'db');
});

test('finds the bridge of a network', () => {
  assert.equal(
    [...parseNetworks(docker.networks, 'docker')],
    [
      ['net2', 'br-14353ccdf1fd'],
      ['none', null],
      ['host', null],
      ['bridge', 'docker0'],
    ],
  );
});

test('reads a container with published ports', () => {
  const { name, pid, networkMode, networks, published } = inspect(docker, 'redis2', 'docker');
  assert.equal([name, pid, networkMode], ['redis2', 13678, 'bridge']);
  assert.equal(networks, [
    { name: 'bridge', bridge: 'docker0', addresses: ['172.17.0.3'], gateway: '172.17.0.1' },
  ]);
  assert.equal(published.map((port) => Object.values(port).join(' ')).sort(), [
    'tcp 0.0.0.0 6380 6379',
    'tcp :: 6380 6379',
    'udp 0.0.0.0 5353 53',
    'udp :: 5353 53',
  ]);
});

test('reads other network modes', () => {
  assert.is(inspect(docker, 'hostnet', 'docker').networkMode, 'host');
  assert.is(inspect(docker, 'shared', 'docker').networkMode, 'container:redis');
  assert.is(inspect(docker, 'other', 'docker').networks[0]?.bridge, 'br-14353ccdf1fd');
  assert.equal(inspect(docker, 'other', 'docker').published[0], {
    protocol: 'tcp',
    hostAddress: '127.0.0.1',
    hostPort: 7000,
    containerPort: 6379,
  });
});

test('ports of internal and routed networks are asked for and not bound', () => {
  const answer = (Ports: unknown) => ({
    Id: 'a',
    State: { Running: true, Pid: 7 },
    NetworkSettings: { Ports, Networks: {} },
    HostConfig: {
      NetworkMode: 'routed',
      PortBindings: {
        '80/tcp': [{ HostIp: '', HostPort: '8080' }],
        '81/tcp': [{ HostIp: '', HostPort: '' }],
      },
    },
  });
  const port = { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, containerPort: 80 };
  const read = (ports: unknown) => parseContainer(answer(ports), new Map(), new Map())?.published;
  assert.equal(read({ '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '0' }] }), [port]);
  assert.equal(read({ '80/tcp': null }), [port]);
  const bound = { HostIp: '127.0.0.1', HostPort: '9000' };
  const other = { ...port, hostAddress: '127.0.0.1', hostPort: 9000 };
  assert.equal(read({ '80/tcp': [bound] }), [other]);
});

test('a container that does not run has no pid and publishes nothing', () => {
  const { pid, published } = inspect(docker, 'stopped', 'docker');
  assert.is(pid, 0);
  assert.equal(published, []);
});

test('reads Podman: no bridge names, and joined containers own nothing', () => {
  const owner = inspect(podman, 'pod1', 'podman');
  assert.equal(owner.networks, [
    { name: 'podman', bridge: null, addresses: ['10.88.0.5'], gateway: '10.88.0.1' },
  ]);
  assert.equal(owner.published, [
    { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, containerPort: 6379 },
  ]);
  const joined = inspect(podman, 'pod2', 'podman');
  assert.equal([joined.networkMode, joined.networks, joined.published], ['container:pod1', [], []]);
});

test('never throws on other JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (answer) => {
      parseEngineVersion(answer);
      parseContainerList(answer);
      parseNetworks(answer, 'docker');
      parseContainer(answer, new Map(), new Map());
      parseContainer(
        {
          Id: 'a',
          State: { Running: true, Pid: answer },
          NetworkSettings: { Ports: answer, Networks: answer },
        },
        new Map(),
        new Map(),
      );
    }),
  );
});

test.run();
