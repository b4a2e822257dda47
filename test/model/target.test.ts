/** What a query means: both sides of NAT, containers by name and id, and the errors that tell what there is. */
import * as assert from 'uvu/assert';
import { UserError } from '../../src/model/errors.js';
import { resolvePorts, type Target, type TargetQuery } from '../../src/model/target.js';
import type { Container, Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('target');

const HOST = 1;

function container(
  name: string,
  address: string,
  ports: [host: number, container: number, udp?: 'udp'][],
  changes: Partial<Container> = {},
): Container {
  const namespace = 100 + Number(address.split('.').at(-1) ?? 0);
  const network = {
    name: 'bridge',
    bridge: 'docker0',
    addresses: [address],
    gateway: '172.17.0.1',
  };
  return {
    id: Buffer.from(name).toString('hex'),
    name,
    pid: namespace,
    namespace,
    networkMode: 'bridge',
    networks: [network],
    published: ports.flatMap(([hostPort, containerPort, udp]) =>
      ['0.0.0.0', '::'].map((hostAddress) => ({
        protocol: udp ?? 'tcp',
        hostAddress,
        hostPort,
        containerPort,
      })),
    ),
    ...changes,
  };
}

const topology: Topology = {
  host: HOST,
  namespaces: [],
  containers: [
    container('redis', '172.17.0.2', [[8080, 6379]]),
    container('cache', '172.17.0.3', [[6380, 6379]]),
    container('dns', '172.17.0.4', [[5353, 53, 'udp']]),
    container('plain', '172.17.0.5', []),
    container('joined', '172.17.0.2', [], { networks: [], networkMode: 'container:redis' }),
    container('stopped', '172.17.0.6', [], { pid: 0, namespace: null, networks: [] }),
    container('onhost', '172.17.0.7', [], { namespace: HOST, networks: [], networkMode: 'host' }),
  ],
  relays: [],
  listeners: [
    {
      namespace: 105,
      protocol: 'tcp',
      local: { address: '0.0.0.0', port: 9000 },
      pid: 105,
      command: 'x',
    },
    {
      namespace: 105,
      protocol: 'udp',
      local: { address: '127.0.0.11', port: 43447 },
      pid: null,
      command: null,
    },
    {
      namespace: HOST,
      protocol: 'tcp',
      local: { address: '::', port: 80 },
      pid: 107,
      command: 'y',
    },
    { namespace: HOST, protocol: 'tcp', local: { address: '::', port: 22 }, pid: 1, command: 'z' },
  ],
  engine: { version: '20.10.24' },
  problems: [],
};

const bare: Topology = { ...topology, containers: [], listeners: [], engine: null, problems: [] };

function resolve(query: TargetQuery): Pick<Target, 'ports' | 'containers' | 'addresses'> {
  const { ports, containers, addresses } = resolvePorts(topology, query);
  return { ports, containers, addresses };
}

test('a published port brings the container side', () => {
  assert.equal(resolve({ ports: [8080] }), {
    ports: [6379, 8080],
    containers: ['redis'],
    addresses: ['172.17.0.2'],
  });
  assert.equal(resolvePorts(topology, { ports: [8080] }).asked, [8080]);
});

test('the container side brings every published port', () => {
  assert.equal(resolve({ ports: [6379] }), {
    ports: [6379, 6380, 8080],
    containers: ['cache', 'redis'],
    addresses: ['172.17.0.2', '172.17.0.3'],
  });
});

test('the container side of one container gives the same as its published port', () => {
  const byName = resolve({ ports: [6379], containers: ['redis'] });
  assert.equal(byName, resolve({ ports: [8080] }));
  assert.equal(byName, resolve({ containers: ['redis'] }));
});

test('an unknown port is just that port', () => {
  assert.equal(resolve({ ports: [1234] }), { ports: [1234], containers: [], addresses: [] });
});

test('several ports, each once, in order', () => {
  assert.equal(resolve({ ports: [8080, 1234, 8080] }).ports, [1234, 6379, 8080]);
});

test('only the protocol asked for', () => {
  assert.equal(resolve({ ports: [5353], protocol: 'udp' }).ports, [53, 5353]);
  assert.equal(resolve({ ports: [5353], protocol: 'tcp' }), {
    ports: [5353],
    containers: [],
    addresses: [],
  });
});

test('nothing asked for means everything published', () => {
  assert.equal(resolve({}).ports, [53, 5353, 6379, 6380, 8080]);
  assert.equal(resolve({}).containers, ['cache', 'dns', 'redis']);
  assert.equal(resolve({ protocol: 'udp' }).ports, [53, 5353]);
});

test('a container that publishes nothing: what it listens on', () => {
  assert.equal(resolve({ containers: ['plain'] }), {
    ports: [9000],
    containers: ['plain'],
    addresses: ['172.17.0.5'],
  });
  assert.equal(resolve({ containers: ['plain'], ports: [7] }).ports, [7]);
});

test('a container of the host network: what its own process listens on', () => {
  assert.equal(resolve({ containers: ['onhost'] }).ports, [80]);
});

test('a container that joined another has that one’s addresses and ports', () => {
  assert.equal(resolve({ containers: ['joined'] }), {
    ports: [6379, 8080],
    containers: ['joined'],
    addresses: ['172.17.0.2'],
  });
});

test('containers by id and by the beginning of an id', () => {
  assert.equal(resolve({ containers: ['7265646973'] }).containers, ['redis']);
  assert.equal(resolve({ containers: ['6361'] }).containers, ['cache']);
  assert.equal(resolve({ containers: ['/redis'] }).containers, ['redis']);
});

test('without an engine, relays and rules tell', () => {
  const target = { address: '172.17.0.2', port: 6379 };
  const relay = {
    pid: 9,
    command: 'docker-proxy',
    arguments: [],
    protocol: 'tcp' as const,
    listens: { address: '0.0.0.0', port: 8080 },
    target,
  };
  const relayed = resolvePorts({ ...bare, relays: [relay] }, { ports: [8080] });
  assert.equal(relayed.ports, [6379, 8080]);
  assert.equal(relayed.addresses, ['172.17.0.2']);
  const mapping = { protocol: 'tcp' as const, listens: relay.listens, target };
  assert.equal(resolvePorts(bare, { mappings: [mapping] }).ports, [6379, 8080]);
  assert.is(resolvePorts({ ...bare, relays: [relay] }, { mappings: [mapping] }).mappings.length, 1);
});

function fail(from: Topology, query: TargetQuery): UserError {
  try {
    resolvePorts(from, query);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('an unknown container: the ones that run', () => {
  const error = fail(topology, { containers: ['rediss'] });
  assert.equal([error.code, error.exit], ['unknown-container', 2]);
  assert.match(error.message, /no container "rediss"/);
  assert.match(error.remedy ?? '', /redis, cache, dns, plain, joined, onhost/);
});

test('a container that does not run', () => {
  const error = fail(topology, { containers: ['stopped'] });
  assert.equal([error.code, error.exit], ['container-not-running', 2]);
  assert.match(error.remedy ?? '', /docker start stopped/);
});

test('a container without an engine that could know it', () => {
  const error = fail({ ...bare, problems: ['It sleeps; wake it.'] }, { containers: ['redis'] });
  assert.equal([error.code, error.exit], ['unknown-container', 2]);
  assert.is(error.remedy, 'It sleeps; wake it.');
});

test('too short a beginning of an id names nobody', () => {
  assert.is(fail(topology, { containers: ['7'] }).code, 'unknown-container');
});

test('nothing to trace', () => {
  assert.equal([fail(bare, {}).code, fail(bare, {}).exit], ['no-target', 2]);
  assert.match(fail(bare, {}).remedy ?? '', /--port N/);
});

test.run();
