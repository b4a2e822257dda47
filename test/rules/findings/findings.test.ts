// Findings that no file of rules alone can show: each by the world in which it is true, and gone where it is not.

import * as assert from 'uvu/assert';
import type { Finding } from '../../../src/model/explain.js';
import type { RuleSet } from '../../../src/model/rules.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { findFaults } from '../../../src/rules/findings/findings.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { loadRules, makeWorld, predictRedis, readRules } from '../evaluate/worlds.js';

const test = suite('findings');

const PROXY = loadRules('docker-20.10-proxy.iptables');
const target = { address: '172.17.0.2', port: 6379 };
const mapping = { protocol: 'tcp', listens: { address: '0.0.0.0', port: 6379 }, target } as const;

function find(code: string, world: World): Finding | undefined {
  const predictions = predictRedis(world);
  const input = { world, mappings: [mapping], predictions, docker: true, complete: true };
  const found = findFaults(input).find((finding) => finding.code === code);
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

test('a client outside whom no rule takes comes through docker-proxy, and its address is lost', () => {
  const empty: RuleSet = {
    ...PROXY,
    tables: PROXY.tables.filter(({ name }) => name !== 'nat'),
  };
  const found = find('source-lost', makeWorld(empty, true));
  assert.match(found?.evidence ?? '', 'sees 172.17.0.1 instead');
});

test.run();
