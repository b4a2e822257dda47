/** A packet's way through the chains of a hook: jumps and their ends, translations, marks, and what comes before what. */
import * as assert from 'uvu/assert';
import { parseRange } from '../../../src/model/range.js';
import type { Rule, Step, Table } from '../../../src/model/rules.js';
import {
  addressText,
  exactAddress,
  UNNAMED,
  type TrialPacket,
} from '../../../src/rules/evaluate/packet.js';
import { Undecidable } from '../../../src/rules/evaluate/doubt.js';
import { suite } from '../../support/suite.js';
import {
  ACCEPT,
  base,
  chain,
  DROP,
  meet,
  rule,
  ruleSet,
  table,
  then,
  when,
  type Met,
} from './packets.js';
import { makeWorld, NOTHING } from './worlds.js';

const test = suite('walk through rules');

const TCP = when({ on: 'protocol', names: ['tcp'] });
const UDP = when({ on: 'protocol', names: ['udp'] });
const jump = (to: string): Step => then({ do: 'jump', chain: to });
const goto = (to: string): Step => then({ do: 'goto', chain: to });
const RETURN = then({ do: 'return' });
const REJECT = then({ do: 'reject', how: 'icmp-port-unreachable', reset: false });
const dnat = (address: string | null, port: number | null = null): Step =>
  then({ do: 'dnat', address, port });
const dropMark = (value: number, mask = 0xffffffff): Rule =>
  rule(when({ on: 'mark', value, mask }), DROP);

const filter = (...chains: Table['chains']): Table => table('filter', [...chains]);

function end(...tables: Table[]): string {
  return meet(ruleSet(...tables), 'forward').end.verdict;
}

test('the first rule that decides, and else the policy', () => {
  const chainOf = (policy: 'accept' | 'drop', ...rules: Rule[]): string =>
    end(filter(base('FORWARD', 'forward', rules, { policy })));
  assert.equal([chainOf('accept'), chainOf('drop')], ['accept', 'drop']);
  assert.equal(
    [chainOf('drop', rule(TCP, ACCEPT)), chainOf('drop', rule(UDP, ACCEPT))],
    ['accept', 'drop'],
  );
  assert.equal(
    [chainOf('accept', rule(ACCEPT), rule(DROP)), chainOf('accept', rule(DROP), rule(ACCEPT))],
    ['accept', 'drop'],
  );
  assert.equal(
    [chainOf('accept', rule(REJECT)), chainOf('accept', rule(UDP, REJECT))],
    ['reject', 'accept'],
  );
  assert.is(chainOf('drop', rule(then({ do: 'continue' }), DROP), rule(ACCEPT)), 'accept');
});

test('who dropped it: the rule, or the chain with its policy', () => {
  const rules = ruleSet(filter(base('FORWARD', 'forward', [rule(UDP, DROP), rule(TCP, DROP)])));
  const { end: by } = meet(rules, 'forward');
  assert.equal([by.by?.chain.name, by.by?.rule?.steps[0]], ['FORWARD', TCP]);
  const policy = ruleSet(filter(base('FORWARD', 'forward', [], { policy: 'drop' })));
  assert.is(meet(policy, 'forward').end.by?.rule, null);
  assert.is(meet(ruleSet(), 'forward').end.by, null);
});

test('jump comes back behind the rule that jumped, goto to whoever jumped before', () => {
  const way = (go: Step, ...rest: Rule[]): string =>
    end(
      filter(
        base('FORWARD', 'forward', [rule(jump('MIDDLE')), rule(REJECT)]),
        chain('MIDDLE', rule(go), rule(DROP)),
        chain('LAST', ...rest),
      ),
    );
  assert.equal([way(jump('LAST')), way(goto('LAST'))], ['drop', 'reject']);
  assert.equal(
    [way(jump('LAST'), rule(RETURN)), way(goto('LAST'), rule(RETURN))],
    ['drop', 'reject'],
  );
  assert.equal(
    [way(jump('LAST'), rule(ACCEPT)), way(goto('LAST'), rule(ACCEPT))],
    ['accept', 'accept'],
  );
});

test('goto from a base chain ends in its policy', () => {
  const way = (go: Step): string =>
    end(
      filter(
        base('FORWARD', 'forward', [rule(go), rule(ACCEPT)], { policy: 'drop' }),
        chain('LAST'),
      ),
    );
  assert.equal([way(goto('LAST')), way(jump('LAST'))], ['drop', 'accept']);
});

test('return leaves the rest of a chain out', () => {
  const way = (step: Step): string =>
    end(
      filter(
        base('FORWARD', 'forward', [rule(jump('MIDDLE'))], { policy: 'drop' }),
        chain('MIDDLE', rule(step), rule(ACCEPT)),
      ),
    );
  assert.equal([way(RETURN), way(then({ do: 'continue' }))], ['drop', 'accept']);
  const inBase = (policy: 'accept' | 'drop'): string =>
    end(filter(base('FORWARD', 'forward', [rule(RETURN), rule(REJECT)], { policy })));
  assert.equal([inBase('accept'), inBase('drop')], ['accept', 'drop']);
});

test('every base chain is asked, in order of priority; accept ends one only', () => {
  const late = base('LATE', 'forward', [rule(REJECT)], { priority: 10 });
  const soon = base('SOON', 'forward', [rule(DROP)], { priority: -10 });
  const open = base('OPEN', 'forward', [rule(ACCEPT)], { priority: -20 });
  assert.equal(
    [end(filter(late, soon)), end(filter(soon, late)), end(filter(late, open))],
    ['drop', 'drop', 'reject'],
  );
});

test('only chains of the hook, and tables of the family', () => {
  const chains = [base('INPUT', 'input', [rule(DROP)])];
  assert.is(end(filter(...chains)), 'accept');
  const families = (['ip', 'ip6', 'inet'] as const).map((family) =>
    end(table('filter', [base('FORWARD', 'forward', [rule(DROP)])], { family })),
  );
  assert.equal(families, ['drop', 'accept', 'drop']);
});

test('a chain of the same name in another table is another chain', () => {
  const away = chain('SIDE', rule(DROP));
  const here = [base('FORWARD', 'forward', [rule(jump('SIDE'))]), chain('SIDE')];
  assert.is(end(table('other', [away]), filter(...here)), 'accept');
});

function failure(...steps: Step[]): string {
  try {
    end(filter(base('FORWARD', 'forward', [rule(...steps)]), chain('LOOP', rule(jump('LOOP')))));
    return 'none';
  } catch (error) {
    assert.instance(error, Undecidable);
    return (error as Undecidable).ref.chain.name;
  }
}

test('what is beyond this program is said, and only where the packet comes to it', () => {
  const unknown = then({ do: 'unknown', text: 'NFQUEUE' });
  assert.equal(
    [failure(unknown), failure(UDP, unknown), failure(TCP, unknown)],
    ['FORWARD', 'none', 'FORWARD'],
  );
  assert.equal([failure(jump('GONE')), failure(UDP, jump('GONE'))], ['FORWARD', 'none']);
  assert.is(failure(jump('LOOP')), 'LOOP');
});

test('sixty chains deep is no loop', () => {
  const deep = Array.from({ length: 60 }, (_, i) =>
    chain(`C${i}`, rule(i < 59 ? jump(`C${i + 1}`) : DROP)),
  );
  assert.is(end(filter(base('FORWARD', 'forward', [rule(jump('C0'))]), ...deep)), 'drop');
});

const LOT = when({ on: 'chance', text: 'a lot' });

test('a doubt is asked where the rule would do something, and nothing else rules it out', () => {
  const doubts = (decide: boolean, ...steps: Step[]): [string, number] => {
    const rules = ruleSet(filter(base('FORWARD', 'forward', [rule(...steps)])));
    const met = meet(rules, 'forward', {}, { decide });
    return [met.end.verdict, met.doubts.length];
  };
  assert.equal(doubts(true, LOT, DROP), ['drop', 1]);
  assert.equal(doubts(false, LOT, DROP), ['accept', 1]);
  assert.equal(doubts(true, LOT, UDP, DROP), ['accept', 0]);
  assert.equal(doubts(true, UDP, LOT, DROP), ['accept', 0]);
  assert.equal(doubts(true, LOT, { kind: 'note', text: 'counter' }), ['accept', 0]);
  assert.equal(doubts(true, LOT, LOT, DROP), ['drop', 2]);
  // The same doubt is not asked again before what comes after.
  const mark: Step = { kind: 'set-mark', value: 1, mask: 0xff };
  assert.equal(doubts(true, LOT, mark, DROP), ['drop', 1]);
  assert.equal(doubts(false, LOT, mark, DROP), ['accept', 1]);
});

test('rules that were met are remembered once each, those of an open doubt are not', () => {
  const met = (decide: boolean, ...rules: Rule[]): number =>
    meet(ruleSet(filter(base('FORWARD', 'forward', rules))), 'forward', {}, { decide }).walk.met
      .length;
  const mark: Step = { kind: 'set-mark', value: 1, mask: 0xff };
  assert.is(met(true, rule(TCP, mark), rule(UDP, DROP), rule(ACCEPT)), 2);
  assert.is(met(true, rule(mark, mark, ACCEPT)), 1);
  assert.equal([met(true, rule(LOT, mark)), met(false, rule(LOT, mark))], [1, 0]);
});

test('a verdict map: the first entry that holds, else the rule does nothing', () => {
  const entry = (name: string, verdict: 'drop' | 'accept') => ({
    matches: [{ on: 'protocol', names: [name], not: false } as const],
    verdict: { do: verdict },
  });
  const way = (...entries: ReturnType<typeof entry>[]): string =>
    end(filter(base('FORWARD', 'forward', [rule({ kind: 'map', entries }, DROP), rule(REJECT)])));
  assert.equal(
    [way(entry('tcp', 'accept')), way(entry('udp', 'accept')), way()],
    ['accept', 'reject', 'reject'],
  );
  assert.equal(
    [
      way(entry('tcp', 'drop'), entry('tcp', 'accept')),
      way(entry('udp', 'accept'), entry('tcp', 'drop')),
    ],
    ['drop', 'drop'],
  );
});

test('a verdict map whose entry nobody can be sure of', () => {
  const lot = { on: 'chance', text: 'a lot', not: false } as const;
  const udp = { on: 'protocol', names: ['udp'], not: false } as const;
  const way = (decide: boolean, ...matches: (typeof lot | typeof udp)[]): unknown[] => {
    const map: Step = { kind: 'map', entries: [{ matches, verdict: { do: 'drop' } }] };
    const rules = ruleSet(filter(base('FORWARD', 'forward', [rule(map)])));
    const met = meet(rules, 'forward', {}, { decide });
    return [met.end.verdict, met.doubts.length];
  };
  assert.equal(
    [way(true, lot), way(false, lot)],
    [
      ['drop', 1],
      ['accept', 1],
    ],
  );
  assert.equal(
    [way(true, lot, udp), way(true)],
    [
      ['accept', 0],
      ['drop', 0],
    ],
  );
});

const nat = (
  hook: 'prerouting' | 'output' | 'postrouting',
  rules: Rule[],
  more: Partial<Table> = {},
): Table =>
  table(
    'nat',
    [
      base(`NAT-${hook}`, hook, rules, {
        type: 'nat',
        priority: hook === 'postrouting' ? 100 : -100,
      }),
    ],
    more,
  );

function ends({ packet }: Met): string {
  const name = (end: TrialPacket['source']): string => addressText(end) ?? end.kind;
  return `${name(packet.source)} > ${name(packet.destination)}:${packet.destinationPort}`;
}

test('DNAT: address, port or both; what changes nothing is no translation', () => {
  const way = (address: string | null, port: number | null): unknown[] => {
    const met = meet(ruleSet(nat('prerouting', [rule(dnat(address, port))])), 'prerouting');
    return [ends(met), met.packet.dnat, met.end.nat !== null];
  };
  assert.equal(way('172.17.0.2', 80), ['203.0.113.7 > 172.17.0.2:80', true, true]);
  assert.equal(way('172.17.0.2', null), ['203.0.113.7 > 172.17.0.2:6379', true, true]);
  assert.equal(way(null, 80), ['203.0.113.7 > 198.51.100.1:80', true, true]);
  assert.equal(way(null, 6379), ['203.0.113.7 > 198.51.100.1:6379', false, false]);
  assert.equal(way('198.51.100.1', null), ['203.0.113.7 > 198.51.100.1:6379', false, false]);
});

test('the first translation is the only one, and what was dialled stays known', () => {
  const met = meet(
    ruleSet(nat('prerouting', [rule(dnat('172.17.0.2')), rule(dnat('172.17.0.3'))])),
    'prerouting',
  );
  assert.is(ends(met), '203.0.113.7 > 172.17.0.2:6379');
  assert.is(addressText(met.packet.dialled.address), '198.51.100.1');
});

test('no translation where it is too late for one, or where the packet is not tracked', () => {
  const rules = ruleSet(nat('prerouting', [rule(dnat('172.17.0.2'))]));
  assert.is(meet(rules, 'prerouting', {}, { nat: false }).packet.dnat, false);
  assert.is(meet(rules, 'prerouting', { tracking: 'untracked' }).packet.dnat, false);
  const filterRules = ruleSet(filter(base('PREROUTING', 'prerouting', [rule(DROP)])));
  assert.is(meet(filterRules, 'prerouting', {}, { nat: false }).end.verdict, 'drop');
  assert.is(meet(filterRules, 'prerouting', { tracking: 'untracked' }).end.verdict, 'drop');
});

test('a translation is not dropped by what it leaves behind, and a chain for NAT may drop', () => {
  const met = meet(ruleSet(nat('prerouting', [rule(TCP, DROP)])), 'prerouting');
  assert.equal([met.end.verdict, met.end.nat], ['drop', null]);
  const both = meet(
    ruleSet(
      nat('prerouting', [rule(dnat('172.17.0.2'))]),
      filter(base('LATE', 'prerouting', [rule(DROP)])),
    ),
    'prerouting',
  );
  assert.equal([both.end.verdict, both.end.nat !== null], ['drop', true]);
});

test('notrack: the raw table takes the packet out of connection tracking, and so out of NAT', () => {
  const raw = (...steps: Step[]): Table =>
    table('raw', [base('RAW', 'prerouting', [rule(...steps)], { priority: -300 })]);
  const way = (...steps: Step[]): boolean =>
    meet(ruleSet(raw(...steps), nat('prerouting', [rule(dnat('172.17.0.2'))])), 'prerouting').packet
      .dnat;
  assert.equal(
    [way({ kind: 'notrack' }), way(UDP, { kind: 'notrack' }), way(TCP, { kind: 'notrack' })],
    [false, true, false],
  );
  assert.is(meet(ruleSet(raw({ kind: 'notrack' })), 'prerouting').packet.tracking, 'untracked');
});

test('before connection tracking every packet is invalid or untracked, and its connection has no mark', () => {
  const way = (
    priority: number,
    step: Step,
    change: Partial<TrialPacket> = {},
    hook: 'prerouting' | 'output' | 'input' = 'prerouting',
  ): string =>
    meet(ruleSet(table('x', [base('X', hook, [rule(step, DROP)], { priority })])), hook, change).end
      .verdict;
  const state = (name: string): Step => when({ on: 'state', names: [name] });
  assert.equal(
    [way(-300, state('new')), way(-200, state('new')), way(-201, state('new'))],
    ['accept', 'drop', 'accept'],
  );
  assert.equal([way(-300, state('invalid')), way(-200, state('invalid'))], ['drop', 'accept']);
  assert.equal(
    [way(-300, state('untracked')), way(-300, state('untracked'), { tracking: 'untracked' })],
    ['accept', 'drop'],
  );
  assert.equal(
    [way(-300, state('new'), {}, 'output'), way(-300, state('new'), {}, 'input')],
    ['accept', 'drop'],
  );
  // What comes over lo has been tracked on its way out.
  assert.equal(
    [
      way(-300, state('new'), { inDevice: 'lo' }),
      way(-300, state('new'), { inDevice: 'lo' }, 'output'),
    ],
    ['drop', 'accept'],
  );
  for (const step of [
    when({ on: 'connection-mark', value: 0, mask: 0xff }),
    when({ on: 'original-port', ranges: [{ low: 0, high: 65535 }] }),
    when({ on: 'original-destination', ranges: [parseRange('0.0.0.0/0') ?? []].flat() }),
    when({ on: 'direction', reply: false }),
    when({ on: 'connection-mark', value: 1, mask: 0xff }, true),
  ]) {
    assert.equal([way(-300, step), way(-150, step)], ['accept', 'drop']);
  }
  assert.is(way(-300, when({ on: 'fact', holds: true, text: 'pkttype host' })), 'drop');
});

test('SNAT and masquerade', () => {
  const way = (step: Step, change: Partial<TrialPacket> = {}): unknown[] => {
    const met = meet(ruleSet(nat('postrouting', [rule(step)])), 'postrouting', {
      source: exactAddress('172.17.0.2'),
      destination: exactAddress('203.0.113.7'),
      inDevice: null,
      outDevice: 'ext0',
      ...change,
    });
    return [
      addressText(met.packet.source) ?? met.packet.source.kind,
      met.packet.snat,
      met.packet.dnat,
    ];
  };
  assert.equal(way(then({ do: 'snat', address: '198.51.100.9', port: null })), [
    '198.51.100.9',
    true,
    false,
  ]);
  assert.equal(way(then({ do: 'snat', address: null, port: 7 })), ['172.17.0.2', true, false]);
  assert.equal(way(then({ do: 'masquerade' })), ['198.51.100.1', true, false]);
  assert.equal(way(then({ do: 'masquerade' }), { outDevice: 'docker0' }), [
    '172.17.0.1',
    true,
    false,
  ]);
  assert.equal(way(then({ do: 'masquerade' }), { outDevice: 'lo' }), ['own', true, false]);
  assert.equal(way(then({ do: 'masquerade' }), { outDevice: 'gone0' }), ['own', true, false]);
  assert.equal(way(then({ do: 'masquerade' }), { outDevice: UNNAMED }), ['own', true, false]);
});

test('REDIRECT leads to the device that the packet came in on, or to loopback', () => {
  const way = (
    port: number | null,
    change: Partial<TrialPacket>,
    hook: 'prerouting' | 'output' = 'prerouting',
  ): string => ends(meet(ruleSet(nat(hook, [rule(then({ do: 'redirect', port }))])), hook, change));
  const beyond = { destination: exactAddress('192.0.2.1') };
  assert.is(way(80, beyond), '203.0.113.7 > 198.51.100.1:80');
  assert.is(way(null, { ...beyond, inDevice: 'docker0' }), '203.0.113.7 > 172.17.0.1:6379');
  assert.is(way(80, { ...beyond, inDevice: null }, 'output'), '203.0.113.7 > 127.0.0.1:80');
  const six = { family: 6, destination: exactAddress('2001:db8::9'), inDevice: null } as const;
  const rules = ruleSet(
    nat('output', [rule(then({ do: 'redirect', port: 80 }))], { family: 'inet' }),
  );
  assert.is(ends(meet(rules, 'output', six)), '203.0.113.7 > ::1:80');
});

test('in a table of both families a translation passes over packets of the other one', () => {
  const rules = ruleSet(
    nat('prerouting', [rule(dnat('2001:db8::2')), rule(dnat('172.17.0.2'))], { family: 'inet' }),
  );
  assert.is(ends(meet(rules, 'prerouting')), '203.0.113.7 > 172.17.0.2:6379');
});

test('chains for NAT are called where NAT is, and only among themselves by their priorities', () => {
  const first = nat('prerouting', [rule(dnat('172.17.0.2'))]);
  const early = table('other', [
    base('EARLY', 'prerouting', [rule(dnat('172.17.0.3'))], { type: 'nat', priority: -150 }),
  ]);
  assert.is(ends(meet(ruleSet(first, early), 'prerouting')), '203.0.113.7 > 172.17.0.3:6379');
  // A filter at -120 comes before both, although one of them says -150.
  const filterFirst = filter(
    base(
      'F',
      'prerouting',
      [rule(when({ on: 'destination-port', ranges: [{ low: 6379, high: 6379 }] }), DROP)],
      { priority: -120 },
    ),
  );
  const met = meet(ruleSet(early, filterFirst), 'prerouting');
  assert.equal([met.end.verdict, met.packet.dnat], ['drop', false]);
});

test('two chains for NAT of equal priority: which is first is a doubt, where it matters', () => {
  const one = nat('prerouting', [rule(dnat('172.17.0.2'))]);
  const two = nat('prerouting', [rule(dnat('172.17.0.3'))], { backend: 'nftables' });
  const same = nat('prerouting', [rule(dnat('172.17.0.2'))], { backend: 'nftables' });
  const way = (tables: Table[], decide: boolean): unknown[] => {
    const met = meet(ruleSet(...tables), 'prerouting', {}, { decide });
    return [ends(met), met.doubts.length, met.end.nat?.table.backend, met.walk.met.length];
  };
  assert.equal(way([one, two], false), ['203.0.113.7 > 172.17.0.2:6379', 1, 'iptables-nft', 1]);
  assert.equal(way([one, two], true), ['203.0.113.7 > 172.17.0.3:6379', 1, 'nftables', 2]);
  assert.equal(way([one, same], true), ['203.0.113.7 > 172.17.0.2:6379', 0, 'iptables-nft', 1]);
  assert.equal(way([one, nat('prerouting', [rule(UDP, dnat('172.17.0.3'))])], true), [
    '203.0.113.7 > 172.17.0.2:6379',
    0,
    'iptables-nft',
    1,
  ]);
});

test('drop or reject by chains of equal priority: a doubt where they differ', () => {
  const chainOf = (step: Step, priority = 0): Table =>
    table('t', [base('F', 'forward', [rule(step)], { priority })]);
  const way = (decide: boolean, ...tables: Table[]): unknown[] => {
    const met = meet(ruleSet(...tables), 'forward', {}, { decide });
    return [met.end.verdict, met.doubts.length];
  };
  assert.equal(way(false, chainOf(DROP), chainOf(REJECT)), ['drop', 1]);
  assert.equal(way(true, chainOf(DROP), chainOf(REJECT)), ['reject', 1]);
  assert.equal(way(true, chainOf(DROP), chainOf(DROP)), ['drop', 0]);
  assert.equal(way(true, chainOf(DROP), chainOf(ACCEPT)), ['drop', 0]);
  assert.equal(way(true, chainOf(DROP), chainOf(REJECT, 1)), ['drop', 0]);
});

const set = (value: number | null, mask: number): Step => ({ kind: 'set-mark', value, mask });
const setConnection = (value: number | null, mask: number): Step => ({
  kind: 'set-connection-mark',
  value,
  mask,
});
const save = (from: number, to: number): Step => ({ kind: 'save-mark', from, to });
const restore = (from: number, to: number): Step => ({ kind: 'restore-mark', from, to });
const ALL = 0xffffffff;

test('marks: bits outside the mask stay, inside they are changed', () => {
  const way = (change: Partial<TrialPacket>, ...steps: Step[]): (number | null)[] => {
    const { packet } = meet(
      ruleSet(filter(base('M', 'forward', [rule(...steps)]))),
      'forward',
      change,
    );
    return [packet.mark, packet.connectionMark];
  };
  assert.equal(way({}, set(5, ALL)), [5, 0]);
  assert.equal(way({ mark: 0xf0 }, set(5, 0x0f)), [0xf5, 0]);
  assert.equal(way({ mark: 0xff }, set(0, 0x0f)), [0xf0, 0]);
  assert.equal(way({ mark: 0xff }, set(1, 0)), [0xfe, 0]);
  assert.equal(way({ mark: 1 }, set(null, 0x0f)), [null, 0]);
  assert.equal(way({ mark: null }, set(5, ALL)), [null, 0]);
  assert.equal(way({}, set(0x80000000, ALL)), [0x80000000, 0]);
  assert.equal(way({ connectionMark: 0xf0 }, setConnection(5, 0x0f)), [0, 0xf5]);
  assert.equal(way({ mark: 0xab, connectionMark: 0xcd }, save(ALL, ALL)), [0xab, 0xab]);
  assert.equal(way({ mark: 0xab, connectionMark: 0xcd }, save(0x0f, 0x0f)), [0xab, 0xcb]);
  assert.equal(way({ mark: 0xab, connectionMark: 0xcd }, restore(ALL, ALL)), [0xcd, 0xcd]);
  assert.equal(way({ mark: 0xab, connectionMark: 0xcd }, restore(0x0f, 0x0f)), [0xad, 0xcd]);
  assert.equal(way({ mark: null, connectionMark: 1 }, save(ALL, ALL)), [null, null]);
  assert.equal(way({ mark: 1, connectionMark: null }, restore(ALL, ALL)), [null, null]);
});

test('a mark that one chain sets is there for the next', () => {
  const way = (value: number): string =>
    end(
      table('mangle', [base('M', 'forward', [rule(set(7, 0xff))], { priority: -150 })]),
      filter(base('F', 'forward', [dropMark(value)])),
    );
  assert.equal([way(7), way(8)], ['drop', 'accept']);
});

test('what NAT passed over but for an exception', () => {
  const spared = (...steps: Step[]): number => {
    const rules = ruleSet(nat('prerouting', [rule(...steps)]));
    return meet(rules, 'prerouting').walk.spared.length;
  };
  const notExt = when({ on: 'in-device', names: ['ext0'] }, true);
  assert.equal(
    [spared(notExt, dnat('172.17.0.2')), spared(notExt, UDP, dnat('172.17.0.2'))],
    [1, 0],
  );
  assert.equal([spared(UDP, dnat('172.17.0.2')), spared(TCP, dnat('172.17.0.2'))], [0, 0]);
  const elsewhere = (step: Step): number =>
    meet(ruleSet(filter(base('F', 'prerouting', [rule(notExt, step)]))), 'prerouting').walk.spared
      .length;
  assert.equal([elsewhere(DROP), elsewhere(dnat('172.17.0.2'))], [0, 1]);
});

test('rules for another port are passed over, whatever else they ask', () => {
  const other = when({ on: 'destination-port', ranges: [{ low: 80, high: 80 }] });
  const own = when({ on: 'destination-port', ranges: [{ low: 6379, high: 6379 }] });
  const way = (...steps: Step[]): unknown[] => {
    const met = meet(
      ruleSet(filter(base('F', 'forward', [rule(...steps)]))),
      'forward',
      {},
      { decide: true },
    );
    return [met.end.verdict, met.packet.mark, met.doubts.length];
  };
  assert.equal(way(TCP, other, DROP), ['accept', 0, 0]);
  assert.equal(way(TCP, own, DROP), ['drop', 0, 0]);
  const notOther = when({ on: 'destination-port', ranges: [{ low: 80, high: 80 }] }, true);
  assert.equal(way(notOther, DROP), ['drop', 0, 0]);
  assert.equal(way(LOT, other, DROP), ['accept', 0, 0]);
  // What a rule does before it asks for the port, it has done.
  assert.equal(way(set(9, ALL), other, DROP), ['accept', 9, 0]);
});

test('the world does not matter to rules that do not ask for it', () => {
  const world = makeWorld(NOTHING, false, { devices: [], containers: [] });
  const rules = ruleSet(filter(base('F', 'forward', [rule(TCP, DROP)])));
  assert.is(meet(rules, 'forward', {}, { world }).end.verdict, 'drop');
});

test.run();
