/** A traced connection beside its prediction. */
import * as assert from 'uvu/assert';
import type { Predicted, Connection } from '../../src/model/report.js';
import type { RuleSurvey } from '../../src/model/survey.js';
import { agree, retrace } from '../../src/prove/predict/agreement.js';
import { findDifferences } from '../../src/prove/predict/differences.js';
import { predictAttempt } from '../../src/rules/evaluate/predict.js';
import { RuleIndex } from '../../src/rules/evaluate/rule-index.js';
import { suite } from '../support/suite.js';
import { UNSEEN } from '../support/unseen.js';
import { loadRules, makeWorld } from '../rules/evaluate/worlds.js';

const test = suite('prediction beside observation');

const world = makeWorld(loadRules('docker-20.10-proxy.iptables'), true);

function connect(change: Partial<Connection>): Connection {
  return {
    id: 1,
    protocol: 'tcp',
    proof: 'proven',
    path: 'dnat',
    outcome: 'answered',
    reason: '',
    client: { address: '198.51.100.2', port: 40000 },
    server: { address: '198.51.100.1', port: 6379 },
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
    clientNamespace: 'client',
    ...change,
  };
}

function predict(change: Partial<Connection>) {
  const connection = connect(change);
  const attempt = retrace(world, connection);
  if (!attempt) return null;
  const { prediction, deciding } = predictAttempt(world, new RuleIndex(world.rules), attempt);
  return { ...prediction, agrees: agree(connection, attempt, prediction, deciding) };
}

const at = (address: string, port = 40000) => ({ address, port });
const inner = at('172.17.0.2', 6379);
const nat = (hook: 'PREROUTING' | 'OUTPUT', to: string): Connection['nat'] => ({
  hook,
  original: 'x → y',
  reply: `${to} → 198.51.100.2:40000`,
  target: to,
  sourceRewritten: false,
});

test('each client is predicted from where it is', () => {
  const pathOf = (change: Partial<Connection>) => predict(change)?.path;
  assert.is(pathOf({}), 'dnat');
  const server = at('127.0.0.1', 6379);
  assert.is(pathOf({ clientNamespace: 'host', client: at('127.0.0.1'), server }), 'docker-proxy');
  assert.is(pathOf({ clientNamespace: 'other', client: at('172.17.0.4') }), 'docker-proxy');
  assert.is(pathOf({ clientNamespace: 'far', client: at('172.30.0.2'), server: inner }), 'dropped');
  assert.is(pathOf({ server: null }), undefined);
});

test('agreement is path, hook, rewritten address and fate', () => {
  const agrees = (change: Partial<Connection>) => predict(change)?.agrees;
  assert.is(agrees({}), true);
  assert.is(agrees({ nat: nat('PREROUTING', '172.17.0.2:6379') }), true);
  assert.is(agrees({ nat: nat('OUTPUT', '172.17.0.2:6379') }), false);
  assert.is(agrees({ nat: nat('PREROUTING', '172.17.0.9:6379') }), false);
  assert.is(agrees({ path: 'docker-proxy' }), false);
  assert.is(agrees({ path: 'docker-proxy', proof: 'inconclusive' }), null);
  assert.is(agrees({ outcome: 'dropped' }), false);
  assert.is(agrees({ outcome: 'refused' }), false);
  assert.is(agrees({ outcome: 'unanswered' }), null);
  assert.is(agrees({ outcome: 'reset' }), true);
  const lost = (reason: string) => ({ reason, function: 'f', after: 'ext0' }) as Connection['drop'];
  assert.is(agrees({ outcome: 'dropped', drop: lost('NETFILTER_DROP') }), false);
  assert.is(agrees({ outcome: 'dropped', drop: lost('NEIGH_FAILED') }), null);
  const far = { clientNamespace: 'far', client: at('172.30.0.2'), server: inner };
  const byRule = lost('NETFILTER_DROP');
  assert.is(agrees({ ...far, path: 'direct', outcome: 'dropped', drop: byRule }), true);
  const byOther = lost('NEIGH_FAILED');
  assert.is(agrees({ ...far, path: 'direct', outcome: 'dropped', drop: byOther }), false);
  assert.is(agrees({ ...far, path: 'direct', outcome: 'unanswered' }), null);
  assert.is(agrees({ ...far, path: 'direct' }), false);
});

test('a process that answers and one that hands on are not the same, nor are two relays', () => {
  const agrees = (path: Connection['path'], command: string) => {
    const connection = connect({ path });
    const host = makeWorld({ tables: [], notes: [] }, false, {
      sockets: [{ protocol: 'tcp', address: '0.0.0.0', port: 6379, pid: 7, command }],
    });
    const attempt = retrace(host, connection);
    if (!attempt) return undefined;
    const { prediction, deciding } = predictAttempt(host, new RuleIndex(host.rules), attempt);
    return agree(connection, attempt, prediction, deciding);
  };
  assert.is(agrees('host', 'nginx'), true);
  assert.is(agrees('relay', 'nginx'), false);
  assert.is(agrees('docker-proxy', 'nginx'), false);
  assert.is(agrees('relay', 'pasta.avx2'), true);
  assert.is(agrees('host', 'rootlesskit'), false);
});

const SURVEY: RuleSurvey = { rules: world.rules, complete: true, settings: null, changes: null };
const SYN = { flags: ['SYN'], leg: 'client' } as Connection['hops'][number];

function differ(
  change: Partial<Connection>,
  survey = SURVEY,
  byEnd = false,
  foretold: Partial<Predicted> = {},
) {
  const connection = connect({ hops: [SYN], ...change });
  const predicted = { path: 'dnat', way: 'dnat', why: 'a rule sends it', ...foretold } as Predicted;
  return findDifferences(
    [
      { connection, predicted, byEnd },
      { connection: { ...connection, id: 2 }, predicted, byEnd },
    ],
    { ...world, rules: survey.rules },
    survey,
  );
}

test('differences of one kind are one finding, with a likely cause', () => {
  const [finding, ...others] = differ({ path: 'docker-proxy' });
  assert.equal(others, []);
  assert.is(finding?.code, 'prediction-differs');
  assert.equal(finding?.connections, [1, 2]);
  assert.match(finding?.evidence ?? '', '#1 (and 1 more like it)');
  assert.match(finding?.evidence ?? '', 'seen docker-proxy, predicted dnat');
  const cause = (...parameters: Parameters<typeof differ>) => differ(...parameters)[0]?.remedy;
  assert.match(cause({ path: 'docker-proxy', hops: [] }) ?? '', 'conntrack -D');
  assert.match(cause({ path: 'docker-proxy', protocol: 'udp' }) ?? '', 'conntrack -L -p udp');
  assert.match(cause({ outcome: 'refused' }) ?? '', 'has ended since');
  const [first, ...tables] = world.rules.tables;
  const legacy = [{ ...first!, backend: 'iptables-legacy' as const }, ...tables];
  const both = { ...SURVEY, rules: { ...world.rules, tables: legacy } };
  assert.match(cause({ path: 'docker-proxy' }, both) ?? '', 'iptables-legacy-save');
  const without = { tables: world.rules.tables.filter(({ name }) => name !== 'nat'), notes: [] };
  const changed = { ...SURVEY, changes: { counted: [], rules: without } };
  const told = cause({ path: 'docker-proxy' }, changed, true) ?? '';
  assert.match(told, 'changed during the trace');
  assert.match(told, /removed "-A .* and \d+ more/);
});

test('the likely cause: by what was predicted, what came, and what is known of the rules', () => {
  const cause = (
    change: Partial<Connection>,
    foretold: Partial<Predicted> = {},
    survey = SURVEY,
  ): string => differ(change, survey, false, foretold)[0]?.remedy ?? '';
  const host = { path: 'host', way: 'host' } as const;
  const flags = (...names: string[]) => [{ ...SYN, flags: names }] as Connection['hops'];
  assert.match(
    cause({ path: 'host', outcome: 'answered' }, { path: 'refused', way: 'host' }),
    'begun to listen',
  );
  assert.match(cause({ path: 'host', outcome: 'refused' }, host), 'has ended since');
  assert.match(cause({ path: 'host', outcome: 'dropped' }, host), 'no rule of this host');
  assert.match(cause({ path: 'direct', outcome: 'refused' }, host), 'no rule of this host');
  assert.match(cause({ path: 'relay' }, host), 'hands on what it takes');
  assert.match(cause({ path: 'docker-proxy' }, host), 'hands on what it takes');
  assert.match(cause({ path: 'dnat' }, host), 'not read translates it');
  for (const path of ['refused', 'dropped'] as const) {
    assert.match(cause({ path: 'docker-proxy' }, { path, way: 'dnat' }), 'left over from another');
    assert.match(cause({ path: 'relay' }, { path, way: 'dnat' }), 'left over from another');
    assert.match(cause({ path: 'direct' }, { path, way: 'dnat' }), 'no rule of this host');
  }
  assert.match(cause({ path: 'relay' }, { path: 'unknown', way: 'dnat' }), 'no rule of this host');
  // Only a SYN of the client's own shows that it began behind the rules.
  assert.match(cause({ path: 'relay', hops: flags('SYN', 'ACK') }), 'conntrack -D');
  assert.match(cause({ path: 'relay', hops: flags('ACK') }), 'conntrack -D');
  const inner = [{ ...SYN, leg: 'container' }] as Connection['hops'];
  assert.match(cause({ path: 'relay', hops: inner }), 'conntrack -D');
  const changed = { ...SURVEY, changes: { counted: [], rules: world.rules } };
  assert.match(cause({ path: 'relay' }, {}, changed), 'have changed during the trace');
  const counted = { ...SURVEY, changes: { counted: [], rules: null } };
  assert.match(cause({ path: 'relay' }, host, counted), 'hands on what it takes');
});

test('differences of another kind are findings of their own', () => {
  const tell = (two: Partial<Connection>, foretold: Partial<Predicted> = {}): number => {
    const predicted = { path: 'dnat', way: 'dnat', why: 'a rule sends it' } as Predicted;
    const one = connect({ hops: [SYN], path: 'docker-proxy' });
    const other = { ...one, id: 2, ...two };
    const differences = [
      { connection: one, predicted, byEnd: false },
      { connection: other, predicted: { ...predicted, ...foretold }, byEnd: false },
    ];
    return findDifferences(differences, world, SURVEY).length;
  };
  assert.is(tell({}), 1);
  assert.is(tell({ client: at('198.51.100.7') }), 1, 'another client');
  assert.is(tell({ path: 'relay' }), 2);
  assert.is(tell({ server: at('198.51.100.1', 9) }), 2);
  assert.is(tell({ hops: [] }), 2, 'another cause');
  assert.is(tell({}, { path: 'dropped' }), 2);
  assert.is(tell({}, { why: 'another rule' }), 2);
  assert.equal(findDifferences([], world, SURVEY), []);
});

test.run();
