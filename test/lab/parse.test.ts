/** What the lab reads from the kernel and from ldd: mounts, control groups, ports, processes, libraries. */
import * as assert from 'uvu/assert';
import { findHierarchies, placeCgroup, chooseTracker } from '../../src/lab/cgroups.js';
import { parseLdd } from '../../src/lab/image.js';
import { parseListeningPorts, parsePublished } from '../../src/lab/listening.js';
import { isMember } from '../../src/lab/members.js';
import { isWithin, parseMountinfo } from '../../src/lab/mountinfo.js';
import { parseStartTime } from '../../src/lab/processes.js';
import { suite } from '../support/suite.js';

const test = suite('lab: parsing');

test('ldd: libraries and the loader, not the vdso', () => {
  const text = [
    '\tlinux-vdso.so.1 (0x00007ffd6d5f2000)',
    '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1c0e400000)',
    '\tlibgone.so.1 => not found',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f1c0e7d5000)',
  ].join('\n');
  assert.equal(parseLdd(text), {
    libraries: ['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2'],
    missing: ['libgone.so.1'],
  });
  assert.equal(parseLdd('\tnot a dynamic executable\n'), { libraries: [], missing: [] });
});

test('mountinfo: optional fields, escapes, and lines of another shape', () => {
  const text = [
    '36 35 98:0 /a\\040b /mnt/c\\134d rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
    'nonsense',
    '',
  ].join('\n');
  assert.equal(parseMountinfo(text), [
    {
      id: 36,
      root: '/a b',
      mountPoint: '/mnt/c\\d',
      fsType: 'ext3',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
});

test('paths: within a folder, not within one whose name begins alike', () => {
  assert.ok(isWithin('/run/docker', '/run'));
  assert.ok(isWithin('/run', '/run'));
  assert.ok(isWithin('/run', '/'));
  assert.not.ok(isWithin('/running', '/run'));
});

const V1_MOUNTS = [
  '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
];
const V2_MOUNT = '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw';
const MEMBERSHIP = [
  '9:name=systemd:/user.slice',
  '4:memory:/docker/abc/init',
  '2:cpu,cpuacct:/',
  '1:perf_event:/',
  '0::/user.slice/session-1.scope',
  '',
].join('\n');

test('cgroups: hybrid hosts have every hierarchy, each with the place of the caller', () => {
  const mounts = parseMountinfo([...V1_MOUNTS, V2_MOUNT].join('\n'));
  assert.equal(findHierarchies(mounts, MEMBERSHIP), [
    {
      version: 1,
      mountPoint: '/sys/fs/cgroup/systemd',
      mountOptions: 'none,name=systemd',
      own: '/sys/fs/cgroup/systemd/user.slice',
    },
    {
      version: 1,
      mountPoint: '/sys/fs/cgroup/memory',
      mountOptions: 'memory',
      own: '/sys/fs/cgroup/memory/init',
    },
    {
      version: 1,
      mountPoint: '/sys/fs/cgroup/cpu,cpuacct',
      mountOptions: 'cpu,cpuacct',
      own: '/sys/fs/cgroup/cpu,cpuacct/',
    },
    {
      version: 2,
      mountPoint: '/sys/fs/cgroup/unified',
      mountOptions: '',
      own: '/sys/fs/cgroup/unified/user.slice/session-1.scope',
    },
  ]);
});

test('cgroups: v1 alone, v2 alone, and none', () => {
  const v1 = findHierarchies(parseMountinfo(V1_MOUNTS.join('\n')), MEMBERSHIP);
  assert.equal(
    v1.map(({ version }) => version),
    [1, 1, 1],
  );
  const v2 = findHierarchies(
    parseMountinfo('30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate'),
    '0::/../other\n',
  );
  assert.equal(
    v2.map(({ own }) => own),
    ['/sys/fs/cgroup'],
  );
  assert.throws(() => chooseTracker([]), /No cgroup hierarchy/);
});

test('cgroups: v2 tracks where there is one', () => {
  const mounts = parseMountinfo([...V1_MOUNTS, V2_MOUNT].join('\n'));
  const cgroups = findHierarchies(mounts, MEMBERSHIP).map((each) => placeCgroup(each, '0123abcd'));
  assert.is(
    chooseTracker(cgroups),
    '/sys/fs/cgroup/unified/user.slice/session-1.scope/trace-flow-lab-0123abcd',
  );
  assert.is(
    chooseTracker(cgroups.slice(0, 2)),
    '/sys/fs/cgroup/memory/init/trace-flow-lab-0123abcd',
  );
});

test('members: by the whole name of a folder in any hierarchy', () => {
  assert.ok(isMember('4:memory:/\n0::/a/trace-flow-lab-0123abcd/engine\n', '0123abcd'));
  assert.ok(isMember('0::/../trace-flow-lab-0123abcd', '0123abcd'));
  assert.not.ok(isMember('0::/trace-flow-lab-0123abcde\n', '0123abcd'));
  assert.not.ok(isMember('0::/trace-flow-lab-ffffffff\n', '0123abcd'));
  assert.not.ok(isMember('', '0123abcd'));
});

test('start time: counted after the command, whatever its name; none for a zombie', () => {
  const fields = ['S', ...Array.from({ length: 18 }, (_, index) => String(index)), '4711', '0'];
  assert.is(parseStartTime(`1 (a) b) ${fields.join(' ')}`), '4711');
  assert.is(parseStartTime(`1 (sh) Z ${fields.slice(1).join(' ')}`), null);
  assert.is(parseStartTime(''), null);
});

test('ports: those that listen, not those that are connected', () => {
  const tcp = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid',
    '   0: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0',
    '   1: 020011AC:18EC 010011AC:C350 01 00000000:00000000 00:00000000 00000000     0',
  ].join('\n');
  assert.equal(parseListeningPorts(tcp, 'tcp'), [6379]);
  const tcp6 =
    '   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0';
  assert.equal(parseListeningPorts(tcp6, 'tcp'), [80]);
  const udp = '  7: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0';
  assert.equal(parseListeningPorts(udp, 'udp'), [53]);
});

test('published ports: every form of --publish', () => {
  const tcp = (port: number) => ({ protocol: 'tcp', port });
  assert.equal(parsePublished('6379'), [tcp(6379)]);
  assert.equal(parsePublished('6380:6379'), [tcp(6379)]);
  assert.equal(parsePublished('127.0.0.1:6380:6379'), [tcp(6379)]);
  assert.equal(parsePublished('127.0.0.1::6379'), [tcp(6379)]);
  assert.equal(parsePublished('[::1]:6380:6379/tcp'), [tcp(6379)]);
  assert.equal(parsePublished('5353:53/udp'), [{ protocol: 'udp', port: 53 }]);
  assert.equal(parsePublished('7000-7002:8000-8002'), [tcp(8000), tcp(8001), tcp(8002)]);
  assert.equal(parsePublished('9000:9000/sctp'), []);
});

test.run();
