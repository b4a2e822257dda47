/** Findings that no rule file alone can show: each is there in the world in which it is true, and gone in another. */
import * as assert from 'uvu/assert';
import type { Finding } from '../../../src/model/explain.js';
import type { RuleSet } from '../../../src/model/rules.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { findFaults } from '../../../src/rules/findings/findings.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { writeFinding } from '../../../src/words/findings.js';
import { suite } from '../../support/suite.js';
import { predictWays } from '../../../src/rules/evaluate/predict.js';
import { loadRules, makeWorld, readRules } from '../evaluate/worlds.js';

const test = suite('findings');

const PROXY = loadRules('docker-20.10-proxy.iptables');
const target = { address: '172.17.0.2', port: 6379 };
const mapping = { protocol: 'tcp', listens: { address: '0.0.0.0', port: 6379 }, target } as const;

function find(code: string, world: World): Finding | undefined {
  const [container = null] = world.containers;
  const foresight = predictWays(world, [{ mapping, container, client: null }]);
  const input = { world, mappings: [mapping], ...foresight, docker: true, complete: true };
  const found = findFaults(input)
    .map(writeFinding)
    .find((finding) => finding.code === code);
  if (found) {
    assert.ok(found.evidence.length > 10, found.evidence);
    assert.ok(found.remedy.length > 10, found.remedy);
  }
  return found;
}

test('a host in order has none of them', () => {
  const world = makeWorld(PROXY, true);
  for (const code of ['bridge-nf-off', 'nothing-listens', 'firewall-drop', 'source-lost']) {
    assert.is(find(code, world), undefined, code);
  }
});

test('bridge-nf-call-iptables is off and there is no docker-proxy: replies come from the wrong address', () => {
  const off = { ...makeWorld(PROXY, true).settings, bridgeCalls4: false };
  const rules = loadRules('docker-20.10-no-proxy.iptables');
  const found = find('bridge-nf-off', makeWorld(rules, false, { settings: off }));
  assert.match(found?.evidence ?? '', 'net.bridge.bridge-nf-call-iptables is off');
  assert.match(found?.remedy ?? '', 'modprobe br_netfilter');
  assert.is(find('bridge-nf-off', makeWorld(PROXY, true, { settings: off })), undefined);
});

test('nothing listens in the container', () => {
  const place = { bridge: 'docker0', address: '172.17.0.2' };
  const containers = [{ name: 'redis', places: [place], sockets: [] }];
  const found = find('nothing-listens', makeWorld(PROXY, true, { containers }));
  assert.match(found?.evidence ?? '', 'nothing in redis listens on tcp port 6379');
  assert.match(found?.remedy ?? '', 'docker logs redis');
});

test('a firewall that is not the engine’s drops what is forwarded', () => {
  const text = readRules('docker-20.10-proxy.iptables');
  const line = '-A DOCKER-USER -p tcp -m tcp --dport 6379 -j DROP';
  const rules: RuleSet = parseSaved(text.replace('-A DOCKER-USER -j RETURN', line), 'test');
  const found = find('firewall-drop', makeWorld(rules, true));
  assert.match(found?.evidence ?? '', line);
  assert.match(found?.remedy ?? '', 'no rule of the engine');
});

const TEXT = readRules('docker-20.10-proxy.iptables').replaceAll(/^\[\d+:\d+\] /gm, '');
/** The engine's rules with more before the last line of their table filter, or of their table nat. */
const beside = (filter: string, nat = ''): World =>
  makeWorld(
    parseSaved(
      TEXT.replace('-A DOCKER-USER -j RETURN', filter).replace(/(\*nat\n(?::.*\n)*)/, `$1${nat}`),
      'test',
    ),
    true,
  );

test('a drop is found by its rule, not by its words: one of the answer, and one that says so in a comment', () => {
  const answer = '-A DOCKER-USER -s 172.17.0.2/32 -p tcp -m tcp --sport 6379 -j DROP';
  assert.match(find('firewall-drop', beside(answer))?.evidence ?? '', answer);
  const harmless = '-A DOCKER-USER -p udp -m comment --comment "drops it" -j DROP';
  assert.is(find('firewall-drop', beside(harmless)), undefined);
  const ufw =
    ':ufw-user-forward - [0:0]\n-A DOCKER-USER -j ufw-user-forward\n-A ufw-user-forward -d 172.17.0.2/32 -j DROP';
  assert.match(find('firewall-drop', beside(ufw))?.remedy ?? '', 'ufw route allow');
  const guard =
    '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP\nCOMMIT\n';
  assert.is(find('firewall-drop', makeWorld(parseSaved(guard + TEXT, 'test'), true)), undefined);
});

test('what masquerades everything hides the client; what names the device that leads out does not', () => {
  const found = find('source-masqueraded', beside('', '-A POSTROUTING -j MASQUERADE\n'));
  assert.match(
    found?.evidence ?? '',
    /"-A POSTROUTING -j MASQUERADE".*the container sees 172\.17\.0\.1/,
  );
  assert.is(
    find('source-masqueraded', beside('', '-A POSTROUTING -o wg0 -j MASQUERADE\n')),
    undefined,
  );
});

test('ufw is loaded, and what is published does not meet it; unless it drops what is forwarded', () => {
  const ufw = (more: string): World =>
    beside(
      `:ufw-user-input - [0:0]\n-A INPUT -j ufw-user-input\n-A ufw-user-input -j DROP\n${more}`,
    );
  const found = find('firewall-bypassed', ufw(''));
  assert.is(found?.severity, 'note');
  assert.match(found?.evidence ?? '', /^ufw is loaded, .* passes FORWARD/);
  assert.is(find('firewall-bypassed', ufw('-A DOCKER-USER -j DROP')), undefined);
  assert.is(find('firewall-bypassed', makeWorld(PROXY, true)), undefined);
});

test('bans of fail2ban in INPUT, and in DOCKER-USER', () => {
  const jail = (chain: string, ports: string): string =>
    `:f2b-web - [0:0]\n-A ${chain} -p tcp -m multiport --dports ${ports} -j f2b-web\n-A f2b-web -s 203.0.113.9/32 -j REJECT`;
  const found = find('bans-bypassed', beside(jail('INPUT', '80,6379')));
  assert.match(found?.evidence ?? '', /-j f2b-web" in chain INPUT bans for port 6379/);
  assert.is(find('bans-bypassed', beside(jail('INPUT', '22'))), undefined);
  assert.is(find('bans-bypassed', beside(jail('DOCKER-USER', '6379'))), undefined);
});

test('rules of the other backend that are loaded, and were not read', () => {
  const other = '# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n';
  const made = TEXT.replace(/^# Generated.*$/m, '# Generated by iptables-nft-save v1.8.9');
  const nft = parseSaved(made + other, 'test');
  const tables = nft.tables.map((table) => ({ ...table, backend: 'iptables-nft' as const }));
  const found = find('two-backends', makeWorld({ ...nft, tables }, true));
  assert.match(found?.evidence ?? '', 'tables not read');
  // A sentence alone says nothing.
  const said = { tables, notes: nft.notes };
  assert.is(find('two-backends', makeWorld(said, true)), undefined);
});

test('a client outside whom no rule takes comes through docker-proxy, and its address is lost', () => {
  const empty: RuleSet = {
    ...PROXY,
    tables: PROXY.tables.filter(({ name }) => name !== 'nat'),
  };
  const found = find('source-lost', makeWorld(empty, true));
  assert.match(found?.evidence ?? '', 'sees 172.17.0.1 instead');
});

test.run();
