/**
 * Each finding made on the lab: `explain --json` tells it with evidence and remedy, the way that it predicts is the way that
 * a trace sees, and where its cause is taken away it is gone.
 */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { REDIS, type LabContainer } from '../../src/lab/index.js';
import { explanationSchema, type Explanation, type Finding } from '../../src/model/explain.js';
import type { Stage } from '../support/attempts.js';
import { compare, pathOf, prepare } from '../support/predicted.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';

const test = suite('findings, live');
test.skipUnless(findLiveObstacle('conntrack', 'iptables-legacy'));

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
/** Milliseconds that clients wait; a relay's dial to an address that nobody has fails after three seconds. */
const PATIENCE = 2_500;
const LONG_PATIENCE = 6_000;
const OUTSIDE = 'outside: outside → 198.51.100.1:';

type Place = Stage & { readonly containers: Map<string, LabContainer> };

interface Fault {
  readonly code: string;
  readonly port: number;
  readonly severity: Finding['severity'];
  readonly evidence: RegExp;
  readonly remedy: RegExp;
  /** Ways in as they must be predicted, by their beginning. */
  readonly paths: Readonly<Record<string, string>>;
  /** Makes the fault, and returns what takes it away; null where it cannot be taken away. */
  readonly make: (stage: Place) => Promise<(() => Promise<unknown>) | null>;
}

/** A fault that stands in the lab from the beginning. */
const standing = (): Promise<null> => Promise.resolve(null);

const run =
  (...command: string[]) =>
  ({ lab }: Stage): Promise<{ stdout: string }> =>
    lab.exec('host', command);

/** Made by one command and taken away by another. */
const between =
  (make: ReturnType<typeof run>, undo: ReturnType<typeof run>): Fault['make'] =>
  async (stage) => {
    await make(stage);
    return () => undo(stage);
  };

const WALL = ['FORWARD', '-i', 'ext0', '-p', 'tcp', '--dport', '6379', '-j', 'DROP'];

const WITH_PROXY: readonly Fault[] = [
  {
    // Engines before 28 let a neighbour on the link send a packet to 127.0.0.1 through their DNAT rule.
    code: 'published-on-loopback',
    port: 6390,
    severity: 'warning',
    make: standing,
    evidence:
      /^port 6390 is published on 127\.0\.0\.1 only, but a neighbour on the link reaches it/,
    remedy: /-t raw -I PREROUTING -d 127\.0\.0\.0\/8 ! -i lo -j DROP$/,
    paths: { [`${OUTSIDE}6390`]: 'refused', 'loopback: host → 127.0.0.1:6390': 'docker-proxy' },
  },
  {
    code: 'listens-on-loopback',
    port: 6395,
    severity: 'error',
    make: standing,
    evidence: /^the process in deaf listens on 127\.0\.0\.1:6379 only/,
    remedy: /^make it listen on 0\.0\.0\.0:6379/,
    paths: { [`${OUTSIDE}6395`]: 'refused', 'loopback: host → 127.0.0.1:6395': 'docker-proxy' },
  },
  {
    code: 'nothing-listens',
    port: 6397,
    severity: 'error',
    make: startIdle,
    evidence: /^nothing in idle listens on tcp port 6379$/,
    remedy: /docker logs idle/,
    paths: { [`${OUTSIDE}6397`]: 'refused', 'loopback: host → 127.0.0.1:6397': 'docker-proxy' },
  },
  {
    code: 'source-lost',
    port: 6379,
    severity: 'warning',
    make: standing,
    evidence:
      /dial \[2001:db8:\S+\]:6379\b.* come through docker-proxy: the container sees 172\.17\.0\.1 /,
    remedy: /an address of the same family/,
    paths: { 'outside: outside → [2001:db8:': 'docker-proxy', [`${OUTSIDE}6379`]: 'dnat' },
  },
  {
    code: 'stale-relay',
    port: 6396,
    severity: 'error',
    make: leaveRelay,
    evidence:
      /^docker-proxy \(pid \d+\) listens on 0\.0\.0\.0:6396 and leads to 172\.17\.0\.99:6379, an address that no running container has$/,
    remedy: /end the relay: kill \d+$/,
    paths: {
      [`${OUTSIDE}6396`]: 'docker-proxy',
      'loopback: host → 127.0.0.1:6396': 'docker-proxy',
    },
  },
  {
    code: 'firewall-drop',
    port: 6379,
    severity: 'error',
    evidence:
      /^"forward: iifname "?ext0"? tcp dport 6379 drop" stops what goes to 198\.51\.100\.1:6379 \(outside\)$/,
    remedy: /no rule of the engine: change it where it was made/,
    paths: { [`${OUTSIDE}6379`]: 'dropped', 'own-address: host → 198.51.100.1:6379': 'dnat' },
    make: between(
      run(
        'nft',
        'table inet wall { chain forward { type filter hook forward priority -5; iifname "ext0" tcp dport 6379 drop; }; }',
      ),
      run('nft', 'delete', 'table', 'inet', 'wall'),
    ),
  },
  {
    code: 'two-backends',
    port: 6379,
    severity: 'warning',
    evidence: /iptables-legacy \(filter\) and by iptables-nft \((?=.*nat)(?=.*filter)/,
    remedy: /update-alternatives --config iptables/,
    paths: { [`${OUTSIDE}6379`]: 'dropped', 'own-address: host → 198.51.100.1:6379': 'dnat' },
    make: between(run('iptables-legacy', '-A', ...WALL), run('iptables-legacy', '-D', ...WALL)),
  },
  {
    code: 'ip-forward-off',
    port: 6379,
    severity: 'error',
    evidence: /^net\.ipv4\.ip_forward is 0/,
    remedy: /^sysctl -w net\.ipv4\.ip_forward=1/,
    paths: { [`${OUTSIDE}6379`]: 'dropped', 'loopback: host → 127.0.0.1:6379': 'docker-proxy' },
    make: between(
      run('sysctl', '-qw', 'net.ipv4.ip_forward=0'),
      run('sysctl', '-qw', 'net.ipv4.ip_forward=1'),
    ),
  },
  {
    code: 'docker-chains-missing',
    port: 6379,
    severity: 'error',
    make: flushNat,
    evidence: /^the chain DOCKER of table nat is there, but no rule jumps to it$/,
    remedy: /^restart the engine/,
    paths: {
      [`${OUTSIDE}6379`]: 'docker-proxy',
      'own-address: host → 198.51.100.1:6379': 'docker-proxy',
    },
  },
];

const WITHOUT_PROXY: readonly Fault[] = [
  {
    code: 'bridge-nf-off',
    port: 6379,
    severity: 'warning',
    evidence: /^net\.bridge\.bridge-nf-call-iptables is off and there is no docker-proxy/,
    remedy: /sysctl -w net\.bridge\.bridge-nf-call-iptables=1$/,
    paths: { 'same-bridge: container ': 'dropped', [`${OUTSIDE}6379`]: 'dnat' },
    make: between(
      run('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0'),
      run('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1'),
    ),
  },
];

/** A container whose program does not listen; then one whose does. */
async function startIdle({ lab, containers }: Place): Promise<() => Promise<unknown>> {
  const start = async (command: string[], more: { waitFor?: false } = {}): Promise<void> => {
    const idle = await lab.run({ name: 'idle', command, publish: ['6397:6379'], ...more });
    containers.set('idle', idle);
  };
  await start(['sleep', '1000'], { waitFor: false });
  return async () => {
    await lab.docker(['rm', '--force', 'idle']);
    await start(REDIS);
  };
}

/** A docker-proxy as the engine starts it, whose container has gone. */
async function leaveRelay({ lab }: Stage): Promise<() => Promise<unknown>> {
  const words = [
    ...['-proto', 'tcp', '-host-ip', '0.0.0.0', '-host-port', '6396'],
    ...['-container-ip', '172.17.0.99', '-container-port', '6379'],
  ];
  const [file, ...args] = lab.commandIn('host', ['docker-proxy', ...words]);
  // It tells its parent by descriptor 3 that it listens.
  const relay = execa(file, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], reject: false });
  await new Promise((resolve) => relay.stdio[3]?.once('data', resolve));
  return () => {
    relay.kill('SIGTERM');
    return relay;
  };
}

async function flushNat(stage: Stage): Promise<() => Promise<unknown>> {
  const { stdout } = await run('iptables-save', '-t', 'nat')(stage);
  await run('iptables', '-t', 'nat', '-F')(stage);
  return () => stage.lab.exec('host', ['iptables-restore'], { input: stdout });
}

async function explain({ lab }: Stage, port: number): Promise<Explanation> {
  const words = ['explain', '--port', String(port), '--netns', lab.host.netns, '--json'];
  const { stdout } = await execa(process.execPath, [RUN, ...words], {
    env: { DOCKER_HOST: lab.dockerHost },
  });
  return explanationSchema.parse(JSON.parse(stdout));
}

/** All ways at once while they are traced: each comes as predicted, and as the trace proves. */
async function watch(stage: Stage, explanation: Explanation, { port, code }: Fault): Promise<void> {
  const patience = code === 'stale-relay' ? LONG_PATIENCE : PATIENCE;
  // Of the ways to the port itself, not of those to others that lead to an equal one.
  const published = explanation.predictions.filter(({ to }) => to.endsWith(`:${port}`));
  let tried = 0;
  const { report } = await traceWhile(stage.lab, [port], async () => {
    const seen = { ...explanation, predictions: published };
    tried = (await compare(stage, seen, { open: true, patience })).size;
  });
  const told = report.connections.map(({ server, path, outcome, predicted }) => ({
    agrees: predicted?.agrees,
    server,
    path,
    outcome,
    predicted,
  }));
  assert.ok(told.length >= tried, `${told.length} of ${tried} were traced`);
  assert.ok(told.some(({ agrees }) => agrees === true));
  assert.equal(
    told.filter(({ agrees }) => agrees === false),
    [],
  );
  // What explain finds, and what stands in the lab throughout; each for the connections that it concerns.
  const known = new Set(['listens-on-loopback', ...explanation.findings.map((one) => one.code)]);
  const found = report.findings ?? [];
  const unknown = found.filter((one) => !known.has(one.code) || one.connections.length === 0);
  assert.equal(unknown, []);
}

async function check(stage: Place, fault: Fault): Promise<void> {
  const { code, port, make } = fault;
  const undo = await make(stage);
  try {
    const explanation = await explain(stage, port);
    const finding = explanation.findings.find((one) => one.code === code);
    assert.is(finding?.severity, fault.severity, JSON.stringify(explanation.findings));
    assert.match(finding?.evidence ?? '', fault.evidence);
    assert.match(finding?.remedy ?? '', fault.remedy);
    assert.equal(explanation.problems, []);
    const found = new Map(
      explanation.predictions.map(({ vantage, from, to, path }) => [
        `${vantage}: ${from} → ${to}`,
        path,
      ]),
    );
    for (const [way, path] of Object.entries(fault.paths)) assert.is(pathOf(found, way), path, way);
    await watch(stage, explanation, fault);
  } finally {
    await undo?.();
  }
  if (undo === null) return;
  const { findings } = await explain(stage, port);
  assert.not.ok(findings.some((one) => one.code === code));
}

let withProxy: Place;
let withoutProxy: Place;

test.before(async () => {
  [withProxy, withoutProxy] = (await Promise.all(
    [true, false].map(async (proxy): Promise<Place> => {
      const { lab, containers } = await prepare(proxy);
      return { lab, containers: new Map(containers) };
    }),
  )) as [Place, Place];
});

test.after(async () => {
  await Promise.all([withProxy.lab.down(), withoutProxy.lab.down()]);
});

test('published-on-loopback, and the rule that keeps neighbours out', async () => {
  const rule = ['PREROUTING', '-d', '127.0.0.0/8', '!', '-i', 'lo', '-j', 'DROP'];
  await run('iptables', '-t', 'raw', '-I', ...rule)(withProxy);
  try {
    const { findings } = await explain(withProxy, 6390);
    const finding = findings.find(({ code }) => code === 'published-on-loopback');
    assert.is(finding?.severity, 'note', JSON.stringify(findings));
    assert.match(finding?.evidence ?? '', /is dropped: the rule "-A PREROUTING -d 127\.0\.0\.0\/8/);
    assert.match(finding?.remedy ?? '', /-p 6390:…/);
  } finally {
    await run('iptables', '-t', 'raw', '-D', ...rule)(withProxy);
  }
});

for (const fault of WITH_PROXY) test(fault.code, () => check(withProxy, fault));
for (const fault of WITHOUT_PROXY) test(fault.code, () => check(withoutProxy, fault));

test.run();
