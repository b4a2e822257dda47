/** Rules of devices and bridges: which packets meet them, and where. */
import * as assert from 'uvu/assert';
import type { Chain, Hook, Rule, Table } from '../../../src/model/rules.js';
import type { TrialPacket } from '../../../src/rules/evaluate/packet.js';
import { suite } from '../../support/suite.js';
import { base, DROP, meet, rule, ruleSet, table, when, type Met } from './packets.js';

const test = suite('rules below those of addresses');

const UNKNOWN = rule(when({ on: 'unknown', text: 'x' }), DROP);

function layer(
  family: Table['family'],
  hook: Hook,
  { devices, rules = [rule(DROP)] }: { devices?: readonly string[]; rules?: Rule[] } = {},
): Table {
  const chain: Chain = base(`${family}-${hook}`, hook, rules);
  const own = chain.base && devices ? { ...chain.base, devices } : chain.base;
  return table('t', [{ ...chain, base: own }], { family, backend: 'nftables' });
}

function tell({ end, doubts }: Met): string {
  return `${end.verdict}${doubts.length > 0 ? `, ${doubts.length} open` : ''}`;
}

const at = (own: Table, hook: Hook, change: Partial<TrialPacket> = {}): string =>
  tell(meet(ruleSet(own), hook, change));

test('ingress of a device: what comes in by it, and nothing else', () => {
  const ingress = layer('netdev', 'ingress', { devices: ['ext0'] });
  assert.is(at(ingress, 'prerouting'), 'drop');
  assert.is(at(ingress, 'prerouting', { inDevice: 'docker0' }), 'accept');
  assert.is(at(ingress, 'prerouting', { inDevice: null }), 'accept');
  assert.is(at(ingress, 'input'), 'accept', 'it was met before');
  assert.is(at(ingress, 'postrouting', { outDevice: 'ext0' }), 'accept');
});

test('egress of a device: what leaves by it, behind all other rules', () => {
  const egress = layer('netdev', 'egress', { devices: ['ext0'] });
  assert.is(at(egress, 'postrouting', { outDevice: 'ext0' }), 'drop');
  assert.is(at(egress, 'postrouting', { outDevice: 'docker0' }), 'accept');
  assert.is(at(egress, 'postrouting', { outDevice: null }), 'accept');
  assert.is(at(egress, 'prerouting'), 'accept');
  assert.is(at(egress, 'output', { outDevice: 'ext0' }), 'accept');
  const both = ruleSet(egress, table('filter', [base('P', 'postrouting', [rule(DROP)])]));
  assert.is(meet(both, 'postrouting', { outDevice: 'ext0' }).end.by?.chain.name, 'P');
});

test('a chain whose device is not named may be of any', () => {
  assert.is(at(layer('netdev', 'ingress'), 'prerouting'), 'accept, 1 open');
  const open = meet(ruleSet(layer('netdev', 'ingress')), 'prerouting', {}, { decide: true });
  assert.is(tell(open), 'drop, 1 open');
});

test('rules of a bridge: what comes in by it on its way up, and what leaves by it', () => {
  const by = (hook: Hook, inDevice: string): string =>
    at(layer('bridge', hook), 'prerouting', { inDevice });
  assert.equal([by('prerouting', 'docker0'), by('input', 'docker0')], ['drop', 'drop']);
  assert.equal([by('prerouting', 'ext0'), by('input', 'ext0')], ['accept', 'accept']);
  assert.equal([by('forward', 'docker0'), by('output', 'docker0')], ['accept', 'accept']);
  const from = (hook: Hook, outDevice: string): string =>
    at(layer('bridge', hook), 'postrouting', { outDevice });
  assert.equal([from('output', 'docker0'), from('postrouting', 'docker0')], ['drop', 'drop']);
  assert.equal([from('output', 'ext0'), from('postrouting', 'ext0')], ['accept', 'accept']);
  assert.equal([from('input', 'docker0'), from('forward', 'docker0')], ['accept', 'accept']);
});

test('a bridge is known by its ports there: rules that name the bridge itself never hold', () => {
  const named = rule(when({ on: 'in-device', names: ['docker0'] }), DROP);
  const port = rule(when({ on: 'in-device', names: ['veth1'] }), DROP);
  const by = (own: Rule): string =>
    at(layer('bridge', 'prerouting', { rules: [own] }), 'prerouting', { inDevice: 'docker0' });
  assert.is(by(named), 'accept');
  assert.is(by(port), 'accept, 1 open');
  const { packet } = meet(ruleSet(layer('bridge', 'prerouting', { rules: [] })), 'prerouting', {
    inDevice: 'docker0',
  });
  assert.is(packet.inDevice, 'docker0', 'the rules of addresses see the bridge');
});

test('from port to port: ingress, then the bridge, then egress', () => {
  const cross = (own: Table): string | null => {
    const { walk, packet } = meet(ruleSet(own), 'input', {
      inDevice: 'docker0',
      outDevice: 'docker0',
    });
    const end = walk.cross(packet);
    if (end === null) assert.equal([packet.inDevice, packet.outDevice], ['docker0', 'docker0']);
    return end?.verdict ?? null;
  };
  for (const hook of ['prerouting', 'forward', 'postrouting'] as const) {
    assert.is(cross(layer('bridge', hook)), 'drop', hook);
  }
  for (const hook of ['input', 'output'] as const) {
    assert.is(cross(layer('bridge', hook)), null, hook);
  }
  assert.is(cross(layer('netdev', 'ingress', { devices: ['docker0'] })), null, 'of no port');
  assert.is(cross(layer('bridge', 'forward', { rules: [] })), null);
  const open = meet(ruleSet(layer('bridge', 'forward', { rules: [UNKNOWN] })), 'input');
  assert.is(open.walk.cross(open.packet), null);
  assert.is(open.doubts.length, 1);
});

test.run();
