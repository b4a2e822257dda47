/** The route of a packet: policy rules by priority, tables by prefix and metric, and what refuses it. */
import * as assert from 'uvu/assert';
import type { PolicyRule, Route, Routing } from '../../../src/model/routing.js';
import { lookUpRoute, type RouteQuery } from '../../../src/rules/evaluate/routing/lookup.js';
import { writePolicyRule, writeRoute } from '../../../src/rules/evaluate/routing/ip-text.js';
import { suite } from '../../support/suite.js';
import { flow, link, policy, route, routing, USUAL } from './tables.js';

const test = suite('look-up of routes');

/** By which devices it leads, how it is refused, or `none`; a question mark for each doubt. */
function look(tables: Routing, change: Partial<RouteQuery> = {}, answer = false): string {
  let asked = '';
  const decision = lookUpRoute(tables, flow({ destination: '192.0.2.9', ...change }), () => {
    asked += '?';
    return answer;
  });
  const told =
    decision.kind === 'route'
      ? decision.hops.map(({ device }) => device).join()
      : decision.kind === 'refused'
        ? `${decision.how}${decision.route ? '' : ' by a rule'}`
        : 'none';
  return told + asked;
}

const DEFAULT = route('0.0.0.0/0', 'ext0');

test('the longest prefix, then the smallest metric', () => {
  const routes = [
    DEFAULT,
    route('192.0.0.0/16', 'a'),
    route('192.0.2.0/24', 'b'),
    route('10.0.0.0/8', 'c'),
  ];
  assert.equal([look(routing(routes)), look(routing([...routes].reverse()))], ['b', 'b']);
  assert.is(look(routing(routes), { destination: '192.0.9.9' }), 'a');
  assert.is(look(routing(routes), { destination: '8.8.8.8' }), 'ext0');
  const metrics = [
    route('192.0.2.0/24', 'far', { metric: 100 }),
    route('192.0.2.0/24', 'near', { metric: 5 }),
  ];
  assert.is(look(routing(metrics)), 'near');
});

test('no route, and routes of the other family', () => {
  assert.is(look(routing([])), 'none');
  assert.is(look(routing([{ ...DEFAULT, family: 6 }])), 'none');
  assert.is(
    look(routing([DEFAULT], { rules: USUAL.map((rule) => ({ ...rule, family: 6 as const })) })),
    'none',
  );
});

test('local comes before main, main before default', () => {
  const routes = [
    DEFAULT,
    route('192.0.2.9/32', 'lo', { table: 'local', type: 'local' }),
    route('0.0.0.0/0', 'd', { table: 'default' }),
  ];
  assert.is(look(routing(routes)), 'lo');
  assert.equal(
    [
      look(routing(routes), { destination: '8.8.8.8' }),
      look(routing(routes.slice(1)), { destination: '8.8.8.8' }),
    ],
    ['ext0', 'd'],
  );
});

test('rules by priority, whatever their order in the list', () => {
  const routes = [DEFAULT, route('0.0.0.0/0', 'vpn', { table: '100' })];
  const rules = [...USUAL, policy(1000, '100')];
  assert.is(look(routing(routes, { rules })), 'vpn');
  assert.is(look(routing(routes, { rules: [...USUAL, policy(40_000, '100')] })), 'ext0');
});

const VPN = [DEFAULT, route('0.0.0.0/0', 'vpn', { table: '100' })];

/** Whether a rule with this condition is met. */
function meets(
  condition: Partial<PolicyRule>,
  change: Partial<RouteQuery> = {},
  answer = false,
): string {
  return look(routing(VPN, { rules: [...USUAL, policy(100, '100', condition)] }), change, answer);
}

test('what a rule asks for', () => {
  const cases: [Partial<PolicyRule>, Partial<RouteQuery>, Partial<RouteQuery>][] = [
    [{ from: '203.0.113.0/24' }, {}, { source: '198.51.100.9' }],
    [{ to: '192.0.2.0/24' }, {}, { destination: '192.0.3.9' }],
    [{ inDevice: 'ext0' }, {}, { inDevice: 'lo' }],
    [{ outDevice: 'vpn' }, { outDevice: 'vpn' }, {}],
    [{ protocol: 'tcp' }, {}, { protocol: 'udp' }],
    [{ destinationPorts: { low: 8080, high: 8081 } }, {}, { destinationPort: 8082 }],
    [{ destinationPorts: { low: 8000, high: 8080 } }, {}, { destinationPort: 7999 }],
    [{ sourcePorts: { low: 5, high: 6 } }, { sourcePort: 5 }, { sourcePort: 7 }],
    [{ users: { low: 0, high: 10 } }, {}, { user: 11 }],
    [{ users: { low: 5, high: 10 } }, { user: 5 }, { user: 4 }],
    [{ mark: { value: 1, mask: 0xff } }, { mark: 0x101 }, { mark: 2 }],
    [{ mark: { value: 0x101, mask: 0xff } }, { mark: 1 }, { mark: 2 }],
    [{ mark: { value: 0x80000000, mask: 0x80000000 } }, { mark: 0x80000001 }, { mark: 1 }],
  ];
  for (const [condition, yes, no] of cases) {
    const told = JSON.stringify(condition);
    assert.is(meets(condition, yes), 'vpn', told);
    assert.is(meets({ ...condition, not: true }, no), 'vpn', told);
    const passed = condition.outDevice === undefined ? 'ext0' : 'none';
    assert.is(meets(condition, no), 'ext0', told);
    assert.is(meets({ ...condition, not: true }, yes), passed, told);
  }
  assert.is(meets({ from: '0.0.0.0/0' }, { source: null }), 'ext0');
  assert.is(meets({ users: { low: 0, high: 4294967294 } }, { user: null }), 'vpn');
});

test('what is not known is asked, unless something else rules the rule out', () => {
  const cases: [Partial<PolicyRule>, Partial<RouteQuery>][] = [
    [{ destinationPorts: { low: 1, high: 2 } }, { destinationPort: null }],
    [{ sourcePorts: { low: 1, high: 2 } }, { sourcePort: null }],
    [{ users: { low: 0, high: 9 } }, { user: null }],
    [{ mark: { value: 1, mask: 1 } }, { mark: null }],
    [{ unknown: 'tun_id 7' }, {}],
  ];
  for (const [condition, change] of cases) {
    assert.equal(
      [meets(condition, change, true), meets(condition, change, false)],
      ['vpn?', 'ext0?'],
    );
    assert.is(meets({ ...condition, protocol: 'udp' }, change, true), 'ext0');
  }
});

test('rules that say no, that do nothing, and that lead on', () => {
  for (const action of ['blackhole', 'unreachable', 'prohibit'] as const) {
    assert.is(meets({ action }), `${action} by a rule`);
  }
  assert.is(meets({ action: 'nop' }), 'ext0');
  const jump = (target: number): string =>
    look(
      routing(VPN, {
        rules: [...USUAL, policy(10, '', { action: 'goto', target }), policy(100, '100')],
      }),
    );
  assert.equal([jump(200), jump(100), jump(50)], ['ext0', 'vpn', 'vpn']);
});

test('routes that say no, and those that lead on to the next rule', () => {
  for (const type of ['blackhole', 'unreachable', 'prohibit']) {
    assert.is(look(routing([DEFAULT, route('192.0.2.0/24', null, { type })])), type);
  }
  const thrown = [...VPN, route('192.0.2.0/24', null, { type: 'throw', table: '100' })];
  const rules = [...USUAL, policy(100, '100')];
  assert.equal(
    [
      look(routing(thrown, { rules })),
      look(routing(thrown, { rules }), { destination: '8.8.8.8' }),
    ],
    ['ext0', 'vpn'],
  );
});

test('dead ways are passed over, and those of another device than it is bound to', () => {
  const ways = (...devices: [string, boolean][]): Route =>
    route('192.0.2.0/24', null, {
      hops: devices.map(([device, dead]) => ({ device, gateway: null, down: false, dead })),
    });
  assert.is(look(routing([DEFAULT, ways(['a', false], ['b', false])])), 'a,b');
  assert.is(look(routing([DEFAULT, ways(['a', true], ['b', false])])), 'b');
  assert.is(look(routing([DEFAULT, ways(['a', true])])), 'ext0');
  assert.is(look(routing([DEFAULT, ways(['a', false], ['b', false])]), { outDevice: 'b' }), 'b');
  assert.is(look(routing([DEFAULT, ways(['a', false])]), { outDevice: 'b' }), 'none');
});

test('a rule that suppresses short prefixes', () => {
  const suppress = (suppressed: number, destination: string): string => {
    const rules = [...USUAL, policy(100, '100', { suppressed })];
    const routes = [
      route('0.0.0.0/0', 'ext0'),
      route('0.0.0.0/0', 'vpn', { table: '100' }),
      route('192.0.2.0/24', 'vpn2', { table: '100' }),
    ];
    return look(routing(routes, { rules }), { destination });
  };
  assert.equal(
    [
      suppress(0, '8.8.8.8'),
      suppress(0, '192.0.2.9'),
      suppress(24, '192.0.2.9'),
      suppress(23, '192.0.2.9'),
    ],
    ['ext0', 'vpn2', 'ext0', 'vpn2'],
  );
});

test('a route for a type of service is a doubt', () => {
  const routes = [DEFAULT, route('192.0.2.0/24', 'tos', { special: true })];
  assert.equal(
    [look(routing(routes), {}, true), look(routing(routes), {}, false)],
    ['tos?', 'ext0?'],
  );
});

test('the table of the VRF that it comes or leaves by', () => {
  const rules = [...USUAL, policy(1000, '', { action: 'l3mdev', table: null })];
  const routes = [DEFAULT, route('0.0.0.0/0', 'vpn', { table: '100' })];
  const links = [
    link('vrf1', 9, { kind: 'vrf', mode: '100' }),
    link('ext0', 2, { master: 'vrf1' }),
    link('ext1', 3),
    link('eth7', 4, { master: 'br0' }),
    link('br0', 5, { kind: 'bridge', mode: '100' }),
  ];
  const tables = routing(routes, { rules, links });
  assert.equal(
    [
      look(tables),
      look(tables, { inDevice: 'ext1' }),
      look(tables, { inDevice: 'vrf1' }),
      look(tables, { inDevice: 'eth7' }),
    ],
    ['vpn', 'ext0', 'vpn', 'ext0'],
  );
});

test('rules and routes in the words of ip', () => {
  assert.is(writePolicyRule(policy(1, 'main')), 'from all lookup main');
  const full = policy(1, '100', {
    not: true,
    from: '10.0.0.0/8',
    to: '192.0.2.0/24',
    mark: { value: 1, mask: 0xff },
    inDevice: 'a',
    outDevice: 'b',
    users: { low: 0, high: 9 },
    protocol: 'tcp',
    sourcePorts: { low: 5, high: 5 },
    destinationPorts: { low: 6, high: 7 },
    unknown: 'tos 4',
    suppressed: 0,
  });
  assert.is(
    writePolicyRule(full),
    'not from 10.0.0.0/8 to 192.0.2.0/24 fwmark 0x1/0xff iif a oif b uidrange 0-9 ipproto tcp sport 5 dport 6-7 tos 4 lookup 100 suppress_prefixlength 0',
  );
  const written = (more: Partial<PolicyRule>): string => writePolicyRule(policy(1, '', more));
  assert.is(
    written({ mark: { value: 16, mask: 0xffffffff }, action: 'goto', target: 9 }),
    'from all fwmark 0x10 goto 9',
  );
  assert.equal(
    [written({ action: 'l3mdev' }), written({ action: 'prohibit' })],
    ['from all lookup [l3mdev-table]', 'from all prohibit'],
  );
  assert.is(writeRoute(DEFAULT), 'default dev ext0');
  assert.is(
    writeRoute(route('192.0.2.1/32', null, { type: 'blackhole', table: '7', metric: 5 })),
    'blackhole 192.0.2.1 table 7 metric 5',
  );
  const hops = [
    { device: 'a', gateway: '10.0.0.1' },
    { device: null, gateway: null },
  ].map((hop) => ({ ...hop, down: false, dead: false }));
  assert.is(
    writeRoute(route('fd00::1/128', null, { family: 6, hops })),
    'fd00::1 nexthop via 10.0.0.1 dev a nexthop dev ?',
  );
  assert.is(writeRoute(route('192.0.2.0/24', 'a')), '192.0.2.0/24 dev a');
});

test.run();
