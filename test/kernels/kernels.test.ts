/** The kernel matrix's own parts: the order of modules, and the table that runs write. */
import * as assert from 'uvu/assert';
import type { Report } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';
import { readPanic } from './boot.js';
import { countLegs } from './compare.js';
import { listKernelPackages, listModules } from './image.js';
import { checkHooks } from './nat-hooks.js';
import {
  findWeakness,
  listDifferences,
  listFaults,
  type Judged,
  type ProfileResult,
} from './scenarios.js';
import { renderDocument, renderSummary, type Row } from './table.js';

const test = suite('kernels');

test('modules come behind those that they need, each once', () => {
  const dependencies = [
    'kernel/virtio_blk.ko.xz: kernel/virtio_ring.ko.xz kernel/virtio.ko.xz',
    'kernel/virtio_pci.ko.xz: kernel/virtio_pci_legacy_dev.ko.xz kernel/virtio_ring.ko.xz kernel/virtio.ko.xz',
    'kernel/virtio_ring.ko.xz: kernel/virtio.ko.xz',
    'kernel/virtio_pci_legacy_dev.ko.xz:',
    'kernel/virtio.ko.xz:',
    'kernel/other.ko.xz: kernel/virtio.ko.xz',
  ].join('\n');
  assert.equal(listModules(dependencies, ['virtio_pci', 'virtio_blk', 'builtin']), [
    'kernel/virtio.ko.xz',
    'kernel/virtio_ring.ko.xz',
    'kernel/virtio_pci_legacy_dev.ko.xz',
    'kernel/virtio_pci.ko.xz',
    'kernel/virtio_blk.ko.xz',
  ]);
});

test('a kernel is one package, or from 7 on another for its binary and one for its modules', () => {
  const whole = [
    'linux-image-cloud-amd64',
    '  Depends: linux-image-6.12.117+deb13-cloud-amd64',
    'linux-image-6.12.117+deb13-cloud-amd64',
    '  Depends: linux-base',
  ];
  assert.equal(listKernelPackages(whole.join('\n')), ['linux-image-6.12.117+deb13-cloud-amd64']);
  const split = [
    'linux-image-cloud-amd64',
    '  Depends: linux-base-cloud-amd64',
    '  Depends: linux-image-7.2.13',
    'linux-image-7.2.13',
    '  PreDepends: linux-base',
    '  Depends: linux-binary-7.2.13',
    '  Depends: linux-modules-7.2.13',
    'linux-binary-7.2.13',
    '  Depends: linux-base-7.2.13',
  ];
  assert.equal(listKernelPackages(split.join('\n')), [
    'linux-image-7.2.13',
    'linux-binary-7.2.13',
    'linux-modules-7.2.13',
  ]);
  assert.equal(listKernelPackages(''), []);
});

test('a panic of the emulated kernel is told apart from all else on its console', () => {
  const line = '[   12.3] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b';
  assert.is(readPanic(line), 'Attempted to kill init! exitcode=0x0000000b');
  assert.is(readPanic('tracepoint: no trace: the kernel refused a probe program'), null);
  assert.is(readPanic('[   12.3] BUG: kernel NULL pointer dereference'), null);
});

function row(machine: string, verdicts: readonly Judged['verdict'][]): Row {
  const judged = verdicts.map((verdict) => ({
    scenario: 's',
    verdict,
    told: `${verdict} (proven)`,
    reason: '',
    faults: [],
  }));
  const profile: ProfileResult = {
    profile: 'tracepoint',
    judged,
    coverage: null,
    start: 2.5,
    hooks: null,
    functions: [],
    failure: null,
  };
  const failed: ProfileResult = { ...profile, profile: 'kprobe', judged: [], failure: 'refused' };
  const examined = { kernel: '6.1', bpftrace: '0.17', docker: '20', doctor: '' };
  return { machine, examined: { ...examined, profiles: [profile, failed] } };
}

const empty = (name: string): string =>
  `before\n<!-- table ${name}: written by npm run kernels -->\n<!-- end of table -->\nafter\n`;

const rowsOf = (text: string): string[] =>
  text.split('\n').filter((line) => /^\| (?!machine|kernel|-)/.test(line));

test('the table counts verdicts, and says where there was no trace', () => {
  const text = renderDocument([row('a', ['right', 'right', 'wrong'])], empty('support'));
  const [failed = '', good = ''] = rowsOf(text);
  assert.match(
    good,
    /^\| a +\| 6\.1 +\| 0\.17 +\| 20 +\| tracepoint \| tracepoint \| 2 of 3 +\| 0/,
  );
  assert.match(good, /\| 1 +\| – +\| 2\.5 s +\|$/);
  assert.match(failed, /kprobe +\| no trace +\| – +\| – +\| – +\| – +\| – +\|$/);
  assert.match(text, /^before\n[^]*\nafter\n$/);
});

test('rows of machines that did not run stay as they are', () => {
  const first = renderDocument([row('a', ['right']), row('b', ['wrong'])], empty('support'));
  const second = renderDocument([row('b', ['right'])], first);
  assert.is(rowsOf(second).length, 4);
  assert.equal(rowsOf(second).slice(0, 2), rowsOf(first).slice(0, 2));
  assert.match(rowsOf(second)[3] ?? '', /1 of 1/);
  assert.is(renderDocument([], second), second);
});

test('the summary has one row for a kernel, its versions and its probes', () => {
  const first = renderSummary([row('a', ['wrong'])], empty('kernels'));
  const second = renderSummary([row('a', ['right'])], first);
  assert.equal(
    rowsOf(second).map((line) => line.replaceAll(/ +/g, ' ')),
    ['| 6.1 | 0.17 | 20 | no trace | – |', '| 6.1 | 0.17 | 20 | tracepoint | 1 of 1 |'],
  );
});

test('what is left open is weak, what is wrong is not', () => {
  const profilesOf = (...verdicts: Judged['verdict'][]): readonly ProfileResult[] =>
    row('a', verdicts).examined.profiles.filter(({ failure }) => failure === null);
  assert.is(findWeakness(profilesOf('right')), null);
  assert.match(findWeakness(profilesOf('right', 'inconclusive')) ?? '', /left verdicts open/);
  assert.is(findWeakness(profilesOf('wrong', 'inconclusive')), null);
  assert.match(findWeakness(row('a', ['right']).examined.profiles) ?? '', /no trace: refused/);
});

test('profiles that tell a scenario differently are told of', () => {
  const [right] = row('a', ['right']).examined.profiles;
  const [wrong] = row('a', ['wrong']).examined.profiles;
  assert.ok(right && wrong);
  assert.equal(listDifferences([right, right]), []);
  assert.equal(listDifferences([right, { ...wrong, profile: 'kprobe' }]), [
    's: tracepoint tells right (proven), kprobe wrong (proven)',
  ]);
});

test('faults count where the profile left no verdict open', () => {
  const hooks = { checked: 2, right: 1, faults: ['a hook is missing'] };
  const [right] = row('a', ['right']).examined.profiles;
  const [open] = row('a', ['inconclusive']).examined.profiles;
  assert.ok(right && open);
  const found = listFaults([right, { ...right, hooks, functions: ['another way'] }]);
  assert.equal(found, ['a hook is missing', 'another way']);
  assert.equal(listFaults([right, { ...open, hooks, functions: ['another way'] }]), []);
});

test('a NAT hook that is missing, out of order or another one is found', () => {
  const report = analyse(readSample('dnat-outside'), { hops: null });
  assert.is(checkHooks(report).right, 0, 'tracepoints show no hook');
  const hop = (name: string, flags: string[], kind = 'packet'): object => ({
    kind,
    flags,
    namespace: 'host',
    interface: name,
    flow: flags.includes('ACK') ? 'reply' : 'request',
    rewrite: kind === 'nat' ? { hook: name } : null,
  });
  const judge = (...hops: object[]): number => {
    const [one] = report.connections;
    return checkHooks({ ...report, connections: [{ ...one, hops }] } as Report).right;
  };
  const reply = [
    ...[hop('veth1', ['SYN', 'ACK']), hop('docker0', ['SYN', 'ACK'])],
    ...[hop('POSTROUTING', ['SYN', 'ACK'], 'nat'), hop('ext0', ['SYN', 'ACK'])],
  ];
  const [ext, bridge, veth] = ['ext0', 'docker0', 'veth1'].map((name) => hop(name, ['SYN']));
  const nat = (hook: string): object => hop(hook, ['SYN'], 'nat');
  assert.ok(ext && bridge && veth);
  assert.is(judge(ext, nat('PREROUTING'), bridge, veth, ...reply), 1);
  assert.is(judge(ext, bridge, nat('PREROUTING'), veth, ...reply), 0);
  assert.is(judge(ext, nat('OUTPUT'), bridge, veth, ...reply), 0);
  assert.is(judge(ext, nat('PREROUTING'), bridge, veth, ...reply.slice(0, 2)), 0);
});

test('lines of pwru are told apart by the connection that they speak of', () => {
  const line = (tuple: string): string =>
    `0xffff8f6d 1 redis-cli:77 4026532300 0 eth0:2 0x0800 1500 60 ${tuple}(tcp) ip_rcv`;
  const text = [
    'SKB                CPU PROCESS          NETNS      MARK/x        IFACE       PROTO  MTU   LEN   TUPLE FUNC',
    line('198.51.100.2:40000->198.51.100.1:8080'),
    line('198.51.100.2:40000->172.17.0.2:6379'),
    line('172.17.0.2:6379->198.51.100.2:40000'),
    line('127.0.0.1:50000->127.0.0.1:8080'),
    line('172.17.0.21:1->172.17.0.3:6379'),
  ].join('\n');
  const second = line('172.17.0.1:50001->172.17.0.2:6379');
  const count = (lines: string): unknown => countLegs(lines, '198.51.100.2', '172.17.0.2');
  assert.equal(count(text), { dnat: 3, loopback: 1, second: 0 });
  assert.equal(count(`${text}\n${second}`), { dnat: 3, loopback: 1, second: 1 });
});

test.run();
