/** What the scripts that ask the kernel for programs of BPF print, and what bpftool prints instead. */
import * as assert from 'uvu/assert';
import {
  listParameters,
  parsePrograms,
  parseToolDevices,
  parseToolGroups,
} from '../../src/host/bpf-programs.js';
import { describeUnasked } from '../../src/host/problems.js';
import type { Routing } from '../../src/model/routing.js';
import { suite } from '../support/suite.js';

const test = suite('programs of BPF');

test('what was asked for: programs of devices by their direction, control groups with their points', () => {
  const groups = [
    'clients ingress,egress 1,23 /',
    'others connect4,sendmsg6,later 7 /system.slice/a service',
  ];
  const all = ['ingress ext0', 'egress br-0@x', 'asked', ''].join('\n');
  assert.equal(parsePrograms(all, [...groups, 'asked'].join('\n')), {
    devices: [
      { device: 'ext0', direction: 'ingress' },
      { device: 'br-0@x', direction: 'egress' },
    ],
    groups: [
      { group: '/', points: ['ingress', 'egress'], pids: [1, 23], clients: true },
      {
        group: '/system.slice/a service',
        points: ['connect4', 'sendmsg6'],
        pids: [7],
        clients: false,
      },
    ],
  });
  assert.equal(parsePrograms('asked\n', 'asked\n\n'), { devices: [], groups: [] });
});

test('what was not asked for whole is not known, whatever was told', () => {
  const unknown = { devices: null, groups: null };
  assert.equal(parsePrograms('', ''), unknown);
  assert.equal(parsePrograms('ingress ext0\nunasked\n', 'unasked\n'), unknown);
  assert.equal(parsePrograms('ingress ext0\n', 'clients ingress 1 /\n'), unknown);
  assert.equal(parsePrograms('sideways ext0\nasked\n', 'clients ingress 1 x\nasked\n'), unknown);
});

test('bpftool tells of tcx from 7.3 on, and of control groups only that they have none', () => {
  const net = JSON.stringify([
    {
      xdp: [],
      tc: [
        { devname: 'ext0', ifindex: 2, kind: 'tcx/ingress', id: 5 },
        { devname: 'ext0', ifindex: 2, kind: 'clsact/egress', id: 6 },
        { devname: 'nk0', ifindex: 3, kind: 'netkit/peer', id: 7 },
      ],
    },
  ]);
  const version = (text: string): string => `{"version":"${text}","libbpf_version":"1.3"}`;
  const found = [
    { device: 'ext0', direction: 'ingress' },
    { device: 'nk0', direction: 'ingress' },
  ];
  assert.equal(parseToolDevices(version('7.3.0'), net), found);
  assert.equal(parseToolDevices(version('8.0.1'), net), found);
  assert.is(parseToolDevices(version('7.2.0'), net), null);
  assert.is(parseToolDevices('', net), null);
  assert.is(parseToolDevices(version('7.4.0'), ''), null);
  const tree = (type: string): string =>
    `[{"cgroup":"/sys/fs/cgroup/a","programs":[{"id":4,"attach_type":"${type}","name":"x"}]}]`;
  assert.equal(parseToolGroups('[]'), []);
  assert.equal(parseToolGroups(tree('cgroup_device')), []);
  assert.equal(parseToolGroups(tree('sock_ops')), []);
  for (const type of ['ingress', 'cgroup_inet_egress', 'connect4', 'cgroup_udp6_sendmsg']) {
    assert.is(parseToolGroups(tree(type)), null, type);
  }
  assert.is(parseToolGroups(''), null);
  assert.is(parseToolGroups('{"error":"no cgroup2 mount"}'), null);
});

test('the system call’s number goes by the machine', () => {
  assert.is(listParameters('self', 'x64')?.devices[0], '321');
  assert.is(listParameters('oldest', 'arm64')?.groups[0], '280');
  assert.equal(listParameters('oldest', 'x64')?.groups.slice(1, 4), ['oldest', '0', 'ingress']);
  assert.is(listParameters('self', 's390x'), null);
});

test('what could not be asked for is told, and nothing where all was', () => {
  const routing = (change: Partial<Routing>): Routing => ({
    rules: [],
    routes: [],
    links: [],
    neighbours: [],
    filters: [],
    ...change,
  });
  const programs = { devices: [], groups: [] };
  assert.equal(describeUnasked(null), []);
  assert.equal(describeUnasked(routing({ programs })), []);
  assert.match(describeUnasked(routing({})).join(), /by tcx .*control groups .*hold if/);
  const some = describeUnasked(routing({ filters: null, programs: { ...programs, groups: null } }));
  assert.match(some.join(), /filters of tc .*, programs of BPF on control groups/);
  assert.not.match(some.join(), /tcx/);
});

test.run();
