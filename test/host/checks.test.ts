/** What doctor reports: one thing is missing at a time, and each report has its remedy. */
import * as assert from 'uvu/assert';
import {
  isAtLeast,
  parseTracing,
  parseVersion,
  type Capabilities,
  type TracingFacts,
} from '../../src/host/capabilities.js';
import {
  checkNeeds,
  checkSurroundings,
  checkTrial,
  summarize,
  type HostFacts,
} from '../../src/host/checks.js';
import { judgeRights, type Rights, type RightsFacts } from '../../src/host/rights.js';
import type { Check } from '../../src/model/doctor.js';
import type { Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('checks');

const TRACEPOINTS = ['net:net_dev_queue', 'net:netif_receive_skb', 'skb:kfree_skb'];

const tracing: TracingFacts = {
  tracefs: 'mountable',
  tracepoints: new Set(TRACEPOINTS),
  kprobes: true,
  lockdown: 'none',
};
const capabilities: Capabilities = {
  platform: 'linux',
  architecture: 'x64',
  kernel: '6.1.0',
  btf: true,
  conntrack: 'module',
  tracing,
  rights: { refusal: null, limits: [], held: [] },
  programs: new Map(
    ['ip', 'mount', 'nsenter', 'setpriv', 'unshare', 'nft'].map((name) => [name, `/bin/${name}`]),
  ),
  bpftrace: { version: '0.17.0', absent: false, problem: '' },
};
const topology: Topology = {
  host: 1,
  namespaces: [],
  containers: [],
  relays: [],
  listeners: [],
  problems: [],
  engine: { version: '20.10.24', product: 'docker', address: '/var/run/docker.sock' },
};
const healthy: HostFacts = {
  capabilities,
  tracepoints: TRACEPOINTS,
  topology,
  userlandProxy: true,
  strayTracers: [],
  staleLabs: [],
};

const FULL: RightsFacts = {
  uid: 0,
  status: 'CapEff:\t000001fffeffffff\n',
  uidMap: '         0          0 4294967295\n',
};
const judge = (facts: Partial<RightsFacts>): Rights => judgeRights({ ...FULL, ...facts });
const UNPRIVILEGED = judge({ uid: 1000 });

function change(capability: Partial<Capabilities>): HostFacts {
  return { ...healthy, capabilities: { ...capabilities, ...capability } };
}

function findBad(checks: readonly Check[]): Check[] {
  return checks.filter(({ status }) => status !== 'ok');
}

test('a healthy machine', () => {
  const checks = [...checkNeeds(healthy), ...checkSurroundings(healthy)];
  assert.equal(findBad(checks), []);
  assert.is(
    summarize(healthy, checks),
    'This machine can trace live: Linux 6.1.0, bpftrace 0.17.0, Docker Engine 20.10.24.',
  );
});

const LACKS: [what: string, facts: HostFacts, code: string, finding: RegExp, remedy: RegExp][] = [
  ['Linux', change({ platform: 'darwin' }), 'system', /darwin, not Linux/, /on the Linux host/],
  ['root', change({ rights: UNPRIVILEGED }), 'rights', /needs root/, /sudo/],
  [
    'capabilities',
    change({ rights: judge({ status: 'CapEff:\t00000000a80425fb\n' }) }),
    'rights',
    /lacks CAP_SYS_ADMIN/,
    /--cap-add SYS_ADMIN/,
  ],
  ['BTF', change({ btf: false }), 'btf', /types/, /CONFIG_DEBUG_INFO_BTF/],
  [
    'leave to read memory',
    change({ tracing: { ...tracing, lockdown: 'confidentiality' } }),
    'lockdown',
    /confidentiality/,
    /lockdown=integrity/,
  ],
  [
    'tracefs',
    change({ tracing: { ...tracing, tracefs: 'absent' } }),
    'tracepoints',
    /tracing file system/,
    /mount -t tracefs/,
  ],
  [
    'network tracepoints',
    change({ tracing: { ...tracing, tracepoints: new Set(['skb:kfree_skb']) } }),
    'tracepoints',
    /lacks net:net_dev_queue, net:netif_receive_skb$/,
    /CONFIG_TRACEPOINTS/,
  ],
  [
    'connection tracking',
    change({ conntrack: 'absent' }),
    'conntrack',
    /not loaded/,
    /modprobe nf_conntrack/,
  ],
  [
    'bpftrace',
    change({ bpftrace: { version: null, absent: true, problem: 'bpftrace is not installed' } }),
    'bpftrace',
    /^bpftrace is not installed$/,
    /apt-get install bpftrace/,
  ],
  [
    'a bpftrace that runs',
    change({ bpftrace: { version: null, absent: false, problem: 'bpftrace took too long' } }),
    'bpftrace',
    /^bpftrace took too long$/,
    /^see what keeps it: bpftrace --version$/,
  ],
  [
    'a new bpftrace',
    change({ bpftrace: { version: '0.14.1', absent: false, problem: '' } }),
    'bpftrace',
    /0\.14\.1 is older than 0\.16/,
    /newer/,
  ],
  [
    'programs',
    change({ programs: new Map([['mount', '/bin/mount']]) }),
    'programs',
    /ip, nsenter, setpriv, unshare/,
    /install iproute2 util-linux$/,
  ],
];
for (const [what, facts, code, finding, remedy] of LACKS) {
  test(`without ${what}`, () => {
    const bad = findBad(checkNeeds(facts));
    assert.equal(
      bad.map((check) => [check.code, check.status]),
      [[code, 'missing']],
    );
    assert.match(bad[0]?.finding ?? '', finding);
    assert.match(bad[0]?.remedy ?? '', remedy);
    assert.match(summarize(facts, bad), /^This machine cannot trace live, because .+\.$/);
  });
}

test('several things missing: the first, and how many more', () => {
  const facts = change({ rights: UNPRIVILEGED, btf: false, conntrack: 'absent' });
  assert.is(
    summarize(facts, checkNeeds(facts)),
    'This machine cannot trace live, because live tracing needs root (and 2 more).',
  );
});

test('without a lesser tracepoint it traces, and says what is missing', () => {
  const facts = change({
    tracing: { ...tracing, tracepoints: new Set(TRACEPOINTS.slice(0, 2)) },
  });
  const [check] = findBad(checkNeeds(facts));
  assert.equal([check?.status, check?.code], ['warning', 'tracepoints']);
  assert.match(check?.finding ?? '', /skb:kfree_skb/);
});

test('problems of the topology and what was left behind are warnings', () => {
  const facts: HostFacts = {
    ...healthy,
    topology: { ...topology, engine: null, problems: ['No engine; start it.', 'Odd.'] },
    strayTracers: [{ pid: 7, startTime: '1', owner: 6 }],
    staleLabs: ['0123abcd'],
    capabilities: { ...capabilities, programs: new Map() },
  };
  assert.equal(
    findBad(checkSurroundings(facts)).map(({ code, status, finding, remedy }) =>
      [code, status, finding, remedy].join(' | '),
    ),
    [
      'topology | warning | No engine | start it',
      'topology | warning | Odd | ',
      'rules | warning | neither iptables-save nor nft is installed, so no rule can be named as the reason for a path | install one: apt-get install iptables nftables',
      'stray-tracers | warning | tracers run on without their trace-flow: pid 7 | end and remove what is left: trace-flow doctor --clean',
      'stale-labs | warning | labs were left behind: 0123abcd | end and remove what is left: trace-flow doctor --clean',
    ],
  );
});

test('a trial that failed is what is missing', () => {
  const failed = checkTrial({ ok: false, why: 'it said no', remedy: 'ask again' });
  assert.equal([failed.status, failed.remedy], ['missing', 'ask again']);
  assert.is(checkTrial({ ok: true, milliseconds: 900 }).status, 'ok');
});

test('reads what the look at tracefs printed', () => {
  const text =
    '@tracefs mountable\n@lockdown none [integrity] confidentiality\n@tracepoint net:net_dev_queue\n';
  assert.equal(parseTracing(text), {
    tracefs: 'mountable',
    kprobes: false,
    lockdown: 'integrity',
    tracepoints: new Set(['net:net_dev_queue']),
  });
  assert.is(parseTracing('@tracefs mounted\n@kprobes\n').kprobes, true);
  assert.equal(parseTracing(''), {
    tracefs: 'absent',
    kprobes: null,
    lockdown: null,
    tracepoints: new Set(),
  });
});

test('rights: what is missing is named, and enough is enough', () => {
  const refusal = (facts: Partial<RightsFacts>): string | undefined =>
    judge(facts).refusal?.finding;
  const cap = (...bits: bigint[]): string =>
    `CapEff:\t${bits
      .reduce((sum, bit) => sum | (1n << bit), 0n)
      .toString(16)
      .padStart(16, '0')}\n`;
  const [NET_ADMIN, PTRACE, ADMIN, PERFMON, BPF] = [12n, 19n, 21n, 38n, 39n];
  assert.is(refusal({}), undefined);
  assert.is(refusal({ uid: 1000 }), 'live tracing needs root');
  assert.match(refusal({ uidMap: '         0     100000      65536\n' }) ?? '', /user namespace/);
  for (const status of ['', cap(BPF, PERFMON, NET_ADMIN, PTRACE)]) {
    assert.match(refusal({ status }) ?? '', /root lacks CAP_SYS_ADMIN here/);
  }
  assert.is(refusal({ status: cap(ADMIN) }), undefined, 'it includes the two of BPF');
  const { limits, held } = judge({ status: cap(ADMIN) });
  assert.equal(held, ['CAP_SYS_ADMIN']);
  assert.equal(
    limits.map(({ finding }) => /CAP_\w+/.exec(finding)?.[0]),
    ['CAP_NET_ADMIN', 'CAP_SYS_PTRACE'],
  );
  assert.equal(judge({}).limits, []);
  const checks = checkNeeds(change({ rights: judge({ status: cap(ADMIN) }) }));
  assert.equal(
    checks.filter(({ code }) => code === 'rights').map(({ status }) => status),
    ['ok', 'warning', 'warning'],
  );
});

test('reads and compares versions', () => {
  assert.is(parseVersion('bpftrace v0.17.0\n'), '0.17.0');
  assert.is(parseVersion('bpftrace v0.23.1-dirty'), '0.23.1');
  assert.is(parseVersion('false (GNU coreutils) 9.1'), null);
  const pairs: [string, string, boolean][] = [
    ['0.16', '0.16', true],
    ['0.16.0', '0.16', true],
    ['0.9.4', '0.16', false],
    ['1.0', '0.16', true],
    ['0.15.9', '0.16', false],
  ];
  for (const [a, b, expected] of pairs) assert.is(isAtLeast(a, b), expected, `${a} ${b}`);
});

test.run();
