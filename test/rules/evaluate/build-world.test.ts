// The world of a prediction: what was not looked up is unknown, not absent.

import * as assert from 'uvu/assert';
import { NO_RULES } from '../../../src/model/rules.js';
import type { Topology } from '../../../src/model/topology.js';
import { buildWorld } from '../../../src/rules/evaluate/build-world.js';
import { suite } from '../../support/suite.js';

const test = suite('build-world');

const HOST = 1;
const CONTAINER = 2;
const TOPOLOGY: Topology = {
  host: HOST,
  namespaces: [],
  containers: [
    {
      id: 'c',
      name: 'redis',
      pid: 9,
      namespace: CONTAINER,
      networkMode: 'bridge',
      networks: [],
      published: [],
    },
  ],
  relays: [],
  listeners: [
    {
      namespace: HOST,
      protocol: 'tcp',
      local: { address: '::', port: 22 },
      pid: 3,
      command: 'sshd',
    },
  ],
  engine: null,
  problems: [],
};

function countSockets(topology: Topology): (number | null)[] {
  const parts = { rules: NO_RULES, settings: null, mappings: [], measured: true };
  const { sockets, containers } = buildWorld({ topology, ...parts });
  return [sockets, ...containers.map((one) => one.sockets)].map((one) => one?.length ?? null);
}

test('a container in which nobody listens', () => {
  assert.equal(countSockets(TOPOLOGY), [1, 0]);
});

test('a container whose listeners could not be looked up in time', () => {
  assert.equal(countSockets({ ...TOPOLOGY, unheard: [CONTAINER] }), [1, null]);
});

test.run();
