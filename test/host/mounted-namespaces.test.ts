/** Namespaces that only mounts keep, and the name of an engine's overlay network. */

import { join } from 'node:path';
import { symlinkSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { listMountedNamespaces } from '../../src/host/mounted-namespaces.js';
import { nameOverlays } from '../../src/host/overlays.js';
import { listProcesses } from '../../src/host/procfs.js';
import type { Container, Device } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc } from './fake-proc.js';

const test = suite('mounted namespaces');

const mount = (root: string, at: string): string => `36 35 0:4 ${root} ${at} rw - nsfs nsfs rw\n`;
const TABLE =
  `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n` +
  mount('net:[700]', '/run/docker/netns/1-ov') +
  mount('mnt:[701]', '/run/snapd/ns/a') +
  mount('net:[702]', '/run/a\\040b');

test('each network namespace that is mounted where a process of the host sees it, once', () => {
  const proc = makeFakeProc([
    { pid: 1, namespace: 100, files: { mountinfo: TABLE } },
    { pid: 2, namespace: 100, files: { mountinfo: mount('net:[703]', '/x') } },
    { pid: 3, namespace: 200, files: { mountinfo: mount('net:[704]', '/y') } },
    { pid: 4, namespace: 100, files: { mountinfo: mount('net:[705]', '/z') } },
  ]);
  for (const [pid, view] of [
    [1, 10],
    [2, 10],
    [3, 11],
    [4, 12],
  ]) {
    symlinkSync(`mnt:[${view}]`, join(proc, String(pid), 'ns/mnt'));
  }
  const found = listMountedNamespaces(proc, listProcesses(proc), 100);
  removeFakeProc(proc);
  assert.equal(
    found.map(({ inode, path }) => [inode, path.slice(proc.length)]),
    [
      [700, '/1/root/run/docker/netns/1-ov'],
      [702, '/1/root/run/a b'],
      [705, '/4/root/z'],
    ],
  );
});

const device = (more: Partial<Device>): Device => ({
  ifindex: 1,
  name: 'eth0',
  kind: 'veth',
  addresses: [],
  master: null,
  peerIfindex: 2,
  peerNamespace: null,
  ...more,
});

test('an overlay is called by the network of the container behind it; a bridge without a tunnel is none', () => {
  const container = {
    namespace: 5,
    networks: [{ name: 'ov', bridge: null, addresses: ['10.0.1.2'], gateway: null }],
  } as unknown as Container;
  const eth0 = device({ peerNamespace: 7, addresses: ['10.0.1.2/24'] });
  const vxlan = device({ kind: 'other', tunnel: { kind: 'vxlan', id: 4097 } });
  const names = (there: Device, near: Device = eth0): unknown[] => [
    ...nameOverlays(
      new Map([
        [5, [near]],
        [7, [there]],
      ]),
      [container],
    ),
  ];
  assert.equal(names(vxlan), [[7, 'overlay-ov']]);
  assert.equal(names(device({ kind: 'bridge' })), []);
  assert.equal(names(vxlan, { ...eth0, addresses: ['10.0.2.9/24'] }), []);
});

test.run();
