/** Namespaces of rootless engines are called after the driver that leads to them; containers keep their names. */
import * as assert from 'uvu/assert';
import { nameDriven } from '../../src/host/driven.js';
import type { Container, PortDriver } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('namespaces of rootless engines');

const driver = (command: string, ...namespaces: number[]): PortDriver => ({
  pid: 10,
  command,
  namespaces,
  ports: [],
});

const container: Container = {
  id: 'a',
  name: 'redis',
  pid: 20,
  namespace: 3,
  networkMode: 'none',
  networks: [],
  published: [],
};

test('the driver’s name without what it was built for', () => {
  assert.equal(nameDriven([driver('rootlesskit', 2), driver('pasta.avx2', 4)], []), [
    [2, 'rootlesskit'],
    [4, 'pasta'],
  ]);
});

test('a container’s namespace is left to its name', () => {
  assert.equal(nameDriven([driver('pasta', 3)], [container]), []);
});

test.run();
