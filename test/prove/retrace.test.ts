/** A traced connection as an attempt to predict, and when it counts as having gone as predicted. */
import * as assert from 'uvu/assert';
import type { Forecast } from '../../src/model/forecast.js';
import type { Connection } from '../../src/model/report.js';
import { agree, retrace } from '../../src/prove/predict/agreement.js';
import { RuleIndex, type RuleRef } from '../../src/rules/evaluate/rule-index.js';
import type { Attempt } from '../../src/rules/evaluate/vantages.js';
import { parseSaved } from '../../src/rules/read/iptables.js';
import { FAR_BRIDGE, makeWorld, NOTHING } from '../rules/evaluate/worlds.js';
import { nameClient } from '../../src/words/predictions/forecast.js';
import { suite } from '../support/suite.js';
import { UNSEEN } from '../support/unseen.js';

const test = suite('attempts and agreement');

const world = makeWorld(NOTHING, true);
const at = (address: string, port = 40_000) => ({ address, port });

function connect(change: Partial<Connection> = {}): Connection {
  return {
    id: 1,
    protocol: 'tcp',
    proof: 'proven',
    path: 'dnat',
    outcome: 'answered',
    reason: '',
    client: at('198.51.100.2'),
    server: at('198.51.100.1', 6379),
    container: { address: '172.17.0.2', port: 6379, name: 'redis' },
    ...UNSEEN,
    nat: null,
    relay: null,
    drop: null,
    why: null,
    evidence: [],
    hops: [],
    hopsOmitted: 0,
    bytes: { fromClient: 0, fromServer: 0 },
    processes: { client: null, server: null },
    clientNamespace: null,
    ...change,
  };
}

test('a client elsewhere comes in by the device that leads to it', () => {
  const start = { protocol: 'tcp', port: 6379, to: '198.51.100.1', family: 4 } as const;
  assert.equal(retrace(world, connect()), {
    vantage: 'outside',
    from: { kind: 'outside' },
    start: { ...start, by: { kind: 'outside', device: 'ext0', source: '198.51.100.2' } },
  });
  const far = retrace(world, connect({ client: at('203.0.113.7'), protocol: 'udp' }));
  assert.equal(far?.start, {
    ...start,
    protocol: 'udp',
    by: { kind: 'outside', device: null, source: '203.0.113.7' },
  });
});

test('what came or went inside an overlay meets no rule of the host', () => {
  const tunnel = { kind: 'vxlan', id: 1, from: '192.0.2.1', to: '192.0.2.2' } as const;
  assert.is(retrace(world, connect({ via: [tunnel] })), null);
  assert.ok(retrace(world, connect({ via: [tunnel], client: at('172.17.0.3') })));
});

test('the host itself: by its namespace, or by an address of its own where no namespace is known', () => {
  const from = (change: Partial<Connection>) => {
    const attempt = retrace(world, connect(change));
    return attempt && [attempt.vantage, nameClient(attempt.from), attempt.start.by.kind];
  };
  const own = (server: string) => ({ clientNamespace: 'host', server: at(server, 6379) });
  assert.equal(from({ ...own('198.51.100.1') }), ['own-address', 'host', 'host']);
  assert.equal(from({ ...own('127.0.0.1') }), ['loopback', 'host', 'host']);
  assert.equal(from({ ...own('127.8.8.8') }), ['loopback', 'host', 'host']);
  const six = { ...own('::1'), client: at('::1') };
  assert.equal(from(six), ['loopback6', 'host', 'host']);
  assert.equal(from({ client: at('198.51.100.1') }), ['own-address', 'host', 'host']);
  assert.equal(from({ client: at('198.51.100.1'), clientNamespace: 'client' }), [
    ...['outside', 'outside', 'outside'],
  ]);
});

test('a container: by its address, told apart by what it dials', () => {
  const other = { client: at('172.17.0.4'), clientNamespace: 'other' };
  const by = { kind: 'container', bridge: 'docker0', address: '172.17.0.4' };
  const attempt = retrace(world, connect(other));
  assert.equal(attempt?.start.by, by);
  assert.equal(
    [attempt?.vantage, attempt && nameClient(attempt.from)],
    ['same-bridge', 'container other'],
  );
  const vantage = (change: Partial<Connection>) => retrace(world, connect(change))?.vantage;
  assert.is(vantage({ client: at('172.17.0.2') }), 'self', 'redis dials its own port');
  assert.is(vantage({ client: at('172.30.0.2') }), 'other-bridge');
  assert.is(vantage({ ...other, container: null }), 'other-bridge', 'nothing known behind it');
  const far = { address: '172.30.0.9', port: 1, name: 'far' };
  assert.is(vantage({ ...other, container: far }), 'other-bridge');
  assert.is(vantage({ client: at('172.30.0.2'), container: far }), 'self');
});

test('an address of a bridge’s network is a container there, also one that is not known', () => {
  const attempt = retrace(world, connect({ client: at('172.30.0.77') }));
  assert.is(attempt && nameClient(attempt.from), 'container 172.30.0.77');
  assert.equal(attempt?.start.by, {
    kind: 'container',
    bridge: FAR_BRIDGE,
    address: '172.30.0.77',
  });
});

test('a container on a network without a bridge dials from where its address is', () => {
  const places = [
    { bridge: 'docker0', address: '172.17.0.9' },
    { bridge: null, address: '203.0.113.9' },
  ];
  const vlan = { ...world, containers: [{ name: 'vlan', places, sockets: [] }] };
  const outside = retrace(vlan, connect({ client: at('203.0.113.9') }));
  assert.is(outside?.vantage, 'outside');
  const inside = retrace(vlan, connect({ client: at('172.17.0.9') }));
  assert.equal(inside?.start.by, {
    kind: 'container',
    bridge: 'docker0',
    address: '172.17.0.9',
  });
});

test('no attempt: what was dialled is not known, or the one family came out as the other', () => {
  assert.is(retrace(world, connect({ server: null })), null);
  assert.is(retrace(world, connect({ client: at('2001:db8::2') })), null);
});

const OUTSIDE: Attempt = {
  vantage: 'outside',
  from: { kind: 'outside' },
  start: {
    protocol: 'tcp',
    port: 6379,
    to: '198.51.100.1',
    family: 4,
    by: { kind: 'outside', device: 'ext0', source: '198.51.100.2' },
  },
};
const BY_HOST: Attempt = {
  vantage: 'own-address',
  from: { kind: 'host' },
  start: { ...OUTSIDE.start, by: { kind: 'host' } },
};

/** The one rule of a chain, as the deciding one. */
function ruleOf(text: string): RuleRef {
  const table = text.includes('NAT') || text.includes('REDIRECT') ? 'nat' : 'filter';
  const rules = parseSaved(
    [`*${table}`, ':FORWARD ACCEPT [0:0]', `-A FORWARD ${text}`, 'COMMIT', ''].join('\n'),
    'test',
  );
  const [first] = rules.tables;
  const [chain] = first?.chains ?? [];
  const rule = chain?.rules[0];
  if (!first || !chain || !rule) throw new Error('no rule');
  assert.ok(new RuleIndex(rules));
  return { table: first, chain, rule };
}

const REJECT = ruleOf('-j REJECT');
const DROP = ruleOf('-j DROP');
const DNAT = ruleOf('-p tcp -j DNAT --to-destination 172.17.0.2:6379');
const POLICY: RuleRef = { ...DROP, rule: null };

function agrees(
  change: Partial<Connection>,
  told: Partial<Forecast>,
  deciding: RuleRef | null = null,
  attempt = OUTSIDE,
): boolean | null {
  const prediction: Forecast = {
    vantage: 'outside',
    from: { kind: 'outside' },
    to: '198.51.100.1:6379',
    protocol: 'tcp',
    path: 'dnat',
    way: 'dnat',
    target: '172.17.0.2:6379',
    rule: null,
    why: { code: 'off-bridge' },
    sourceSeen: null,
    obstacles: [],
    ...told,
  };
  return agree(connect(change), attempt, prediction, deciding);
}

const lost = (reason: string): Connection['drop'] => ({ reason, function: 'f', after: 'ext0' });

test('nobody knows: the trace cannot tell, or the prediction', () => {
  assert.is(agrees({ proof: 'inconclusive' }, {}), null);
  assert.is(agrees({ path: 'unknown' }, {}), null);
  assert.is(agrees({}, { path: 'unknown' }), null);
  assert.is(agrees({ proof: 'likely' }, {}), true);
});

test('predicted to be refused: refused, or a rule’s rejection that nobody waited for', () => {
  const host = { path: 'refused', way: null, target: null } as const;
  assert.is(agrees({ outcome: 'refused' }, host), true);
  assert.is(agrees({ outcome: 'unanswered' }, host), false, 'nothing was to reject it');
  assert.is(agrees({ outcome: 'unanswered' }, host, REJECT), true);
  assert.is(agrees({ outcome: 'unanswered' }, host, DROP), false);
  assert.is(agrees({ outcome: 'unanswered' }, host, POLICY), false);
  assert.is(agrees({ outcome: 'answered' }, host, REJECT), false, 'it was answered all the same');
  assert.is(agrees({ outcome: 'answered' }, host), false);
});

test('predicted to be dropped: by a rule where one was to, by anything else where none was', () => {
  const dropped = { path: 'dropped', way: null, target: null } as const;
  const seen = (reason: string | null, outcome: Connection['outcome'] = 'dropped') => ({
    outcome,
    drop: reason === null ? null : lost(reason),
  });
  assert.is(agrees(seen('NETFILTER_DROP'), dropped, DROP), true);
  assert.is(agrees(seen('NETFILTER_DROP'), dropped, POLICY), true);
  assert.is(agrees(seen('NETFILTER_DROP'), dropped), false);
  assert.is(agrees(seen('NETFILTER_DROP'), dropped, DNAT), false, 'the rule only led it there');
  assert.is(agrees(seen('NEIGH_FAILED'), dropped), true);
  assert.is(agrees(seen('NEIGH_FAILED'), dropped, DNAT), true);
  assert.is(agrees(seen('NEIGH_FAILED'), dropped, DROP), false);
  assert.is(agrees(seen('NETFILTER_DROP', 'unanswered'), dropped, DROP), true);
  assert.is(agrees(seen(null), dropped, DROP), null);
  assert.is(agrees(seen(null, 'unanswered'), dropped, DROP), null);
  for (const outcome of ['answered', 'refused', 'reset', 'stalled'] as const) {
    assert.is(agrees(seen(null, outcome), dropped, DROP), false, outcome);
  }
});

test('predicted to be served: what ended otherwise agrees only where something else may have ended it', () => {
  assert.is(agrees({ outcome: 'answered' }, {}), true);
  assert.is(agrees({ outcome: 'reset' }, {}), true);
  assert.is(agrees({ outcome: 'stalled' }, {}), true);
  assert.is(agrees({ outcome: 'refused' }, {}), false);
  assert.is(agrees({ outcome: 'unanswered' }, {}), null);
  assert.is(agrees({ outcome: 'dropped', drop: null }, {}), false);
  assert.is(agrees({ outcome: 'dropped', drop: lost('NETFILTER_DROP') }, {}), false);
  assert.is(agrees({ outcome: 'dropped', drop: lost('NEIGH_FAILED') }, {}), null);
});

test('the way: path, hook and rewritten address', () => {
  assert.is(agrees({ path: 'direct' }, {}), false);
  assert.is(agrees({ path: 'direct' }, { way: null }), true, 'no way was predicted');
  const nat = (hook: 'PREROUTING' | 'OUTPUT' | null, to = '172.17.0.2:6379') => ({
    nat: {
      hook,
      original: 'x → y',
      reply: `${to} → 198.51.100.2:40000`,
      target: to,
      sourceRewritten: false,
    },
  });
  assert.is(agrees(nat('PREROUTING'), {}), true);
  assert.is(agrees(nat('OUTPUT'), {}), false, 'it came from elsewhere');
  assert.is(agrees(nat('OUTPUT'), {}, null, BY_HOST), true);
  assert.is(agrees(nat('PREROUTING'), {}, null, BY_HOST), false);
  assert.is(agrees(nat(null), {}), true, 'the hook was not seen');
  assert.is(agrees(nat('PREROUTING', '172.17.0.9:6379'), {}), false);
  assert.is(agrees(nat('PREROUTING', '172.17.0.9:6379'), { target: null }), true);
  const direct = { path: 'direct', way: 'direct', target: '9.9.9.9:9' } as const;
  assert.is(agrees({ path: 'direct', ...nat('OUTPUT') }, direct), true, 'hooks are of DNAT');
});

test('what is stopped at the host shows no process: a relay that it was for does not contradict', () => {
  const seen = (path: Connection['path'], outcome: Connection['outcome']) => ({ path, outcome });
  for (const way of ['docker-proxy', 'relay'] as const) {
    assert.is(agrees(seen('host', 'refused'), { path: 'refused', way }), true, way);
    assert.is(
      agrees(
        { ...seen('host', 'dropped'), drop: lost('NETFILTER_DROP') },
        { path: 'dropped', way },
        DROP,
      ),
      true,
    );
    assert.is(agrees(seen('host', 'answered'), { path: way, way }), false);
    assert.is(agrees(seen('host', 'refused'), { path: way, way }), false, 'it was to be served');
    assert.is(agrees(seen('direct', 'refused'), { path: 'refused', way }), false);
    assert.is(agrees(seen('host', 'unanswered'), { path: 'dropped', way }, DROP), false);
  }
  assert.is(agrees(seen('host', 'refused'), { path: 'refused', way: 'dnat' }), false);
});

test.run();
