/** Routes and settings of a host, as the kernel and iproute2 print them. */
import * as assert from 'uvu/assert';
import {
  parseAllRoutes,
  parseForwarding,
  parseLinkFacts,
  parsePolicyRules,
} from '../../src/host/routing.js';
import { parseSettings, readSettings } from '../../src/host/settings.js';
import type { RunCommand } from '../../src/host/command.js';
import { suite } from '../support/suite.js';

const test = suite('settings');

test('settings are read by name, whatever the device is called', () => {
  const values = parseSettings('ipv4/ip_forward:1\nipv4/conf/eth0:1/route_localnet:0\ngrep: no\n');
  assert.is(values.get('ipv4/ip_forward'), '1');
  assert.is(values.get('ipv4/conf/eth0:1/route_localnet'), '0');
});

test('routes: defaults, single addresses, all tables, multipath, and what leads nowhere', () => {
  const text = JSON.stringify([
    { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', flags: ['linkdown'] },
    { dst: '172.17.0.0/16', dev: 'docker0', prefsrc: '172.17.0.1', table: '52', metric: 7 },
    { dst: '203.0.113.9', via: { family: 'inet6', host: 'fe80::1' }, dev: 'eth0' },
    { type: 'unreachable', dst: '10.0.0.0/8', metrics: [{ mtu: 1300 }] },
    {
      dst: '10.1.0.0/16',
      nexthops: [
        { gateway: '192.0.2.9', dev: 'a' },
        { dev: 'b', flags: ['dead'] },
      ],
    },
    { type: 'local', dst: '2001:db8::1', dev: 'lo', table: 'local' },
  ]);
  const hop = { device: 'eth0', gateway: null, down: false, dead: false };
  const plain = {
    family: 4,
    table: 'main',
    type: 'unicast',
    metric: 0,
    source: null,
    mtu: null,
    special: false,
  };
  assert.equal(parseAllRoutes(text, 4), [
    { ...plain, destination: '0.0.0.0/0', hops: [{ ...hop, gateway: '192.0.2.1', down: true }] },
    {
      ...plain,
      destination: '172.17.0.0/16',
      table: '52',
      metric: 7,
      source: '172.17.0.1',
      hops: [{ ...hop, device: 'docker0' }],
    },
    { ...plain, destination: '203.0.113.9/32', hops: [{ ...hop, gateway: 'fe80::1' }] },
    { ...plain, destination: '10.0.0.0/8', type: 'unreachable', mtu: 1300, hops: [] },
    {
      ...plain,
      destination: '10.1.0.0/16',
      hops: [
        { ...hop, device: 'a', gateway: '192.0.2.9' },
        { ...hop, device: 'b', dead: true },
      ],
    },
  ]);
  assert.equal(parseAllRoutes('', 6), []);
  assert.is(parseAllRoutes('[{"dst":', 4), null);
  assert.is(parseAllRoutes('{}', 4), null);
  const one = (dst: string): string => JSON.stringify([{ dst, dev: 'eth0' }]);
  assert.is(parseAllRoutes(one('10.0.0.0/8'), 4)?.length, 1);
  assert.is(parseAllRoutes(one('10.0.0.0/99'), 4), null, 'a route less would be another way');
});

test('policy rules as ip prints them, and what of them is not known', () => {
  const text = JSON.stringify([
    { priority: 0, src: 'all', table: 'local' },
    { priority: 5, src: 'all', dst: '1.2.3.4', goto: 32766 },
    { priority: 6, src: 'all', tos: '0x08', action: 'prohibit' },
    {
      priority: 76,
      src: 'all',
      uid_start: 1,
      uid_end: 2,
      ipproto: 'tcp',
      sport_start: 5,
      sport_end: 6,
      dport: 80,
      action: 'blackhole',
    },
    { priority: 1000, src: 'all', l3mdev: null },
    { priority: 32763, src: 'all', table: 'main', suppress_prefixlen: 0 },
    {
      priority: 32764,
      not: null,
      src: '10.0.0.0',
      srclen: 24,
      fwmark: '0xca6c',
      fwmask: '0xffff',
      iif: 'lo',
      table: '51820',
    },
  ]);
  const rule = {
    family: 4,
    not: false,
    from: null,
    to: null,
    mark: null,
    inDevice: null,
    outDevice: null,
    users: null,
    protocol: null,
    sourcePorts: null,
    destinationPorts: null,
    action: 'lookup',
    table: null,
    target: null,
    suppressed: null,
    unknown: null,
  };
  assert.equal(parsePolicyRules(text, 4), [
    { ...rule, priority: 0, table: 'local' },
    { ...rule, priority: 5, to: '1.2.3.4/32', action: 'goto', target: 32766 },
    { ...rule, priority: 6, action: 'prohibit', unknown: 'tos "0x08"' },
    {
      ...rule,
      priority: 76,
      action: 'blackhole',
      users: { low: 1, high: 2 },
      protocol: 'tcp',
      sourcePorts: { low: 5, high: 6 },
      destinationPorts: { low: 80, high: 80 },
    },
    { ...rule, priority: 1000, action: 'l3mdev' },
    { ...rule, priority: 32763, table: 'main', suppressed: 0 },
    {
      ...rule,
      priority: 32764,
      not: true,
      from: '10.0.0.0/24',
      inDevice: 'lo',
      table: '51820',
      mark: { value: 0xca6c, mask: 0xffff },
    },
  ]);
});

test('a network of a policy rule that cannot be read is not taken for all addresses', () => {
  const read = (fields: object): string | null | undefined =>
    parsePolicyRules(JSON.stringify([{ priority: 1, table: 'main', ...fields }]), 4)?.[0]?.unknown;
  assert.is(read({ src: 'all' }), null);
  assert.is(read({}), null);
  assert.is(read({ src: '10.0.0.0', srclen: 8 }), null);
  assert.is(read({ src: '10.0.0.0', srclen: 99 }), 'src "10.0.0.0"');
  assert.is(read({ src: 'all', dst: '*' }), 'dst "*"');
});

test('links: ports, bridges, what a macvlan is stacked on, and XDP', () => {
  const text = JSON.stringify([
    {
      ifindex: 2,
      ifname: 'eth0',
      flags: ['UP', 'LOWER_UP'],
      mtu: 1500,
      address: '02:00:00:00:00:01',
      xdp: { mode: 1 },
    },
    {
      ifindex: 3,
      ifname: 'mv',
      link: 'eth0',
      flags: [],
      linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
    },
    {
      ifindex: 4,
      ifname: 'v0',
      link_index: 9,
      link_netnsid: 0,
      flags: ['UP'],
      master: 'br0',
      linkinfo: {
        info_kind: 'veth',
        info_slave_kind: 'bridge',
        info_slave_data: { state: 'forwarding', hairpin: true, isolated: false, locked: true },
      },
    },
    {
      ifindex: 5,
      ifname: 'br0',
      flags: ['UP'],
      linkinfo: { info_kind: 'bridge', info_data: { vlan_filtering: 1, nf_call_iptables: 1 } },
    },
  ]);
  const [eth, macvlan, port, bridge] = parseLinkFacts(text) ?? [];
  assert.is(eth?.xdp, true);
  assert.is(eth?.carrier, true);
  assert.equal([macvlan?.kind, macvlan?.mode, macvlan?.parent], ['macvlan', 'bridge', 2]);
  assert.equal([port?.parent, port?.master], [9, 'br0']);
  assert.equal(port?.port, { hairpin: true, isolated: false, locked: true, forwards: true });
  assert.equal(bridge?.bridge, { vlans: true, calls4: true, calls6: false });
});

test('links: devices that are set to use no ARP, and ports that not all goes out by', () => {
  const link = (fields: object, slave: object = {}): object => ({
    ifname: 'a',
    ifindex: 2,
    flags: ['BROADCAST', 'NOARP'],
    ...fields,
    linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: slave },
  });
  const parse = (one: object) => parseLinkFacts(JSON.stringify([one]))?.[0];
  assert.is(parse(link({}))?.noArp, true);
  assert.is(parse(link({ flags: ['BROADCAST'] }))?.noArp, undefined);
  assert.is(parse(link({ flags: ['POINTOPOINT', 'NOARP'] }))?.noArp, undefined);
  assert.is(parse({ ...link({}), linkinfo: { info_kind: 'ipvlan' } })?.noArp, undefined);
  const floods = (slave: object): unknown => parse(link({}, slave))?.port?.floods;
  const all = { learning: true, flood: true, bcast_flood: true, mcast_flood: true };
  assert.is(floods({}), undefined);
  assert.is(floods(all), undefined);
  assert.is(floods({ ...all, flood: false }), undefined);
  assert.is(floods({ ...all, learning: false }), undefined);
  assert.is(floods({ ...all, flood: false, learning: false }), false);
  assert.is(floods({ ...all, bcast_flood: false }), false);
  assert.is(floods({ ...all, mcast_flood: false }), false);
});

test('a bridge’s forwarding: what was made by hand, and nothing that it has learned or that is its ports’ own', () => {
  const entry = (state: string, more: object = { master: 'br0' }): object => ({
    mac: '02:00:00:00:00:09',
    ifname: 'veth2',
    flags: [],
    state,
    ...more,
  });
  const parse = (...entries: readonly object[]): unknown =>
    parseForwarding(JSON.stringify(entries));
  assert.equal(parse(entry('static')), [{ port: 'veth2', lladdr: '02:00:00:00:00:09' }]);
  assert.equal(parse(entry('permanent'), entry(''), entry('static', {})), []);
  assert.equal(parseForwarding('no bridge here'), []);
});

test('a namespace of which not everything could be read has no routing, and its settings all the same', async () => {
  const stdout = '@ rules4\n[]\n@ settings\nipv4/ip_forward:1\n@ end';
  const run: RunCommand = () =>
    Promise.resolve({ ok: true, stdout, stderr: '', failure: null, message: '' });
  const { routing, values, routes } = await readSettings(run, null);
  assert.is(routing, null);
  assert.is(values?.get('ipv4/ip_forward'), '1');
  assert.equal(routes, []);
});

test.run();
