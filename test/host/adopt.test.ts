/** Containers that are known only from the processes that keep them: addresses, shared namespaces, names. */
import * as assert from 'uvu/assert';
import { adoptContainers } from '../../src/host/adopt.js';
import type { KeptContainer } from '../../src/host/keepers.js';
import { nameNamespaces } from '../../src/host/naming.js';
import { findResident } from '../../src/model/residents.js';
import type { Device, Listener } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('adopted containers');

const HOST = 100;
const POD = 200;
const keeper = { pid: 1, namespace: HOST };

function keep(name: string, more: Partial<KeptContainer> = {}): KeptContainer {
  const none = { pod: null, infra: false, compose: null, path: null, user: 0 };
  const base = { id: name.padEnd(64, '0'), pid: 10, namespace: POD, keeper };
  return { name, product: 'podman', ...none, ...base, ...more };
}

function device(name: string, kind: Device['kind'], more: Partial<Device> = {}): Device {
  const none = { addresses: [], master: null, peerIfindex: null, peerNamespace: null };
  return { ifindex: 1, name, kind, ...none, ...more };
}

const wired = new Map<number, Device[]>([
  [
    HOST,
    [
      device('podman0', 'bridge', { ifindex: 5, addresses: ['10.88.0.1/16'] }),
      device('veth0', 'veth', { ifindex: 6, master: 5 }),
    ],
  ],
  [
    POD,
    [
      device('lo', 'loopback', { addresses: ['127.0.0.1/8'] }),
      device('eth0', 'veth', {
        addresses: ['10.88.0.2/16', 'fe80::1/64'],
        peerIfindex: 6,
        peerNamespace: HOST,
      }),
    ],
  ],
]);

const adoption = { host: HOST, devices: wired, told: new Set<string>() };

test('address, bridge and gateway by the devices', () => {
  const [one] = adoptContainers([keep('redis')], adoption);
  assert.equal(one?.networks, [
    { name: 'podman0', bridge: 'podman0', addresses: ['10.88.0.2'], gateway: '10.88.0.1' },
  ]);
  assert.is(one?.networkMode, 'bridge');
});

test('it is told which engine keeps it, and for which user; Docker of the machine is left out', () => {
  const of = (more: Partial<KeptContainer>): unknown => {
    const [one] = adoptContainers([keep('web', more)], adoption);
    return [one?.engine, one?.user];
  };
  assert.equal(of({}), ['podman', undefined]);
  assert.equal(of({ user: 1000 }), ['podman', 1000]);
  assert.equal(of({ product: 'cri-o' }), ['cri-o', undefined]);
  assert.equal(of({ product: 'docker' }), [undefined, undefined]);
});

test('what an engine has told is not told again', () => {
  const kept = keep('redis');
  assert.equal(adoptContainers([kept], { ...adoption, told: new Set([kept.id]) }), []);
});

test('an address that another namespace has too names nobody', () => {
  const devices = new Map<number, Device[]>([
    [HOST, [device('ext0', 'other', { addresses: ['198.51.100.1/24'] })]],
    [POD, [device('tap0', 'other', { addresses: ['198.51.100.1/24'] })]],
  ]);
  const [one] = adoptContainers([keep('web')], { ...adoption, devices });
  assert.equal([one?.networks, one?.networkMode], [[], 'none']);
});

test('a container on the host’s network has none of the host’s addresses', () => {
  const [one] = adoptContainers([keep('web', { namespace: HOST })], adoption);
  assert.equal([one?.networks, one?.networkMode], [[], 'host']);
});

const infra = keep('0123456789ab-infra', { infra: true, pid: 9 });
const web = keep('web', { pid: 11 });
const redis = keep('redis', { pid: 12 });

function nameOf(...kept: readonly KeptContainer[]): string | undefined {
  const containers = adoptContainers(kept, adoption);
  const input = { host: HOST, containers, names: new Map<number, string>() };
  return nameNamespaces([HOST, POD], input).get(POD)?.name;
}

test('the infra container has the addresses, and its namespace the name of what lives in it', () => {
  const containers = adoptContainers([web, infra, redis], adoption);
  assert.equal(
    containers.map(({ name, networkMode, networks }) => [name, networkMode, networks.length]),
    [
      ['web', 'container:0123456789ab-infra', 0],
      ['0123456789ab-infra', 'bridge', 1],
      ['redis', 'container:0123456789ab-infra', 0],
    ],
  );
  assert.is(nameOf(infra, web), 'web');
  assert.is(nameOf(infra, web, redis), 'redis+web');
  assert.is(nameOf({ ...infra, pod: 'shop/web-0' }, web, redis), 'shop/web-0');
});

test('of several in one namespace the one whose process listens, and nobody where that is not known', () => {
  const containers = adoptContainers([infra, web, redis], adoption);
  const base = { namespace: POD, protocol: 'tcp', pid: 12, command: 'redis-server' } as const;
  const listener: Listener = { ...base, local: { address: '0.0.0.0', port: 6379 } };
  const at = { protocol: 'tcp', port: 6379 } as const;
  const find = (...listeners: readonly Listener[]): string | undefined =>
    findResident({ containers, listeners: [...listeners] }, POD, at)?.name;
  assert.is(find({ ...listener, container: 'redis' }), 'redis');
  assert.is(find(listener), undefined);
  assert.is(find(), undefined);
  assert.is(
    find({ ...listener, container: 'redis' }, { ...listener, container: 'web' }),
    undefined,
    'both listen',
  );
});

test.run();
