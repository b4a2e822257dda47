/** Connections beside their predictions: the deciding rule, its counter, differences, and the faults behind them. */
import * as assert from 'uvu/assert';
import type { Connection, ReportFinding } from '../../src/model/report.js';
import type { RuleSet } from '../../src/model/rules.js';
import type { RuleSurvey } from '../../src/model/survey.js';
import type { TraceHeader } from '../../src/model/trace.js';
import { correlate } from '../../src/correlate/connections.js';
import { sketchTraced } from '../../src/prove/sketch-live.js';
import { namePlaces } from '../../src/prove/hops/places.js';
import { ConnectionStore, KeptConnection } from '../../src/prove/kept-connection.js';
import { predict } from '../../src/prove/predict/predict.js';
import { parseSaved } from '../../src/rules/read/iptables.js';
import { talkThroughNat } from '../support/stories.js';
import { at, HOST, PUBLISHED, Story, TARGET } from '../support/story.js';
import { suite } from '../support/suite.js';
import { UNSEEN } from '../support/unseen.js';

const test = suite('reports beside predictions');

const SKIP = '[4:240] -A DOCKER -s 203.0.113.0/24 -j RETURN';
const LEADS =
  '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:6379';

function writeRules(...docker: string[]): RuleSet {
  const lines = [
    ...['*nat', ':PREROUTING ACCEPT [0:0]', ':DOCKER - [0:0]'],
    '[9:540] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
    ...docker,
    ...['COMMIT', '*filter', ':FORWARD ACCEPT [0:0]', 'COMMIT', ''],
  ];
  return parseSaved(lines.join('\n'), 'test');
}

const RULES = writeRules(SKIP, `[2:120] ${LEADS}`);
const SETTINGS: RuleSurvey['settings'] = {
  values: new Map([
    ['ipv4/ip_forward', '1'],
    ['bridge/bridge-nf-call-iptables', '1'],
  ]),
  routes: [],
};

function headerOf(change: Partial<RuleSurvey> = {}, more: Partial<TraceHeader> = {}): TraceHeader {
  const { header } = new Story().trace();
  const survey = { rules: RULES, complete: true, settings: SETTINGS, changes: null, ...change };
  return { ...header, survey, ...more };
}

function connect(change: Partial<Connection> = {}): Connection {
  return {
    id: 1,
    protocol: 'tcp',
    proof: 'proven',
    path: 'dnat',
    outcome: 'answered',
    reason: '',
    client: at('198.51.100.2#40000'),
    server: at(PUBLISHED),
    container: { ...at(TARGET), name: 'redis' },
    ...UNSEEN,
    nat: null,
    relay: null,
    drop: null,
    why: 'seen',
    evidence: [],
    hops: [],
    hopsOmitted: 0,
    bytes: { fromClient: 0, fromServer: 0 },
    processes: { client: null, server: null },
    clientNamespace: 'client',
    ...change,
  };
}

interface Told {
  readonly connections: readonly Connection[];
  readonly findings: readonly ReportFinding[];
}

function tell(change: Partial<RuleSurvey>, ...connections: Connection[]): Told {
  const report = predict(headerOf(change), connections);
  assert.ok(report);
  return { connections: report.connections, findings: report.findings ?? [] };
}

const one = (change: Partial<RuleSurvey> = {}, of: Partial<Connection> = {}): Connection => {
  const [told] = tell(change, connect(of)).connections;
  assert.ok(told);
  return told;
};

const codesOf = (change: Partial<RuleSurvey>, ...connections: Connection[]): string[] =>
  tell(change, ...connections).findings.map(({ code }) => code);

test('without rules nothing is predicted', () => {
  assert.is(predict(new Story().trace().header, [connect()]), null);
});

test('what came as predicted names the rule that decided, and where it stands', () => {
  const { predicted, why, evidence } = one();
  assert.equal([predicted?.path, predicted?.agrees], ['dnat', true]);
  assert.is(predicted?.target, '172.17.0.2:6379');
  assert.is(predicted?.rule, LEADS);
  assert.equal(predicted?.at, {
    backend: RULES.tables[0]?.backend,
    family: 'ip',
    table: 'nat',
    chain: 'DOCKER',
  });
  assert.ok(why !== 'seen' && why?.includes(LEADS), String(why));
  assert.equal(evidence, [], 'its counter was not read again');
  assert.equal(codesOf({}, connect()), []);
});

const counted = (packets: number, rule = LEADS): RuleSurvey['changes'] => ({
  rules: null,
  counted: [
    {
      backend: RULES.tables[0]?.backend ?? 'nftables',
      family: 'ip',
      table: 'nat',
      chain: 'DOCKER',
      rule,
      packets,
    },
  ],
});

test('the rule’s counter is a second witness: it grew, or it is not known to have', () => {
  const holds = (changes: RuleSurvey['changes'], of: Partial<Connection> = {}, rules = RULES) =>
    one({ changes, rules }, of).evidence.map(({ code, holds: held, claim }) => [
      code,
      held,
      claim.includes('3'),
    ]);
  assert.equal(holds(counted(3)), [['rule-counted', true, true]]);
  assert.equal(holds(counted(3, 'another')), [['rule-counted', null, false]]);
  assert.equal(holds({ counted: [], rules: null }), [['rule-counted', null, false]]);
  assert.equal(holds(counted(3), { path: 'direct' }), [], 'it came otherwise');
  assert.equal(holds(counted(3), { proof: 'inconclusive' }), [], 'nobody knows how it came');
  assert.equal(holds(counted(3), {}, writeRules(SKIP, LEADS)), [], 'the rule counts nothing');
});

test('evidence is added behind what there is', () => {
  const first = { code: 'same-packet', claim: 'c', holds: true, events: [1] } as const;
  const { evidence } = one({ changes: counted(3) }, { evidence: [{ ...first, events: [1] }] });
  assert.equal(
    evidence.map(({ code }) => code),
    ['same-packet', 'rule-counted'],
  );
});

/** A process listens for the published port as docker-proxy does; a rule in the way lets its clients through to it. */
function proxied(rule: string, path: Connection['path'] = 'docker-proxy'): Connection {
  const { header } = new Story().trace();
  const relays = [
    {
      pid: 40,
      command: 'docker-proxy',
      arguments: [],
      protocol: 'tcp' as const,
      listens: at('0.0.0.0#8080'),
      target: at(TARGET),
    },
  ];
  const listener = {
    protocol: 'tcp' as const,
    local: at('0.0.0.0#8080'),
    namespace: HOST,
    pid: 40,
    command: 'docker-proxy',
  };
  const topology = { ...header.topology, relays, listeners: [listener] };
  const changes = { ...counted(3, rule), rules: null } as RuleSurvey['changes'];
  const survey = { rules: writeRules(`[2:120] ${rule}`), changes };
  const report = predict(headerOf(survey, { topology }), [connect({ path })]);
  const [told] = report?.connections ?? [];
  assert.ok(told);
  return told;
}

test('for a relay a rule is a witness only where it took the packet itself', () => {
  const takes = proxied('-A DOCKER -p tcp -m tcp --dport 8080 -j RETURN');
  assert.is(takes.predicted?.path, 'docker-proxy', takes.predicted?.why);
  assert.equal(
    takes.evidence.map(({ code }) => code),
    ['rule-counted'],
  );
  const passes = proxied('-A DOCKER -i docker0 -p tcp -m tcp --dport 8080 -j RETURN');
  assert.equal(passes.evidence, []);
});

test('what came otherwise is a finding, once for all that are alike, and takes no reason from the rules', () => {
  const direct = (id: number): Connection => connect({ id, path: 'direct' });
  const { connections, findings } = tell({}, direct(1), direct(2));
  assert.equal(
    connections.map(({ why, predicted }) => [why, predicted?.agrees]),
    [
      ['seen', false],
      ['seen', false],
    ],
  );
  assert.equal(
    findings.map(({ code, connections: ids }) => [code, ids]),
    [['prediction-differs', [1, 2]]],
  );
});

test('where the rules of the end tell how it came, they say why', () => {
  const rules = writeRules(SKIP, LEADS.replace('172.17.0.2', '172.17.0.3'));
  const nat: Connection['nat'] = {
    hook: 'PREROUTING',
    original: 'x → y',
    sourceRewritten: false,
    reply: '172.17.0.2:6379 → 198.51.100.2:40000',
    target: '172.17.0.2:6379',
  };
  const changed = { rules, changes: { counted: [], rules: RULES } };
  const told = one(changed, { nat });
  assert.is(told.predicted?.agrees, false, 'as the rules were it would have gone elsewhere');
  assert.ok(told.why?.includes(LEADS), String(told.why));
  const [finding] = tell(changed, connect({ nat })).findings;
  assert.match(finding?.remedy ?? '', 'changed during the trace');
  const still = one({ rules, changes: { counted: [], rules } }, { nat });
  assert.not(still.why?.includes(LEADS));
});

test('where not all rules were read, nothing is foretold', () => {
  const { predicted, why } = one({ complete: false });
  assert.equal([predicted?.path, predicted?.agrees, predicted?.at], ['unknown', null, null]);
  assert.is(why, 'seen');
  assert.equal(codesOf({ complete: false }, connect({ path: 'direct' })), []);
});

test('what was dialled is not known: nothing is foretold of it, and it stays as it was', () => {
  const unknown = connect({ server: null });
  const { connections, findings } = tell({}, unknown);
  assert.is(connections[0], unknown);
  assert.equal(findings, []);
});

/** The container's sockets are known, and none listens. */
const DEAF: TraceHeader = (() => {
  const header = headerOf();
  return { ...header, topology: { ...header.topology, listeners: [], listened: true } };
})();

test('a fault is told of the connections that failed of it, and of no others', () => {
  const refused = (id: number, change: Partial<Connection> = {}): Connection =>
    connect({
      id,
      outcome: 'refused',
      end: { by: 'server', how: 'rst', rule: null, cause: 'not-listening' },
      ...change,
    });
  const told = (...connections: Connection[]): unknown[] =>
    (predict(DEAF, connections)?.findings ?? [])
      .filter(({ code }) => code === 'nothing-listens')
      .map(({ connections: ids }) => ids);
  assert.equal(told(connect({ id: 1 }), refused(2), refused(3)), [[2, 3]]);
  assert.equal(told(connect()), [], 'nothing failed');
  const other = { container: { ...at('172.17.0.9#6379'), name: 'other' } };
  assert.equal(told(refused(1, other)), [], 'another container’s');
});

test('a connection that is packed stays packed, and says the same when somebody looks', () => {
  const { header, events } = talkThroughNat().trace();
  const packer = {
    pack: (text: string) => new TextEncoder().encode(text),
    unpack: (packed: Uint8Array) => new TextDecoder().decode(packed),
  };
  const whole = { sealed: true, lostEvents: 0, truncated: false, notes: [] };
  const store = new ConnectionStore(packer, whole);
  const context = { header, places: namePlaces(header.topology), functions: null, limit: 64 };
  for (const traced of correlate(events, header).connections) {
    store.add(sketchTraced(traced, context), [0, 0]);
  }
  const [kept] = store.list(whole).map(({ connection }) => connection);
  assert.ok(kept instanceof KeptConnection);
  for (const change of [{}, { changes: counted(3) }, { rules: writeRules(SKIP) }]) {
    const [packed, plain] = [kept, kept.toJSON()].map(
      (connection) => tell(change, connection).connections[0],
    );
    assert.ok(packed instanceof KeptConnection);
    assert.equal(packed.predicted, plain?.predicted);
    assert.equal(JSON.parse(JSON.stringify(packed)), JSON.parse(JSON.stringify(plain)));
  }
});

test('the rule that stopped it is named at its end, packed or not', () => {
  const reject = '-A FORWARD -d 172.17.0.2/32 -p tcp -j REJECT';
  const lines = ['*filter', ':FORWARD ACCEPT [0:0]', `[1:60] ${reject}`, 'COMMIT', ''];
  const rules: RuleSet = {
    ...RULES,
    tables: [
      ...RULES.tables.filter(({ name }) => name === 'nat'),
      ...parseSaved(lines.join('\n'), 'test').tables,
    ],
  };
  const end = { by: 'host', how: 'icmp', rule: null, cause: 'rejected' } as const;
  const told = one({ rules }, { outcome: 'refused', end });
  assert.equal([told.predicted?.path, told.predicted?.agrees], ['refused', true]);
  assert.equal(told.end, { ...end, rule: reject, at: { table: 'filter', chain: 'FORWARD' } });
  assert.is(one({ rules }, { outcome: 'refused' }).end.rule, null, 'nobody saw that a rule did it');
});

test.run();
