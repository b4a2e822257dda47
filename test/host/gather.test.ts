/** Containers of a host put together: what an engine's API tells of them, and what only their keepers reveal. */
import * as assert from 'uvu/assert';
import type { EngineReading } from '../../src/host/docker.js';
import { gatherContainers, type Gathered } from '../../src/host/gather.js';
import type { KeptContainer } from '../../src/host/keepers.js';
import { suite } from '../support/suite.js';

const test = suite('gather');

const HOST = 1;
const POD = 7;

function keep(id: string, change: Partial<KeptContainer>): KeptContainer {
  return {
    id,
    name: id,
    pod: null,
    infra: false,
    compose: null,
    pid: 10,
    namespace: POD,
    keeper: { pid: 9, namespace: HOST },
    product: 'podman',
    user: 0,
    path: null,
    ...change,
  };
}

function gather(
  keepers: readonly KeptContainer[],
  readings: readonly EngineReading[] = [],
): Gathered {
  const namespaces = new Map(keepers.map(({ id, namespace }) => [id, namespace]));
  const nothing = { devices: new Map(), rootless: new Set<number>(), files: new Map() };
  return gatherContainers({
    host: HOST,
    readings,
    keepers,
    ours: keepers,
    namespaces,
    asked: false,
    ...nothing,
  });
}

test('silent engines: a user’s own is another than root’s, and what only holds a pod does not count', () => {
  const { others } = gather([
    keep('a', {}),
    keep('b', {}),
    keep('holder', { infra: true }),
    keep('own', { user: 1000 }),
  ]);
  const silent = { product: 'podman', version: null, address: null };
  assert.equal(others, [
    { ...silent, containers: 2 },
    { ...silent, containers: 1, user: 1000 },
  ]);
});

test('Podman’s API tells nothing of pods: what keeps its containers does', () => {
  const told = { networkMode: 'bridge', networks: [], published: [], pid: 10 };
  const reading: EngineReading = {
    engine: { version: '5.4.2', product: 'podman', address: '/run/podman/podman.sock' },
    containers: [
      { id: 'holder', name: '0123456789ab-infra', infra: true, ...told },
      { id: 'redis', name: 'redis', ...told },
      { id: 'alone', name: 'alone', ...told },
    ],
    problems: [],
  };
  const { containers } = gather(
    [
      keep('holder', { name: 'shop', pod: 'shop', infra: true }),
      keep('redis', { pod: 'shop' }),
      keep('alone', {}),
    ],
    [reading],
  );
  assert.equal(
    containers.map(({ name, pod, infra }) => [name, pod, infra]),
    [
      ['shop', 'shop', true],
      ['redis', 'shop', undefined],
      ['alone', undefined, undefined],
    ],
  );
});

test.run();
