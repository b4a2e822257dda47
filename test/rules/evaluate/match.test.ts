/** Each condition of a rule, met and not met, and where nobody can know. */
import * as assert from 'uvu/assert';
import { parseRange, type AddressRange } from '../../../src/model/range.js';
import { exactAddress, UNNAMED, type TrialPacket } from '../../../src/rules/evaluate/packet.js';
import { isClientPort } from '../../../src/rules/evaluate/match.js';
import { suite } from '../../support/suite.js';
import { meets, type Condition } from './packets.js';
import { FAR_BRIDGE, makeWorld, NOTHING } from './worlds.js';

const test = suite('conditions of rules');

const ranges = (...texts: string[]): AddressRange[] =>
  texts.flatMap((text) => parseRange(text) ?? []);
const from = (text: string): Partial<TrialPacket> => ({ source: exactAddress(text) });
const to = (text: string): Partial<TrialPacket> => ({ destination: exactAddress(text) });
const port = (low: number, high = low): { low: number; high: number } => ({ low, high });

const ANSWER = { turn: 'answer' } as const;
const REFUSAL = { turn: 'refusal' } as const;
const LATER = { turn: 'later' } as const;

test('turned round: what holds does not, and what nobody knows stays so', () => {
  const tcp: Condition = { on: 'protocol', names: ['tcp'] };
  assert.equal([meets(tcp), meets(tcp, {}, { not: true })], [true, false]);
  const lot: Condition = { on: 'chance', text: 'a lot' };
  assert.equal([meets(lot), meets(lot, {}, { not: true })], ['chance', 'chance']);
  const secret: Condition = { on: 'unknown', text: 'a secret' };
  assert.equal([meets(secret), meets(secret, {}, { not: true })], ['doubt', 'doubt']);
});

test('protocol and family', () => {
  const protocol = (...names: string[]): unknown => meets({ on: 'protocol', names });
  assert.equal(
    [protocol('tcp'), protocol('udp'), protocol('udp', 'tcp'), protocol('all')],
    [true, false, true, true],
  );
  const family = (name: string, change = {}): unknown =>
    meets({ on: 'family', names: [name] }, change);
  assert.equal([family('ip'), family('ip6')], [true, false]);
  assert.equal(meets({ on: 'family', names: ['ip6'] }), false);
});

test('addresses of the client and of the server', () => {
  const source = (text: string): unknown => meets({ on: 'source', ranges: ranges(text) });
  assert.equal(
    [source('203.0.113.7'), source('203.0.113.0/24'), source('203.0.113.8')],
    [true, true, false],
  );
  const destination = (text: string): unknown => meets({ on: 'destination', ranges: ranges(text) });
  assert.equal([destination('198.51.100.1'), destination('203.0.113.7')], [true, false]);
  assert.is(destination('2001:db8::/32'), false);
});

test('what was dialled is asked for after a rule has given it another destination', () => {
  const moved = {
    ...to('172.17.0.2'),
    destinationPort: 80,
    dialled: { address: exactAddress('198.51.100.1'), port: 6379 },
  };
  const dialled = (text: string): unknown =>
    meets({ on: 'original-destination', ranges: ranges(text) }, moved);
  assert.equal([dialled('198.51.100.1'), dialled('172.17.0.2')], [true, false]);
  const dialledPort = (number: number): unknown =>
    meets({ on: 'original-port', ranges: [port(number)] }, moved);
  assert.equal([dialledPort(6379), dialledPort(80)], [true, false]);
});

test('who dialled is asked for as it was before any rule', () => {
  const client = (text: string, change: Partial<TrialPacket> = {}): unknown =>
    meets({ on: 'original-source', ranges: ranges(text) }, change);
  assert.equal([client('203.0.113.7'), client('203.0.113.8')], [true, false]);
  assert.equal(
    [client('203.0.113.7', ANSWER), client('198.51.100.1', ANSWER)],
    [true, false],
    'and in the answer',
  );
});

test('what a helper expects is known of no connection by itself', () => {
  const helper = (helped: boolean): unknown => meets({ on: 'helper', name: 'ftp' }, { helped });
  assert.equal([helper(true), helper(false)], ['doubt', false]);
});

test('an address of which only the owner is known', () => {
  const elsewhere = (text: string): unknown =>
    meets({ on: 'source', ranges: ranges(text) }, { source: { kind: 'elsewhere' } });
  assert.is(elsewhere('0.0.0.0/0'), true);
  assert.is(elsewhere('203.0.113.0/24'), 'doubt');
  // Nobody elsewhere has an address of loopback, of a link or of the host's own bridges.
  for (const inner of [
    '127.0.0.1',
    '127.0.0.0/8',
    '169.254.1.0/24',
    '172.17.0.0/16',
    '172.17.3.0/24',
  ]) {
    assert.is(elsewhere(inner), false, inner);
  }
  assert.is(elsewhere('172.16.0.0/12'), 'doubt');
  assert.is(elsewhere('2001:db8::/32'), false);
});

test("the host's own address, where it is measured", () => {
  const own = (text: string, measured = true): unknown =>
    meets(
      { on: 'destination', ranges: ranges(text) },
      { destination: { kind: 'own' } },
      { world: makeWorld(NOTHING, true, { measured }) },
    );
  assert.is(own('0.0.0.0/0'), true);
  // All of its addresses are in it, or none, or some.
  assert.is(own('128.0.0.0/1'), true);
  assert.is(own('10.0.0.0/8'), false);
  assert.is(own('198.51.100.1'), 'doubt');
  assert.is(own('10.0.0.0/8', false), 'doubt');
  assert.is(own('128.0.0.0/1', false), 'doubt');
});

test('ports of the server, also in its answer', () => {
  const server: Condition = { on: 'destination-port', ranges: [port(6379)] };
  assert.is(meets(server), true);
  assert.is(meets({ on: 'destination-port', ranges: [port(80), port(6000, 6378)] }), false);
  assert.is(meets({ on: 'destination-port', ranges: [port(6379, 6400)] }), true);
  // One of several is enough, wherever it stands.
  assert.is(meets({ on: 'destination-port', ranges: [port(80), port(6379), port(9000)] }), true);
  assert.is(meets({ on: 'destination-port', ranges: [port(6379), port(80)] }), true);
  assert.is(meets({ on: 'destination-port', ranges: [port(6300, 6379)] }), true);
  const source: Condition = { on: 'source-port', ranges: [port(6379)] };
  assert.equal([meets(source, ANSWER), meets(source, REFUSAL)], [true, true]);
  assert.equal([meets(server, ANSWER), meets(server, LATER)], [false, true]);
});

test("the client's port is one of those that Linux gives out", () => {
  const client = (low: number, high: number, change = {}): unknown =>
    meets({ on: 'source-port', ranges: [port(low, high)] }, change);
  assert.is(client(1024, 65535), true);
  assert.is(client(32768, 60999), true);
  assert.is(client(32769, 60999), 'doubt');
  assert.is(client(32768, 60998), 'doubt');
  assert.is(client(0, 1023), false);
  assert.is(client(53, 53), false);
  assert.is(client(1024, 1024), 'doubt');
  assert.is(client(6379, 6379), 'doubt');
  const answered = (low: number, high: number): unknown =>
    meets({ on: 'destination-port', ranges: [port(low, high)] }, ANSWER);
  assert.is(answered(80, 8080), false);
  assert.is(answered(40_000, 40_010), 'doubt');
  assert.is(answered(1024, 65535), true);
});

test('which ranges a client may have a port of', () => {
  const may = (low: number, high = low): boolean => isClientPort({ low, high });
  assert.equal([may(32767), may(32768), may(60999), may(61000)], [false, true, true, false]);
  assert.equal(
    [may(1, 32767), may(1, 32768), may(60999, 65535), may(61000, 65535)],
    [false, true, true, false],
  );
});

test('either port', () => {
  const either = (low: number, high: number): unknown =>
    meets({ on: 'either-port', ranges: [port(low, high)] });
  assert.equal([either(6379, 6379), either(53, 53), either(1024, 65535)], [true, false, true]);
});

test('marks, under their masks', () => {
  const mark = (value: number, mask: number, packet: number | null): unknown =>
    meets({ on: 'mark', value, mask }, { mark: packet });
  assert.equal([mark(1, 0xff, 1), mark(1, 0xff, 2), mark(1, 0xff, 0x101)], [true, false, true]);
  assert.equal([mark(1, 0xffff, 0x101), mark(0, 0, 7)], [false, true]);
  assert.is(mark(0x80000000, 0x80000000, 0x80000001), true);
  assert.is(mark(1, 0xff, null), 'doubt');
  const connection = (value: number, change: Partial<TrialPacket>): unknown =>
    meets({ on: 'connection-mark', value, mask: 0xff }, change);
  assert.equal(
    [
      connection(2, { connectionMark: 2 }),
      connection(2, { mark: 2 }),
      connection(2, { connectionMark: null }),
    ],
    [true, false, 'doubt'],
  );
});

const state = (name: string, change: Partial<TrialPacket> = {}): unknown =>
  meets({ on: 'state', names: [name] }, change);

test('states of a connection, turn by turn', () => {
  assert.equal([state('new'), state('new', ANSWER), state('new', LATER)], [true, false, false]);
  for (const name of ['established', 'seen-reply', 'confirmed']) {
    assert.equal([state(name), state(name, ANSWER), state(name, LATER)], [false, true, true]);
  }
  assert.equal([state('related'), state('invalid')], [false, false]);
  assert.is(meets({ on: 'state', names: ['related', 'new'] }), true);
  assert.equal([state('dnat'), state('dnat', { dnat: true })], [false, true]);
  assert.equal([state('snat'), state('snat', { snat: true })], [false, true]);
  assert.equal([state('dnat', { snat: true }), state('snat', { dnat: true })], [false, false]);
});

test('what is not tracked is in no state but that', () => {
  const untracked = { tracking: 'untracked' } as const;
  assert.equal([state('untracked'), state('untracked', untracked)], [false, true]);
  assert.equal(
    [state('new', untracked), state('established', { ...untracked, ...LATER })],
    [false, false],
  );
});

test('devices by name, and by the beginning of a name', () => {
  const into = (...names: string[]): unknown => meets({ on: 'in-device', names });
  assert.equal([into('ext0'), into('docker0'), into('lo', 'ext0')], [true, false, true]);
  assert.equal(
    [into('ext+'), into('ext*'), into('ex'), into('docker+'), into('+'), into('*')],
    [true, true, false, false, true, true],
  );
  assert.equal(
    [into('e+t0'), into('ext0+'), into('ext00')],
    [false, true, false],
    'a sign in the middle is part of the name',
  );
  const out = (name: string, device: TrialPacket['outDevice']): unknown =>
    meets({ on: 'out-device', names: [name] }, { outDevice: device }, { hook: 'forward' });
  assert.equal(
    [out('docker0', 'docker0'), out('docker0', 'ext0'), out('ext0', null)],
    [true, false, false],
  );
});

test('an outer device without a known name', () => {
  const into = (name: string): unknown =>
    meets({ on: 'in-device', names: [name] }, { inDevice: UNNAMED });
  assert.is(into('eth0'), 'doubt');
  assert.is(into('+'), true);
  assert.is(into('*'), true);
  for (const inner of [
    'lo',
    'docker0',
    'docker+',
    FAR_BRIDGE,
    'veth1234',
    'podman0',
    'cni0',
    'virbr0',
    'lxcbr0',
    'lxdbr0',
  ]) {
    assert.is(into(inner), false, inner);
  }
  const out = (name: string): unknown =>
    meets({ on: 'out-device', names: [name] }, { outDevice: UNNAMED }, { hook: 'forward' });
  assert.equal(
    [out('lo'), out('docker0'), out('docker7'), out('eth0')],
    [false, false, 'doubt', 'doubt'],
  );
});

test('kinds of addresses', () => {
  const destination = (name: string, change: Partial<TrialPacket> = {}): unknown =>
    meets({ on: 'destination-type', names: [name] }, change);
  assert.equal([destination('local'), destination('unicast')], [true, false]);
  assert.equal(
    [destination('local', to('172.17.0.2')), destination('unicast', to('172.17.0.2'))],
    [false, true],
  );
  assert.equal(
    [destination('broadcast'), destination('broadcast', to('172.17.0.2'))],
    [false, false],
  );
  assert.is(destination('local', { destination: { kind: 'own' } }), true);
  assert.is(destination('local', { destination: { kind: 'elsewhere' } }), false);
  assert.is(meets({ on: 'source-type', names: ['local'] }), false);
  assert.is(meets({ on: 'source-type', names: ['local'] }, from('198.51.100.1')), true);
});

test('a kind of address at the device that it came in on', () => {
  const here = (name: string, change: Partial<TrialPacket> = {}): unknown =>
    meets({ on: 'destination-type', names: [name], here: true }, change);
  assert.equal([here('local'), here('unicast')], [true, false]);
  const elsewhere = { inDevice: 'docker0' };
  assert.equal([here('local', elsewhere), here('unicast', elsewhere)], [false, true]);
  assert.is(here('local', { inDevice: 'gone0' }), false);
  assert.is(here('local', { inDevice: UNNAMED }), 'doubt');
  assert.is(here('local', { inDevice: null }), 'doubt');
  assert.is(here('local', { destination: { kind: 'own' } }), 'doubt');
});

const flags = (among: string[], set: string[], change: Partial<TrialPacket> = {}): unknown =>
  meets({ on: 'tcp-flags', among, set }, change);

test('TCP flags of the first packet, of the answers and of what follows', () => {
  const handshake = ['syn', 'ack', 'fin', 'rst'];
  const turns = [{}, ANSWER, REFUSAL, LATER];
  const all = (among: string[], set: string[]): unknown[] =>
    turns.map((turn) => flags(among, set, turn));
  assert.equal(all(handshake, ['syn']), [true, false, false, false]);
  assert.equal(all(handshake, ['syn', 'ack']), [false, true, false, false]);
  assert.equal(all(handshake, ['rst', 'ack']), [false, false, true, false]);
  assert.equal(all(handshake, ['ack']), [false, false, false, true]);
  assert.equal(all(['syn'], ['syn']), [true, true, false, false]);
  assert.equal(all(['syn', 'ack'], []), [false, false, false, false]);
  assert.equal(all(['fin'], []), [true, true, true, true]);
  assert.equal(all(['syn'], ['ack']), [false, false, false, false]);
  assert.is(flags(['syn'], ['syn'], { protocol: 'udp' }), false);
});

test('all of several flags, and any of them', () => {
  assert.is(flags(['syn', 'rst'], ['syn', 'rst'], ANSWER), false);
  assert.is(flags(['syn', 'ack'], ['syn', 'ack'], ANSWER), true);
  const any = (mask: number, change: Partial<TrialPacket> = {}): unknown =>
    meets(
      {
        on: 'bits',
        field: 'tcp-flags',
        mask,
        flip: 0,
        text: 'flags',
        ranges: [{ low: 0, high: 0 }],
      },
      change,
      { not: true },
    );
  assert.equal([any(0x06), any(0x06, ANSWER), any(0x06, LATER)], [true, true, false]);
  assert.is(any(0x05), false);
});

test('the way back to the client', () => {
  const back = (change: Partial<TrialPacket> = {}): unknown =>
    meets({ on: 'reverse-path', text: 'rpfilter' }, change);
  assert.is(back(from('198.51.100.9')), true);
  assert.is(back({ ...from('198.51.100.9'), inDevice: 'docker0' }), false);
  assert.is(back({ ...from('172.17.0.3'), inDevice: 'docker0' }), true);
  assert.is(back(from('203.0.113.7')), 'doubt');
  assert.is(back({ source: { kind: 'elsewhere' } }), true);
  assert.is(back({ ...from('203.0.113.7'), inDevice: UNNAMED }), true);
  assert.is(back({ ...from('127.0.0.1'), inDevice: 'lo' }), true);
});

test('facts are the same for every packet, and the direction is another one for an answer', () => {
  const fact = (holds: boolean, change = {}): unknown =>
    meets({ on: 'fact', holds, text: 'addrtype' }, change);
  assert.equal([fact(true), fact(false), fact(true, ANSWER)], [true, false, true]);
  const direction = (reply: boolean, change = {}): unknown =>
    meets({ on: 'direction', reply }, change);
  assert.equal(
    [{}, ANSWER, REFUSAL, LATER].map((turn) => direction(false, turn)),
    [true, false, false, true],
  );
  assert.equal(
    [{}, ANSWER, REFUSAL, LATER].map((turn) => direction(true, turn)),
    [false, true, true, false],
  );
  assert.is(direction(false, { tracking: 'untracked' }), false);
});

test('one of several entries', () => {
  const tcp = { on: 'protocol', names: ['tcp'], not: false } as const;
  const udp = { ...tcp, names: ['udp'] };
  const lot = { on: 'chance', text: 'a lot', not: false } as const;
  const secret = { on: 'unknown', text: 'a secret', not: false } as const;
  const entries = (...list: Extract<Condition, { on: 'one-of' }>['entries']): unknown =>
    meets({ on: 'one-of', entries: list, text: '' });
  assert.equal([entries([tcp]), entries([udp]), entries()], [true, false, false]);
  assert.equal([entries([tcp, udp]), entries([udp], [tcp])], [false, true]);
  assert.equal([entries([tcp, lot]), entries([udp, lot])], ['chance', false]);
  assert.equal([entries([lot], [tcp]), entries([lot], [udp])], [true, 'chance']);
  // The first doubt is the one that is told.
  assert.equal([entries([secret], [lot]), entries([lot], [secret])], ['doubt', 'chance']);
});

test("the networks of Docker's bridges, as Docker 28.0 names them in sets", () => {
  const set = (name: string, side: 'source' | 'destination' | 'other', change = {}): unknown =>
    meets({ on: 'set', name, side, text: name }, change);
  const name = 'docker-ext-bridges-v4';
  assert.equal(
    [set(name, 'destination'), set(name, 'destination', to('172.17.0.2'))],
    [false, true],
  );
  assert.equal([set(name, 'source'), set(name, 'source', from('172.30.0.2'))], [false, true]);
  assert.is(set('docker-ext-bridges-v6', 'source'), false);
  assert.equal(
    [set(name, 'other'), set('blocked', 'source'), set(`${name}-old`, 'source')],
    ['doubt', 'doubt', 'doubt'],
  );
});

test.run();
