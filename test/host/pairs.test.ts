/** Veth pairs: equal ifindexes in several namespaces must never be confused. */
import * as assert from 'uvu/assert';
import type { DeviceLink } from '../../src/host/links.js';
import { listUnresolved, pairDevices } from '../../src/host/pairs.js';
import type { NamespaceReading } from '../../src/host/survey.js';
import { suite } from '../support/suite.js';

const test = suite('pairs');

const HOST = 1;
const RED = 2;
const DECOY = 3;

function veth(ifindex: number, linkIfindex: number, linkNamespaceId: number | null): DeviceLink {
  const name = `veth${ifindex}`;
  return {
    ifindex,
    name,
    kind: 'veth',
    addresses: [],
    master: null,
    linkIfindex,
    linkNamespaceId,
  };
}

function reading(
  links: DeviceLink[],
  named: NamespaceReading['named'],
  ids: [number, number | null][] = [],
): NamespaceReading {
  return { links, ids: new Map(ids), named };
}

function findPeers(readings: Map<number, NamespaceReading>): Record<string, number | null> {
  const peers: Record<string, number | null> = {};
  for (const [inode, devices] of pairDevices(readings)) {
    for (const device of devices) peers[`${inode}:${device.name}`] = device.peerNamespace;
  }
  return peers;
}

test('the host says where its veth leads; the other side follows from it', () => {
  const readings = new Map([
    [HOST, reading([veth(5, 4, 1)], 'all', [[1, RED]])],
    [RED, reading([veth(4, 5, 0)], 'none')],
    [DECOY, reading([veth(4, 5, 0)], 'none')],
  ]);
  assert.equal(findPeers(readings), { '1:veth5': RED, '2:veth4': HOST, '3:veth4': null });
  assert.equal(listUnresolved(readings, pairDevices(readings)), [DECOY]);
});

test('two veths with equal indexes into two namespaces stay apart', () => {
  const readings = new Map([
    [
      HOST,
      reading([veth(5, 4, 1), veth(6, 4, 2)], 'all', [
        [1, RED],
        [2, DECOY],
      ]),
    ],
    [RED, reading([veth(4, 5, 0)], 'none')],
    [DECOY, reading([veth(4, 6, 0)], 'none')],
  ]);
  assert.equal(findPeers(readings), {
    '1:veth5': RED,
    '1:veth6': DECOY,
    '2:veth4': HOST,
    '3:veth4': HOST,
  });
});

test('a decoy that points back by index alone is not taken', () => {
  // The true other end is in a namespace that nobody can see; the decoy belongs to another host.
  const readings = new Map([
    [HOST, reading([veth(5, 4, 1)], 'all', [[1, null]])],
    [DECOY, reading([veth(4, 5, 0)], 'none')],
  ]);
  assert.equal(findPeers(readings), { '1:veth5': null, '3:veth4': null });
});

test('an answer that the other namespace contradicts is not taken', () => {
  // Between the two readings the device was moved.
  const readings = new Map([
    [HOST, reading([veth(5, 4, 1)], 'all', [[1, RED]])],
    [RED, reading([veth(4, 99, 0)], 'none')],
  ]);
  assert.equal(findPeers(readings), { '1:veth5': null, '2:veth4': null });
});

test('both ends in one namespace', () => {
  const readings = new Map([[HOST, reading([veth(5, 6, null), veth(6, 5, null)], 'all')]]);
  assert.equal(findPeers(readings), { '1:veth5': HOST, '1:veth6': HOST });
});

test('a namespace that could be named but not read', () => {
  const readings = new Map([[HOST, reading([veth(5, 4, 1)], 'all', [[1, RED]])]]);
  assert.equal(findPeers(readings), { '1:veth5': RED });
});

test('where the kernel cannot be asked, equal indexes count if they are the only ones', () => {
  const only = new Map([
    [HOST, reading([veth(5, 4, 1)], 'some', [[1, null]])],
    [RED, reading([veth(4, 5, 0)], 'some', [[0, null]])],
  ]);
  assert.equal(findPeers(only), { '1:veth5': RED, '2:veth4': HOST });
  const two = new Map([...only, [DECOY, reading([veth(4, 5, 0)], 'some', [[0, null]])] as const]);
  assert.is(findPeers(two)['1:veth5'], null);
});

test('where the kernel cannot be asked, every veth behind a number must fit', () => {
  const readings = new Map([
    [HOST, reading([veth(5, 4, 1), veth(7, 8, 1)], 'some', [[1, null]])],
    [RED, reading([veth(4, 5, 0), veth(8, 7, 0)], 'some', [[0, null]])],
    [DECOY, reading([veth(4, 5, 0)], 'some', [[0, null]])],
  ]);
  const peers = findPeers(readings);
  assert.is(peers['1:veth5'], RED);
  assert.is(peers['1:veth7'], RED);
});

test.run();
