/** The first line: what failed, by whom, by which rule, what to do; and what it must not claim. */
import * as assert from 'uvu/assert';
import type { Finding } from '../../src/model/explain.js';
import type { Connection, Report } from '../../src/model/report.js';
import type { Topology } from '../../src/model/topology.js';
import { findHeadline } from '../../src/prove/verdict/headline.js';
import { sumUp } from '../../src/prove/verdict/verdict.js';
import { findUnpublished } from '../../src/prove/verdict/unpublished.js';
import { writeHeadline, writeHeadlineLine } from '../../src/words/headline.js';
import { connection } from '../render/fixtures/build.js';
import { suite } from '../support/suite.js';

const test = suite('prove: headline');

const TARGET: Report['target'] = { ports: [8080], protocol: 'all', containers: [] };
const RULE = '-A DOCKER-USER -i ext0 -j DROP';
const NAT = {
  hook: 'PREROUTING',
  original: '',
  reply: '',
  target: '',
  sourceRewritten: false,
} as const;

const answered = (id: number, given: Partial<Connection> = {}): Connection =>
  connection({ id, hops: [], nat: NAT, ...given });

const dropped = (id: number, given: Partial<Connection> = {}): Connection =>
  answered(id, {
    outcome: 'dropped',
    drop: { reason: 'NETFILTER_DROP', function: 'nft_do_chain', after: 'ext0', flow: 'request' },
    end: {
      by: 'host',
      how: 'drop',
      rule: RULE,
      at: { table: 'filter', chain: 'DOCKER-USER' },
      cause: 'filtered',
    },
    ...given,
  });

const reset = (id: number): Connection =>
  answered(id, {
    outcome: 'reset',
    end: { by: 'server', how: 'rst', rule: null, cause: null },
  });

function headlineOf(
  connections: readonly Connection[],
  faults: readonly Finding[] = [],
): ReturnType<typeof findHeadline> {
  return findHeadline({ connections, target: TARGET, faults, unpublished: null });
}

const lineOf = (connections: readonly Connection[], faults: readonly Finding[] = []): string =>
  writeHeadlineLine(headlineOf(connections, faults), 'proven');

test('one that was dropped: by which rule, where, and what to do', () => {
  assert.is(
    lineOf([dropped(1)]),
    `8080: dropped by DOCKER-USER (rule "${RULE}") after ext0; it went by DNAT in PREROUTING (proven)` +
      ' — fix: change that rule where it was made, or accept the traffic before it, in the same chain or one that leads there',
  );
});

test('a rule that is not known is not named, and finding it is the fix', () => {
  const end = { by: 'host', how: 'drop', rule: null, cause: 'filtered' } as const;
  const line = lineOf([dropped(1, { end })]);
  assert.match(line, /^8080: dropped by a rule of the host after ext0;/);
  assert.match(line, 'fix: find the rule: trace-flow explain --port 6379');
});

test('many: how many failed of how many, each group with its cause, and all the ways', () => {
  const many = [
    ...Array.from({ length: 167 }, (_, i) => answered(i + 1)),
    ...Array.from({ length: 30 }, (_, i) => answered(i + 168, { path: 'docker-proxy', nat: null })),
    ...[dropped(198), dropped(199), reset(200)],
  ];
  const line = lineOf(many);
  assert.is(
    line.replace(/ — fix:.*/, ''),
    `8080: 3 of 200 failed: 2 dropped by DOCKER-USER (rule "${RULE}") after ext0, 1 reset by the server in redis; ` +
      '170 by DNAT in PREROUTING, 30 through docker-proxy (proven)',
  );
  const { counts, outcome, path, reason } = sumUp(many, headlineOf(many), {
    sealed: true,
    notes: [],
    source: 'live',
  });
  assert.is(outcome, 'mixed');
  assert.is(path, 'mixed');
  assert.equal(counts[0], { path: 'dnat', outcome: 'answered', count: 167 });
  assert.is(
    counts.reduce((sum, { count }) => sum + count, 0),
    200,
  );
  assert.match(reason, /^3 of 200 failed: /);
});

test('failures that read alike are one, four kinds are told, and a fix for some says for which', () => {
  const by = (id: number, outcome: 'unanswered' | 'stalled' | 'refused'): Connection =>
    answered(id, { outcome, path: id % 2 === 0 ? 'dnat' : 'docker-proxy' });
  const many = [
    ...[1, 2, 3].map(reset),
    ...[reset(4)].map((one) => ({ ...one, path: 'docker-proxy' as const })),
    ...[5, 6, 7].map((id) => by(id, 'refused')),
    ...[8, 9].map((id) => by(id, 'stalled')),
    ...[10, 11].map((id) => by(id, 'unanswered')),
    dropped(12),
  ];
  const line = lineOf(many);
  assert.is(
    line.replace(/; \d+ by DNAT.*? — /, ' — '),
    '8080: 12 of 12 failed: 4 reset by the server in redis, 3 refused (by whom was not seen), 2 stalled after the handshake, ' +
      '2 unanswered by redis (172.17.0.2:6379), 1 in other ways — fix: for the 6 reset and unanswered: read what the server says: docker logs redis',
  );
  assert.equal(headlineOf(many).fix?.of, { count: 6, outcomes: ['reset', 'unanswered'] });
  assert.is(headlineOf(many.slice(0, 4)).fix?.of, undefined);
});

test('how one connection ended is said once, whoever says it', () => {
  const reason = 'a NAT rule rewrote it; its SYN reached the container, and no answer came back';
  const silent = answered(1, { outcome: 'unanswered', reached: 'SYN', reason });
  const told = (one: Connection, source: Report['source']): string =>
    sumUp([one], headlineOf([one]), { sealed: true, notes: [], source }).reason;
  assert.is(told(silent, 'live'), `unanswered; ${reason}`);
  assert.is(told(silent, 'recording'), `unanswered; ${reason}`);
  const lost = dropped(2, {
    end: { by: 'host', how: 'drop', rule: null, cause: 'filtered' },
    drop: { reason: 'X_DROP', function: 'f', after: 'ext0', flow: 'request' },
  });
  assert.is(
    told({ ...lost, end: { ...lost.end, cause: null }, reason: 'r (X_DROP at f)' }, 'live'),
    'dropped by the host after ext0; r (X_DROP at f)',
  );
  // A path that is not known, and a capture, have reasons without an end.
  const whole = 'unanswered: the SYN reached redis (172.17.0.2:6379), and no answer came back; r';
  assert.is(told({ ...silent, reason: 'r' }, 'capture'), whole);
  assert.is(told({ ...silent, path: 'unknown', reason: 'r' }, 'live'), whole);
  const stall = {
    leg: 'client',
    flow: 'request',
    length: 9,
    sent: 3,
    passed: null,
    mtu: 900,
  } as const;
  const stuck = answered(3, { outcome: 'stalled', stall, reason: 'r' });
  assert.is(told(stuck, 'live'), 'stalled after the handshake; r');
  assert.match(told(stuck, 'capture'), '9 B of the client were sent 3 times');
});

test('green is for what was answered alone, whatever was proven of the path', () => {
  const toneOf = (list: Connection[]): string => writeHeadline(headlineOf(list), 'proven').tone;
  assert.is(toneOf([answered(1)]), 'good');
  assert.is(toneOf([answered(1), dropped(2)]), 'bad');
  assert.is(toneOf([]), 'unsure');
  assert.is(writeHeadline(headlineOf([answered(1)]), 'inconclusive').tone, 'good');
});

test('datagrams that nobody answers are not called failed', () => {
  const silent = answered(1, { protocol: 'udp', outcome: 'unanswered' });
  const line = lineOf([silent, answered(2)]);
  assert.match(line, /^8080: 1 of 2 got no answer: unanswered by redis/);
});

test('whose address the container sees', () => {
  const client = { address: '198.51.100.2', port: 40000 };
  const own = answered(1, { client, sourceSeen: client.address });
  const relayed = answered(2, {
    client,
    path: 'docker-proxy',
    sourceSeen: '172.17.0.1',
    relay: { pid: 7, command: 'docker-proxy', client: { address: '172.17.0.1', port: 5 } },
  });
  const masqueraded = answered(3, {
    client,
    sourceSeen: '172.17.0.1',
    nat: { ...NAT, sourceRewritten: true },
  });
  assert.match(lineOf([own]), "redis sees the client's own address 198.51.100.2");
  assert.match(lineOf([relayed]), "redis sees the relay's address 172.17.0.1");
  assert.match(lineOf([masqueraded]), 'redis sees 172.17.0.1 by NAT, not the client');
  assert.not.match(lineOf([answered(1, { sourceSeen: null })]), 'sees');
});

test('a finding is the fix only where it names the very rule, socket or process', () => {
  const finding: Finding = {
    code: 'firewall-drop',
    severity: 'error',
    evidence: '',
    remedy: 'do this',
    about: { rule: RULE },
  };
  assert.equal(headlineOf([dropped(1)], [finding]).fix, {
    code: 'firewall-drop',
    remedy: 'do this',
  });
  for (const about of [{ rule: 'another' }, { pid: 5 }, { container: 'redis', port: 1 }, {}]) {
    const other = headlineOf([dropped(1)], [{ ...finding, about }]);
    assert.is.not(other.fix?.remedy, 'do this', JSON.stringify(about));
  }
  const deaf = { ...finding, about: { container: 'redis', port: 6379 } };
  const refused = answered(1, {
    outcome: 'refused',
    end: { by: 'server', how: 'rst', rule: null, cause: 'not-listening' },
  });
  assert.is(headlineOf([refused], [deaf]).fix?.remedy, 'do this');
  assert.is.not(headlineOf([dropped(1)], [deaf]).fix?.remedy, 'do this');
});

const TOPOLOGY: Topology = {
  host: 1,
  namespaces: [{ inode: 1, name: 'host', role: 'host', devices: [] }],
  containers: [
    {
      id: 'a',
      name: 'redis',
      pid: 2,
      namespace: 2,
      networkMode: 'bridge',
      networks: [],
      published: [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 6379, containerPort: 6379 }],
    },
  ],
  relays: [],
  listeners: [
    {
      namespace: 1,
      protocol: 'tcp',
      local: { address: '127.0.0.1', port: 8081 },
      pid: 9,
      command: 'nginx',
    },
  ],
  engine: { version: '26' },
  problems: [],
};

test('a port that nobody publishes: what is published, and who listens', () => {
  const asked = { asked: [8081], mappings: [] };
  const told = findUnpublished(asked, TOPOLOGY, []);
  assert.equal(told?.published, [
    { address: '0.0.0.0', port: 6379, container: 'redis', inside: 6379 },
  ]);
  assert.equal(told?.listens, [
    { namespace: 'host', address: '127.0.0.1', command: 'nginx', pid: 9 },
  ]);
  const headline = findHeadline({
    connections: [],
    target: { ports: [8081], containers: [] },
    faults: [],
    unpublished: told,
  });
  assert.is(
    writeHeadlineLine(headline, 'inconclusive'),
    "8081: no matching traffic was seen; no container publishes 8081; published are 6379 (redis's 6379); " +
      'what listens on 8081: 127.0.0.1:8081 in host (nginx, pid 9)',
  );
});

test('a port that many listen on: each process once, the first ones, and how many more', () => {
  const listeners = [1, 2, 3, 4, 5].flatMap((pid) =>
    ['0.0.0.0', '::'].map((address) => ({
      namespace: 1,
      protocol: 'tcp' as const,
      local: { address, port: 8081 },
      pid,
      command: 'nginx',
    })),
  );
  const unpublished = findUnpublished(
    { asked: [8081], mappings: [] },
    { ...TOPOLOGY, listeners },
    [],
  );
  const headline = findHeadline({ connections: [], target: TARGET, faults: [], unpublished });
  const line = writeHeadlineLine(headline, 'inconclusive');
  assert.match(line, '0.0.0.0:8081 in host (nginx, pid 4) and 1 more');
  assert.not.match(line, '[::]:8081');
});

const silent = (given: Partial<Connection>): Connection =>
  answered(1, { outcome: 'unanswered', bytes: { fromClient: 0, fromServer: 0 }, ...given });
const handshake = { syn: 1, synAck: 1, completed: true };

test('no answer: how far it came, where that is known, and no further', () => {
  const redis = 'redis (172.17.0.2:6379)';
  const of = (given: Partial<Connection>): string => lineOf([silent(given)]);
  assert.match(of({ reached: 'SYN', handshake: null }), `unanswered: the SYN reached ${redis}`);
  assert.match(of({ reached: 'SYN', handshake: null }), 'the kernel answers a SYN');
  const agreed = `unanswered: ${redis} accepted the connection, and nothing came back`;
  assert.match(of({ reached: 'SYN', handshake }), agreed);
  const held = of({ reached: 'SYN', handshake, path: 'docker-proxy' });
  assert.not.match(held, 'accepted', "a relay's handshake is not the container's");
  const told = of({ reached: 'request', handshake, bytes: { fromClient: 5, fromServer: 5 } });
  assert.match(told, `unanswered: the request reached ${redis}`);
  assert.match(of({ handshake }), `unanswered by ${redis}`);
});

test('what the routing predicts is told as a cause only where it came so, and no rule did it', () => {
  const why = 'net.ipv4.ip_forward is 0: this host forwards nothing';
  const predicted = {
    path: 'dropped',
    way: 'dnat',
    target: null,
    rule: null,
    at: null,
    why,
    sourceSeen: null,
    stop: { code: 'forwarding-off', why, remedy: 'switch it on' },
  } as const;
  const end = { by: 'host', how: 'drop', rule: null, cause: null } as const;
  const of = (agrees: boolean | null, rule: string | null = null): string =>
    lineOf([dropped(1, { end: { ...end, rule }, predicted: { ...predicted, agrees } })]);
  assert.match(of(true), `, as was predicted: ${why}; it went by DNAT`);
  assert.match(of(true), 'fix: switch it on');
  for (const line of [of(false), of(null), of(true, RULE)]) {
    assert.not.match(line, 'predicted');
    assert.not.match(line, 'switch it on');
  }
});

test('a server that listens on its own loopback only is told so, where a finding names it', () => {
  const target = { address: '172.17.0.2', port: 6379, name: 'redis' };
  const refused = answered(1, {
    outcome: 'refused',
    container: target,
    end: { by: 'server', how: 'rst', rule: null, cause: 'not-listening' },
  });
  const fault = (container: string): Finding => ({
    code: 'listens-on-loopback',
    severity: 'error',
    evidence: '',
    remedy: 'bind',
    about: { container, port: 6379 },
  });
  assert.match(
    lineOf([refused], [fault('redis')]),
    'refused, as redis (172.17.0.2:6379) listens on its own 127.0.0.1 only',
  );
  assert.match(lineOf([refused], [fault('other')]), 'refused, as nothing listens on redis');
});

test('networks that Docker keeps apart: no rule to change', () => {
  const end = {
    by: 'host',
    how: 'drop',
    rule: '-A x -j DROP',
    cause: 'filtered',
    at: { table: 'filter', chain: 'DOCKER-ISOLATION-STAGE-2' },
  } as const;
  assert.match(lineOf([dropped(1, { end })]), 'put both containers into one');
});

test('nothing is said of a port where nobody could look, or where something answered', () => {
  const asked = { asked: [8082], mappings: [] };
  assert.is(findUnpublished(asked, { ...TOPOLOGY, engine: null }, []), null);
  assert.is(findUnpublished(asked, TOPOLOGY, [answered(1)]), null);
  assert.equal(findUnpublished(asked, TOPOLOGY, [])?.listens, []);
  assert.is(findUnpublished(asked, { ...TOPOLOGY, heard: [6379] }, [])?.listens, null);
  assert.is(findUnpublished(asked, { ...TOPOLOGY, unheard: [2] }, [])?.listens, null);
  assert.is(findUnpublished(asked, TOPOLOGY, [dropped(1)]), null, 'a rule decided');
});

/** Refused by the host at this address, although the port is published. */
function tellRefused(dialled: string, at: string): string {
  const end = { by: 'host', how: 'rst', rule: null, cause: 'not-listening' } as const;
  const one = answered(1, {
    path: 'host',
    nat: null,
    container: null,
    outcome: 'refused',
    server: { address: dialled, port: 8080 },
    end,
  });
  const published = [
    { protocol: 'tcp', hostAddress: at, hostPort: 8080, containerPort: 6379 },
  ] as const;
  const containers = TOPOLOGY.containers.map((container) => ({ ...container, published }));
  const mapping = {
    protocol: 'tcp',
    listens: { address: at, port: 8080 },
    target: { address: '172.17.0.2', port: 6379 },
  } as const;
  const unpublished = findUnpublished(
    { asked: [8080], mappings: [mapping] },
    { ...TOPOLOGY, containers },
    [one],
  );
  const headline = findHeadline({ connections: [one], target: TARGET, faults: [], unpublished });
  return writeHeadlineLine(headline, 'proven');
}

test('refused by the host although it is published: where it is, and what to do', () => {
  const refused =
    '8080: refused by the host, as nothing listens there; it ended at the host itself (proven)';
  assert.is(
    tellRefused('198.51.100.1', '127.0.0.1'),
    `${refused}; 8080 is published on 127.0.0.1:8080 (redis) — fix: dial an address that it is published on, or ` +
      'publish it on 0.0.0.0 (run it with -p 0.0.0.0:8080:6379)',
  );
  assert.match(tellRefused('2001:db8::1', '0.0.0.0'), 'run it with -p [::]:8080:6379');
  for (const [dialled, at] of [
    ['127.0.0.1', '0.0.0.0'],
    ['::1', '::'],
    ['198.51.100.1', '198.51.100.1'],
  ] as const) {
    assert.match(tellRefused(dialled, at), 'docker restart redis', `${dialled} of ${at}`);
  }
});

test('unanswered, and nothing was seen: what the rules predict is told as a prediction, and only then', () => {
  const predicted = {
    path: 'dropped',
    way: null,
    target: null,
    rule: RULE,
    at: { backend: 'iptables-nft', family: 'ip', table: 'filter', chain: 'DOCKER-USER' },
    why: 'x',
    sourceSeen: null,
    agrees: null,
  } as const;
  const end = { by: null, how: null, rule: null, cause: null };
  const silent = answered(1, { outcome: 'unanswered', end, predicted });
  assert.match(
    lineOf([silent]),
    `which the host's rules predict: dropped by DOCKER-USER (rule "${RULE}")`,
  );
  for (const other of [
    { ...silent, predicted: { ...predicted, path: 'dnat' as const } },
    { ...silent, end: { ...end, cause: 'not-listening' as const } },
    dropped(1, { predicted }),
  ]) {
    assert.not.match(lineOf([other]), 'predict');
  }
});

test.run();
