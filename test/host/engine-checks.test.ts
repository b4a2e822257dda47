/** What doctor says of the engines: each that was found, and what can be known of it. */
import * as assert from 'uvu/assert';
import { checkEngines } from '../../src/host/engine-checks.js';
import type { Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('checks of engines');

const NOTHING: Topology = {
  host: 1,
  namespaces: [],
  containers: [],
  relays: [],
  listeners: [],
  problems: [],
  engine: null,
};

function find(topology: Partial<Topology>, proxy: boolean | null = null): string[] {
  return checkEngines({ ...NOTHING, ...topology }, proxy).map(
    ({ status, finding }) => `${status}: ${finding}`,
  );
}

test('Docker and Podman at once', () => {
  const engine = { version: '28.5.2', product: 'docker', address: '/run/docker.sock' } as const;
  const podman = {
    product: 'podman',
    version: '5.8.6',
    address: '/run/p.sock',
    containers: 1,
  } as const;
  assert.equal(find({ engine, others: [podman] }, true), [
    'ok: Docker Engine 28.5.2 answers at /run/docker.sock',
    'ok: userland-proxy is on, 0 docker-proxy processes here',
    'ok: Podman 5.8.6 answers at /run/p.sock, 1 container',
  ]);
});

test('Podman without its API: what its containers are known by, and nothing of docker-proxy', () => {
  const silent = { product: 'podman', version: null, address: null, containers: 2 } as const;
  const [only, ...more] = find({ others: [silent] });
  assert.match(only ?? '', /Podman runs 2 containers and answers at no socket: names by conmon/);
  assert.equal(more, []);
  const [users] = find({ others: [{ ...silent, user: 1000 }] });
  assert.match(users ?? '', 'ok: Podman of user 1000 runs 2 containers');
  assert.is(find({ engine: { version: '5', product: 'podman', address: '/s' } }).length, 1);
});

test('port drivers that listen on the host, and whether it is known where they lead', () => {
  const driver = { pid: 7, command: 'pasta', namespaces: [2], ports: [] };
  const local = { address: '0.0.0.0', port: 80 };
  const listener = { namespace: 1, protocol: 'tcp', local, pid: 7, command: 'pasta' } as const;
  assert.equal(find({ drivers: [driver] }), [], 'one that listens nowhere');
  const [known] = find({ drivers: [driver], listeners: [listener] });
  assert.match(known ?? '', /^ok: pasta \(pid 7\).*where it leads is known.*does not name/);
  const lost = { ...driver, namespaces: [] };
  const [unknown] = find({ drivers: [lost], listeners: [listener] });
  assert.match(unknown ?? '', /^warning: .*is not known/);
});

test.run();
