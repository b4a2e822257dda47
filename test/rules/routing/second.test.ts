/** Second look-ups and second packets: routes after OUTPUT, frames that NAT sends back over a bridge, messages of refusal, SYNs again. */
import * as assert from 'uvu/assert';
import type { LinkFacts } from '../../../src/model/routing.js';
import type { Prediction } from '../../../src/model/explain.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { predictRedis, readRules } from '../evaluate/worlds.js';
import { makeRouted, PORT, port, type Extra } from './worlds.js';

const test = suite('second look-ups and second packets');

const DOCKER = readRules('docker-20.10-no-proxy.iptables');
const NEIGHBOUR = 'same-bridge: container other → 172.17.0.1:6379';
const OUTSIDE = 'outside: outside → 198.51.100.1:6379';
const OWN = 'own-address: host → 198.51.100.1:6379';
const STRAIGHT = 'container-address: host → 172.17.0.2:6379';

function predictWith(host: Extra, rules = '', nft = ''): Map<string, Prediction> {
  const world = makeRouted(host);
  const tables = [parseSaved(rules + DOCKER, 'x'), parseNft(nft, 'x')].flatMap((set) => set.tables);
  return tell({ ...world, rules: { tables, notes: [] } });
}

function tell(world: World): Map<string, Prediction> {
  const told = predictRedis(world, { client: '198.51.100.2' });
  return new Map(told.map((one) => [`${one.vantage}: ${one.from} → ${one.to}`, one]));
}

function expect(told: Map<string, Prediction>, way: string, path: string, why?: RegExp): void {
  const seen = told.get(way);
  assert.is(seen?.path, path, `${way}: ${seen?.why ?? 'nothing'}`);
  if (why) assert.match(seen?.why ?? '', why);
}

test('a route that refuses: who dials hears of it, unless a rule sent the packet there', () => {
  for (const type of ['prohibit', 'unreachable', 'blackhole']) {
    const told = predictWith({ routes: [{ type, dst: '172.17.0.2' }] });
    expect(told, OWN, 'dropped', /a rule sends it to 172\.17\.0\.2:6379, but the route/);
    expect(told, STRAIGHT, type === 'blackhole' ? 'dropped' : 'refused');
    expect(told, OUTSIDE, type === 'blackhole' ? 'dropped' : 'refused');
  }
});

test('the message of a refusal needs a route as well', () => {
  const rules = [{ priority: 9, src: 'all', dst: '172.17.0.2', action: 'prohibit' }];
  const back = { priority: 8, src: 'all', dst: '198.51.100.2', iif: 'lo', action: 'blackhole' };
  expect(predictWith({ rules }), OUTSIDE, 'refused');
  expect(
    predictWith({ rules: [...rules, back] }),
    OUTSIDE,
    'dropped',
    /the message that says so does not arrive: the routing rule/,
  );
  const wall = '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp --dport 6379 -j REJECT\nCOMMIT\n';
  expect(predictWith({}, wall), OUTSIDE, 'refused');
  expect(predictWith({ rules: [back] }, wall), OUTSIDE, 'dropped');
  const away = { ...back, action: undefined, table: '7' };
  const routes = [{ dst: 'default', dev: 'wg0', table: '7' }];
  expect(predictWith({ rules: [away], routes }, wall), OUTSIDE, 'unknown', /it leaves by wg0/);
});

test('the route of a message is looked up before it has a source, unless it comes from the address that was dialled', () => {
  const rule = { priority: 8, src: '198.51.100.1', iif: 'lo', action: 'blackhole' };
  const refusing = (chain: string): string =>
    `*filter\n:${chain} ACCEPT [0:0]\n-A ${chain} -p tcp --dport 6379 -j REJECT\nCOMMIT\n`;
  const through = predictWith({ rules: [rule] }, refusing('FORWARD'));
  expect(through, OUTSIDE, 'refused');
  const inside = { ...makeRouted({ rules: [rule] }), rules: parseSaved(refusing('INPUT'), 'x') };
  expect(tell(inside), OUTSIDE, 'dropped', /the message that says so does not arrive/);
});

test('a mark of OUTPUT changes the route where the chain is of the type that looks again', () => {
  const rules = [{ priority: 9, src: 'all', fwmark: '0x7', table: '7' }];
  const routes = [{ type: 'blackhole', dst: 'default', table: '7' }];
  const chain = (type: string, priority: number): string =>
    `table ip m { chain o { type ${type} hook output priority ${priority}; tcp dport 6379 meta mark set 0x7; }; }`;
  const told = (text: string): Map<string, Prediction> => predictWith({ rules, routes }, '', text);
  expect(told(chain('route', -150)), STRAIGHT, 'dropped');
  expect(told(chain('filter', -150)), STRAIGHT, 'direct');
  // NAT looks again, with the mark of then.
  expect(told(chain('filter', -150)), OWN, 'dropped');
  expect(told(chain('filter', 0)), OWN, 'dnat');
  const mangle =
    '*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp --dport 6379 -j MARK --set-mark 0x7\nCOMMIT\n';
  expect(predictWith({ rules, routes }, mangle), STRAIGHT, 'dropped');
});

/** Both containers' wires, and the bridge. */
function wired(change: Partial<LinkFacts>): Map<string, Prediction> {
  const world = makeRouted({
    routing: {
      links: [port(change), { ...port(change), name: 'veth2', ifindex: 8, parent: 10 }],
    },
  });
  const redis = world.containers.find(({ name }) => name === 'redis');
  const inside = redis?.inside;
  if (!inside?.routing) throw new Error('no inside');
  const links = inside.routing.facts.links.map((link) =>
    link.name === 'eth0' ? { ...link, ifindex: 10, parent: 8 } : link,
  );
  const text = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll('172.17.0.2', '172.17.0.4'));
  const { facts, values } = inside.routing;
  const other: World = {
    ...inside,
    devices: text(inside.devices) as World['devices'],
    routing: {
      facts: { ...facts, links, routes: text(facts.routes) as typeof facts.routes },
      values,
    },
    sockets: [],
  };
  const containers = world.containers.map((one) =>
    one.name === 'other' ? { ...one, inside: other } : one,
  );
  return tell({ ...world, containers, rules: parseSaved(DOCKER, 'x') });
}

test('what DNAT turns back over its bridge passes ports, and not routes', () => {
  expect(wired({}), NEIGHBOUR, 'dnat');
  expect(
    wired({ port: { ...PORT, isolated: true } }),
    NEIGHBOUR,
    'dropped',
    /isolated ports of docker0/,
  );
  const self = 'self: container redis → 172.17.0.1:6379';
  expect(wired({ port: { ...PORT, hairpin: true } }), self, 'dnat');
  expect(wired({ port: { ...PORT, hairpin: true, isolated: true } }), self, 'dropped', /isolated/);
  const rules = [{ priority: 9, src: 'all', ipproto: 'tcp', sport: 6379, action: 'blackhole' }];
  const told = predictWith({ rules });
  expect(told, OUTSIDE, 'dropped', /its answer does not arrive/);
});

test('a SYN that is sent again meets the rules for known connections', () => {
  const rule = (words: string): string =>
    `*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD ${words}\nCOMMIT\n`;
  const known = '-m conntrack --ctstate ESTABLISHED';
  expect(
    predictWith({}, rule(`${known} -j REJECT`)),
    OUTSIDE,
    'refused',
    /rejects what follows it in FORWARD when it asks again/,
  );
  expect(predictWith({}, rule(`${known} -j DROP`)), OUTSIDE, 'dropped');
  expect(predictWith({}, rule(`-i docker0 ${known} -j REJECT`)), OUTSIDE, 'dropped');
  // Conntrack has not seen what is lost before it.
  const raw = '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i docker0 -j DROP\nCOMMIT\n';
  expect(predictWith({}, raw + rule(`${known} -j REJECT`)), OUTSIDE, 'dropped');
});

test.run();
