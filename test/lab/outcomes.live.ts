/** How connections end, one kind a trace: broken neighbours and routes, rules in each place, refusals; told as it was set up. */
import * as assert from 'uvu/assert';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import { Stage } from '../matrix/stage.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';

const test = suite('outcomes');
test.skipUnless(findLiveObstacle());

const PORT = 8080;
const SILENT = 9090;
const HOSTS = 7777;
const CLOSED = 7778;
/** Milliseconds that a client waits: longer than three SYNs, and than the kernel looks for a neighbour. */
const PATIENCE = 3_500;
const LONG = 5_500;

let lab: Lab;
let stage: Stage;
let redis: LabContainer;

test.before(async () => {
  lab = await up();
  redis = await lab.run({
    name: 'redis',
    command: REDIS,
    publish: [`${PORT}:6379`, `${SILENT}:9999`],
    waitFor: [{ protocol: 'tcp', port: 6379 }],
  });
  await lab.run({ name: 'on-host', command: [...REDIS, '--port', String(HOSTS)], network: 'host' });
  stage = new Stage(lab, [redis]);
});

test.after(() => lab.down());

type Part = Partial<Pick<Connection, 'path' | 'proof' | 'outcome'>> & {
  readonly end?: Partial<Connection['end']>;
  readonly drop?: Partial<NonNullable<Connection['drop']>> | null;
  readonly why?: RegExp;
};

const on = async (...words: string[]): Promise<unknown> => lab.exec('host', words);

async function ping(from: string, to: string, port: number, timeoutMs = PATIENCE): Promise<void> {
  const truth = { path: 'dnat', outcome: 'unanswered', container: null } as const;
  const order = { ...stage.order(stage.fill(to), port, truth), timeoutMs };
  await stage.send(from, [order]);
}

/** A rule for the time of the traffic. */
async function ruled(rule: readonly string[], send: () => Promise<void>): Promise<void> {
  await on('iptables', '-w', '-I', ...rule);
  try {
    await send();
  } finally {
    await on('iptables', '-w', '-D', ...rule);
  }
}

async function trace(port: number, send: () => Promise<void>): Promise<readonly Connection[]> {
  const { report } = await traceWhile(lab, [port], send);
  assert.ok(report.coverage.sealed, report.coverage.notes.join());
  // A server may still be sending to a client of the trace before.
  const own = report.connections.filter(({ handshake }) => handshake !== null);
  assert.ok(own.length > 0, 'seen');
  return own;
}

function check(connections: readonly Connection[], truth: Part): void {
  for (const one of connections) {
    const { path, proof, outcome, end, drop } = truth;
    const say = `${one.reason}; ${JSON.stringify([one.end, one.drop, one.stall])}`;
    if (path !== undefined) assert.is(one.path, path, say);
    if (proof !== undefined) assert.is(one.proof, proof, say);
    assert.is(one.outcome, outcome, say);
    if (end) assert.equal({ ...one.end, ...end }, one.end, say);
    if (drop === null) assert.is(one.drop, null, say);
    if (drop) assert.equal(one.drop && { ...one.drop, ...drop }, one.drop, say);
  }
}

/** Gives the client's address a hardware address that nobody has. */
async function misdirect(): Promise<void> {
  const wrong = ['lladdr', '02:aa:aa:aa:aa:aa', 'dev', 'ext0', 'nud', 'permanent'];
  await on('ip', 'neigh', 'replace', lab.client.ipv4, ...wrong);
}
const redirect = async (): Promise<unknown> =>
  on('ip', 'neigh', 'del', lab.client.ipv4, 'dev', 'ext0');

test('a wrong neighbour before the handshake: half open', async () => {
  await misdirect();
  const connections = await trace(PORT, () => ping('client', '{host}', PORT));
  await redirect();
  check(connections, { path: 'dnat', outcome: 'unanswered', drop: null });
  for (const { handshake, acknowledged } of connections) {
    assert.is(handshake?.completed, false);
    assert.ok((handshake?.synAck ?? 0) >= 2, JSON.stringify(handshake));
    assert.is(acknowledged?.fromServer, 0);
  }
});

test('a wrong neighbour after the handshake: stalled, with what had been acknowledged by then', async () => {
  const connections = await trace(PORT, async () => {
    const truth = { path: 'dnat', outcome: 'stalled', container: null } as const;
    const order = { ...stage.order(lab.host.ipv4, PORT, truth), timeoutMs: PATIENCE };
    const goOn = await stage.hold('client', order);
    await misdirect();
    await goOn();
  });
  await redirect();
  check(connections, { path: 'dnat', outcome: 'stalled' });
  for (const { stall, acknowledged } of connections) {
    assert.equal([stall?.leg, stall?.flow], ['client', 'reply']);
    // +PONG\r\n.
    assert.is(acknowledged?.fromServer, 7);
  }
});

test('a way back by a device without that neighbour: the SYN+ACK died there', async () => {
  const route = [`${lab.client.ipv4}/32`, 'dev', 'docker0'];
  await on('ip', 'route', 'add', ...route);
  const connections = await trace(PORT, () => ping('client', '{host}', PORT, LONG));
  await on('ip', 'route', 'del', ...route);
  check(connections, {
    path: 'dnat',
    proof: 'proven',
    outcome: 'dropped',
    drop: { reason: 'NEIGH_FAILED', after: 'docker0', flow: 'reply', packet: 'SYN+ACK' },
    end: { by: 'network', how: 'drop', cause: 'no-neighbour' },
  });
});

const AT_OUTPUT = { reason: 'NETFILTER_DROP', hook: 'OUTPUT', after: null } as const;
const FILTERED = { by: 'host', how: 'drop', cause: 'filtered' } as const;

test('dropped in OUTPUT: to the own address, to loopback, to the container, and an answer', async () => {
  const request = { ...AT_OUTPUT, flow: 'request', packet: 'SYN' } as const;
  const stop = (match: string, port: number): string[] => {
    return ['OUTPUT', '-p', 'tcp', match, String(port), '-j', 'DROP'];
  };
  const own = await trace(PORT, () =>
    ruled(stop('--dport', 6379), () => ping('host', '{host}', PORT, 1_500)),
  );
  check(own, { path: 'dnat', outcome: 'dropped', drop: request, end: FILTERED });
  assert.is(own.length, 1, 'the dial and its packets are one connection');
  const loopback = await trace(PORT, () =>
    ruled(stop('--dport', PORT), () => ping('host', '127.0.0.1', PORT, 1_500)),
  );
  check(loopback, { outcome: 'dropped', drop: request, end: FILTERED });
  const direct = await trace(PORT, () =>
    ruled(stop('--dport', 6379), () => ping('host', '{redis}', 6379, 1_500)),
  );
  check(direct, { path: 'direct', outcome: 'dropped', drop: request, end: FILTERED });
  const answer = await trace(HOSTS, () =>
    ruled(stop('--sport', HOSTS), () => ping('client', '{host}', HOSTS, 1_500)),
  );
  const reply = { ...AT_OUTPUT, flow: 'reply', packet: 'SYN+ACK' } as const;
  check(answer, { outcome: 'dropped', drop: reply, end: FILTERED });
});

const REJECT = ['-j', 'REJECT', '--reject-with', 'tcp-reset'];

test('REJECT of the first packet, of later ones and of the answer: reset by the host’s rule, named', async () => {
  const later = ['--tcp-flags', 'PSH', 'PSH', ...REJECT];
  const to = ['DOCKER-USER', '-p', 'tcp', '-d', redis.ipv4];
  const from = ['DOCKER-USER', '-p', 'tcp', '-s', redis.ipv4];
  const cases = [
    { rule: [...to, ...REJECT], outcome: 'refused' },
    { rule: [...to, ...later], outcome: 'reset' },
    { rule: [...from, ...later], outcome: 'reset' },
  ] as const;
  for (const { rule, outcome } of cases) {
    await on('iptables', '-w', '-I', ...rule);
    const connections = await trace(PORT, () => ping('client', '{host}', PORT, 1_500));
    await on('iptables', '-w', '-D', ...rule);
    check(connections, {
      path: 'dnat',
      proof: 'proven',
      outcome,
      end: { by: 'host', how: 'rst', cause: 'rejected' },
    });
    for (const { end } of connections) assert.match(end.rule ?? '', 'REJECT', rule.join(' '));
  }
});

test('REJECT and DROP in INPUT: it ends at the host, and the rule is named', async () => {
  const tcp = ['INPUT', '-p', 'tcp', '--dport', String(HOSTS)];
  const send = async (): Promise<void> => {
    await ping('client', '{host}', HOSTS, 1_500);
    await ping('host', '127.0.0.1', HOSTS, 1_500);
  };
  const refused = await trace(HOSTS, () => ruled([...tcp, ...REJECT], send));
  check(refused, {
    path: 'host',
    proof: 'proven',
    outcome: 'refused',
    drop: null,
    end: { by: 'host', how: 'rst', cause: 'rejected' },
  });
  assert.is(refused.length, 2);
  const dropped = await trace(HOSTS, () => ruled([...tcp, '-j', 'DROP'], send));
  check(dropped, { path: 'host', proof: 'proven', outcome: 'dropped', end: FILTERED });
  assert.is(dropped.length, 2);
});

test('a rule of nftables that rejects, by a reset or by an ICMP message: named with --trace-rules', async () => {
  const chain = ['inet', 'own', 'input'];
  await on('nft', 'add', 'table', 'inet', 'own');
  await on('nft', 'add', 'chain', ...chain, '{ type filter hook input priority 0; }');
  for (const how of [['reject', 'with', 'tcp', 'reset'], ['reject']]) {
    await on('nft', 'flush', 'chain', ...chain);
    await on('nft', 'add', 'rule', ...chain, 'tcp', 'dport', String(HOSTS), ...how);
    const traffic = (): Promise<void> => ping('client', '{host}', HOSTS, 1_500);
    const { report } = await traceWhile(lab, [HOSTS], traffic, { traceRules: true });
    const own = report.connections.filter(({ handshake }) => handshake !== null);
    assert.ok(own.length > 0);
    const reset = how.length > 1;
    check(own, {
      path: 'host',
      proof: 'proven',
      outcome: reset ? 'refused' : 'dropped',
      end: { by: 'host', how: reset ? 'rst' : 'drop', cause: reset ? 'rejected' : 'filtered' },
    });
    for (const { end } of own) {
      assert.match(end.rule ?? '', new RegExp(`dport ${HOSTS} .*reject`), JSON.stringify(end));
    }
  }
  await on('nft', 'delete', 'table', 'inet', 'own');
});

test('refused: by the host where nothing listens, proven, and by the container', async () => {
  const own = await trace(CLOSED, async () => {
    await ping('client', '{host}', CLOSED);
    await ping('host', '127.0.0.1', CLOSED);
    await ping('host', '{host}', CLOSED);
  });
  assert.is(own.length, 3);
  const listening = { how: 'rst', rule: null, cause: 'not-listening' } as const;
  check(own, {
    path: 'host',
    proof: 'proven',
    outcome: 'refused',
    drop: null,
    end: { by: 'host', ...listening },
  });
  const container = await trace(SILENT, () => ping('client', '{host}', SILENT));
  check(container, {
    path: 'dnat',
    proof: 'proven',
    outcome: 'refused',
    drop: null,
    end: { by: 'server', ...listening },
  });
});

test('too big for the way back: stalled, with the MTU', async () => {
  const route = [lab.client.ipv4, 'dev', 'ext0', 'mtu', '900'];
  const mute = ['OUTPUT', '-p', 'icmp', '--icmp-type', 'fragmentation-needed', '-j', 'DROP'];
  await on('ip', 'route', 'add', ...route);
  const connections = await trace(PORT, () =>
    ruled(mute, async () => {
      const truth = { path: 'dnat', outcome: 'stalled', container: null } as const;
      const order = { ...stage.order(lab.host.ipv4, PORT, truth), timeoutMs: PATIENCE };
      await stage.send('client', [{ ...order, pad: 3_000 }]);
    }),
  );
  await on('ip', 'route', 'del', lab.client.ipv4);
  check(connections, {
    path: 'dnat',
    proof: 'proven',
    outcome: 'stalled',
    drop: { reason: 'PKT_TOO_BIG', flow: 'reply', packet: 'data' },
    end: { by: 'host', how: 'drop', cause: 'too-big' },
  });
  for (const { stall } of connections) {
    assert.is(stall?.mtu, 900);
    assert.ok((stall?.length ?? 0) > 860, JSON.stringify(stall));
  }
});

test('what is answered says when, how soon, and whom the server sees', async () => {
  const connections = await trace(PORT, async () => {
    await ping('client', '{host}', PORT);
    await ping('host', '127.0.0.1', PORT);
  });
  assert.is(connections.length, 2);
  for (const one of connections) {
    assert.is(one.outcome, 'answered', one.reason);
    assert.equal(one.end, { by: 'client', how: 'fin', rule: null, cause: null });
    const { connect, firstReply, duration, relay } = one.timing;
    for (const time of [connect, firstReply, duration]) assert.ok((time ?? 0) > 0, `${time}`);
    assert.is(one.retransmits, 0);
    const relayed = one.path === 'docker-proxy';
    assert.is(one.sourceSeen, relayed ? redis.gateway : lab.client.ipv4);
    assert.is(relay !== null, relayed);
  }
});

test.run();
