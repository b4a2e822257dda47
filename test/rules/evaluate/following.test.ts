/**
 * After the first packet: a rule that matches only the answer, or only later packets, ends the connection in its hook.
 */
import * as assert from 'uvu/assert';
import type { Prediction } from '../../../src/model/explain.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { suite } from '../../support/suite.js';
import { makeWorld, predictRedis, redis } from './worlds.js';

const test = suite('turns of a connection');

const NAT = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379
-A OUTPUT -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379
COMMIT
`;
const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

function predictions(rule: string, nat = NAT): readonly Prediction[] {
  const chains = HOOKS.map((hook) => `:${hook} ACCEPT [0:0]\n`).join('');
  const rules = parseSaved(`${nat}*mangle\n${chains}${rule}\nCOMMIT\n`, 'test');
  const world = makeWorld(rules, false, nat === '' ? { sockets: [redis()] } : {});
  return predictRedis(world);
}

/** The path of a vantage, with the given rule in the table mangle. */
function path(vantage: string, rule: string, nat = NAT): string | undefined {
  return predictions(rule, nat).find((one) => `${one.vantage} ${one.from}`.startsWith(vantage))
    ?.path;
}

const SYN = '-p tcp -m tcp --tcp-flags SYN,ACK SYN';
const ANSWER = '-p tcp -m tcp --tcp-flags SYN,ACK,FIN SYN,ACK';
const LATER = '-p tcp -m tcp --tcp-flags SYN,ACK ACK';

test('through the host: both ways pass PREROUTING, FORWARD and POSTROUTING, by their devices', () => {
  const outside = (rule: string): string | undefined => path('outside', rule);
  assert.is(outside(''), 'dnat');
  const passes: [string, string, string][] = [
    ['PREROUTING', '-i ext0', '-i docker0'],
    ['FORWARD', '-i ext0 -o docker0', '-i docker0 -o ext0'],
    ['POSTROUTING', '-o docker0', '-o ext0'],
  ];
  for (const [hook, there, back] of passes) {
    assert.is(outside(`-A ${hook} ${there} ${SYN} -j DROP`), 'dropped', hook);
    assert.is(outside(`-A ${hook} ${back} ${SYN} -j DROP`), 'dnat', hook);
    assert.is(outside(`-A ${hook} ${back} ${ANSWER} -j DROP`), 'dropped', hook);
    assert.is(outside(`-A ${hook} ${there} ${ANSWER} -j DROP`), 'dnat', hook);
    assert.is(outside(`-A ${hook} ${there} ${LATER} -j DROP`), 'dropped', hook);
    assert.is(outside(`-A ${hook} ${back} ${LATER} -j DROP`), 'dropped', hook);
  }
  for (const hook of ['INPUT', 'OUTPUT']) assert.is(outside(`-A ${hook} -j DROP`), 'dnat', hook);
});

test('from the host into a container: out by OUTPUT and POSTROUTING, back by PREROUTING and INPUT', () => {
  const own = (rule: string): string | undefined => path('own-address host', rule);
  assert.is(own(''), 'dnat');
  for (const [hook, device] of [
    ['POSTROUTING', '-o docker0'],
    // The socket keeps the route to what was dialled.
    ['OUTPUT', '-o lo'],
  ]) {
    assert.is(own(`-A ${hook} ${device} ${LATER} -j DROP`), 'dropped', hook);
    assert.is(own(`-A ${hook} ${ANSWER} -j DROP`), 'dnat', hook);
  }
  for (const hook of ['PREROUTING', 'INPUT']) {
    assert.is(own(`-A ${hook} -i docker0 ${ANSWER} -j DROP`), 'dropped', hook);
    assert.is(own(`-A ${hook} ${LATER} -j DROP`), 'dropped', hook);
    assert.is(own(`-A ${hook} ${SYN} -j DROP`), 'dnat', hook);
  }
  assert.is(own('-A FORWARD -j DROP'), 'dnat');
});

test('to a process of the host: in by PREROUTING and INPUT, out by OUTPUT and POSTROUTING', () => {
  const host = (rule: string): string | undefined => path('outside', rule, '');
  assert.is(host(''), 'host');
  for (const hook of ['PREROUTING', 'INPUT']) {
    assert.is(host(`-A ${hook} -i ext0 ${SYN} -j DROP`), 'dropped', hook);
    assert.is(host(`-A ${hook} -i ext0 ${LATER} -j DROP`), 'dropped', hook);
    assert.is(host(`-A ${hook} ${ANSWER} -j DROP`), 'host', hook);
  }
  for (const hook of ['OUTPUT', 'POSTROUTING']) {
    assert.is(host(`-A ${hook} -o ext0 ${ANSWER} -j DROP`), 'dropped', hook);
    assert.is(host(`-A ${hook} ${LATER} -j DROP`), 'dropped', hook);
  }
  assert.is(host('-A FORWARD -j DROP'), 'host');
});

test('over lo every hook but FORWARD is passed both ways', () => {
  const loop = (rule: string): string | undefined => path('loopback host', rule, '');
  assert.is(loop(''), 'host');
  for (const turn of [SYN, ANSWER, LATER]) {
    for (const [hook, device] of [
      ['OUTPUT', '-o lo'],
      ['POSTROUTING', '-o lo'],
      ['PREROUTING', '-i lo'],
      ['INPUT', '-i lo'],
    ]) {
      assert.is(loop(`-A ${hook} ${device} ${turn} -j DROP`), 'dropped', `${hook} ${turn}`);
    }
    assert.is(loop(`-A FORWARD ${turn} -j DROP`), 'host');
  }
});

test('the answer bears the addresses turned round, before NAT undoes them and after', () => {
  const outside = (rule: string): string | undefined => path('outside', rule);
  assert.is(outside(`-A PREROUTING -s 172.17.0.2/32 ${ANSWER} -j DROP`), 'dropped');
  assert.is(outside(`-A PREROUTING -s 198.51.100.1/32 ${ANSWER} -j DROP`), 'dnat');
  assert.is(outside(`-A FORWARD -s 172.17.0.2/32 ${ANSWER} -j DROP`), 'dropped');
  assert.is(outside('-A FORWARD -p tcp -m tcp --sport 6379 -j DROP'), 'dropped');
});

test('what comes later bears what was dialled until it is translated again', () => {
  const outside = (rule: string): string | undefined => path('outside', rule);
  assert.is(outside(`-A PREROUTING -d 198.51.100.1/32 ${LATER} -j DROP`), 'dropped');
  assert.is.not(outside(`-A PREROUTING -d 172.17.0.2/32 ${LATER} -j DROP`), 'dropped');
  assert.is(outside(`-A FORWARD -d 172.17.0.2/32 ${LATER} -j DROP`), 'dropped');
  assert.is.not(outside(`-A FORWARD -d 198.51.100.1/32 ${LATER} -j DROP`), 'dropped');
});

test('a rejected answer is lost; a message of ICMP ends no conversation, but may fail a client that is still dialling', () => {
  assert.is(path('outside', `-A FORWARD ${ANSWER} -j REJECT`), 'dropped');
  for (const vantage of ['outside', 'container-address'] as const) {
    assert.is(path(vantage, `-A FORWARD ${LATER} -j REJECT`), 'unknown', vantage);
  }
  const pushed = '-i ext0 -p tcp -m tcp --tcp-flags PSH PSH';
  assert.is(path('outside', `-A FORWARD ${pushed} -j REJECT`), 'dropped');
  assert.is(
    path('outside', `-A FORWARD ${LATER} -p tcp -j REJECT --reject-with tcp-reset`),
    'refused',
  );
  // The message is stopped on its way: then the client hears nothing.
  assert.is(
    path(
      'outside',
      `-A FORWARD ${LATER} -j REJECT\n-A OUTPUT -p icmp -m icmp --icmp-type 3 -j DROP`,
    ),
    'dropped',
  );
  assert.is(
    path(
      'outside',
      `-A FORWARD ${LATER} -j REJECT\n-A OUTPUT -p icmp -m icmp --icmp-type 8 -j DROP`,
    ),
    'unknown',
  );
});

test('what begins anew in the middle bears its own ends, and what becomes of it is not known', () => {
  const zone = '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i ext0 -j CT --zone 3\nCOMMIT\n';
  const answered = (rule: string): string | undefined => {
    const text = `${zone}*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT ${rule}\nCOMMIT\n`;
    const sockets = [redis()];
    const world = makeWorld(parseSaved(text, 'x'), false, { sockets, containers: [] });
    return predictRedis(world, { client: '198.51.100.2' }).find(
      ({ vantage, to }) => vantage === 'outside' && to === '198.51.100.1:6379',
    )?.path;
  };
  assert.is(answered('-m conntrack --ctorigdst 198.51.100.1 -j DROP'), 'host');
  assert.is(answered('-m conntrack --ctstatus SEEN_REPLY -j DROP'), 'host');
  assert.is(answered('-m conntrack --ctdir REPLY -j DROP'), 'host');
  assert.is(answered('-m conntrack --ctorigdst 198.51.100.2 -j DROP'), 'unknown');
});

test('states of the turns: the first is new, all others are established', () => {
  const state = (name: string, turn: string): string | undefined =>
    path('outside', `-A FORWARD ${turn} -m conntrack --ctstate ${name} -j DROP`);
  assert.equal(
    [state('NEW', SYN), state('NEW', ANSWER), state('NEW', LATER)],
    ['dropped', 'dnat', 'dnat'],
  );
  assert.equal(
    [state('ESTABLISHED', SYN), state('ESTABLISHED', ANSWER), state('ESTABLISHED', LATER)],
    ['dnat', 'dropped', 'dropped'],
  );
});

test('marks of the connection stay from turn to turn, those of a packet do not', () => {
  const set = (target: string, match: string): string | undefined =>
    path(
      'outside',
      `-A PREROUTING ${SYN} -j ${target} 7\n-A FORWARD ${ANSWER} -m ${match} --mark 7 -j DROP`,
    );
  assert.equal(
    [set('CONNMARK --set-mark', 'connmark'), set('MARK --set-mark', 'mark')],
    ['dropped', 'dnat'],
  );
});

test('a refusal comes back too, and only that', () => {
  const chains = HOOKS.map((hook) => `:${hook} ACCEPT [0:0]\n`).join('');
  const refused = (rule: string): string | undefined => {
    const rules = parseSaved(`*mangle\n${chains}${rule}\nCOMMIT\n`, 'test');
    return predictRedis(makeWorld(rules, false, { sockets: [] })).find(
      ({ vantage }) => vantage === 'outside',
    )?.path;
  };
  const RST = '-p tcp -m tcp --tcp-flags RST RST';
  assert.equal(
    [refused(''), refused(`-A OUTPUT ${RST} -j DROP`), refused(`-A OUTPUT ${ANSWER} -j DROP`)],
    ['refused', 'dropped', 'refused'],
  );
  assert.is(refused(`-A INPUT ${LATER} -j DROP`), 'refused');
});

test.run();
