/** Predictions on the rule sets of every Docker era, Podman, CNI and kube-proxy, against what is known of them. */
import * as assert from 'uvu/assert';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import { findMappings, inferEngine } from '../../../src/rules/evaluate/mappings.js';
import { findBridges } from '../../../src/rules/evaluate/surroundings.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import {
  FAR_BRIDGE,
  loadRules,
  makeWorld,
  NOTHING,
  predictRedis,
  readRules,
  redis,
  summarize,
  predictInWords,
} from './worlds.js';

const test = suite('predict');

const WITH_PROXY = {
  'outside: outside → 198.51.100.1:6379': 'dnat',
  'loopback: host → 127.0.0.1:6379': 'docker-proxy, seen as 172.17.0.1',
  'own-address: host → 198.51.100.1:6379': 'dnat, seen as 198.51.100.1',
  'own-address: host → 172.17.0.1:6379': 'dnat, seen as 172.17.0.1',
  'loopback6: host → [::1]:6379': 'docker-proxy, seen as 172.17.0.1',
  'container-address: host → 172.17.0.2:6379': 'direct, seen as 172.17.0.1',
  'same-bridge: container other → 172.17.0.1:6379': 'docker-proxy, seen as 172.17.0.1',
  'self: container redis → 172.17.0.1:6379': 'docker-proxy, seen as 172.17.0.1',
  'container-address: container other → 172.17.0.2:6379': 'direct, seen as 172.17.0.4',
  'container-address: container far → 172.17.0.2:6379': 'dropped',
};
const WITHOUT_PROXY = {
  'outside: outside → 198.51.100.1:6379': 'dnat',
  'loopback: host → 127.0.0.1:6379': 'dnat, seen as 172.17.0.1',
  'own-address: host → 198.51.100.1:6379': 'dnat, seen as 172.17.0.1',
  'own-address: host → 172.17.0.1:6379': 'dnat, seen as 172.17.0.1',
  'loopback6: host → [::1]:6379': 'refused',
  'container-address: host → 172.17.0.2:6379': 'direct, seen as 172.17.0.1',
  'same-bridge: container other → 172.17.0.1:6379': 'dnat, seen as 172.17.0.4',
  'self: container redis → 172.17.0.1:6379': 'dnat, seen as 172.17.0.1',
  'container-address: container other → 172.17.0.2:6379': 'direct, seen as 172.17.0.4',
  'container-address: container far → 172.17.0.2:6379': 'dropped',
};
/** From a container on another bridge: through the relay or dropped up to Docker 28, translated since. */
const FAR = 'other-bridge: container far → 198.51.100.1:6379';
/** Straight to the container's address from elsewhere: the raw table forbids it since Docker 28. */
const STRAIGHT = 'container-address: outside → 172.17.0.2:6379';

const ERAS: [file: string, proxy: boolean, far: string, straight: string][] = [
  ['docker-20.10-proxy.iptables', true, 'docker-proxy, seen as 172.17.0.1', 'direct'],
  ['docker-20.10-proxy.nft', true, 'docker-proxy, seen as 172.17.0.1', 'direct'],
  ['docker-20.10-no-proxy.iptables', false, 'dropped', 'direct'],
  ['docker-28-proxy.iptables', true, 'docker-proxy, seen as 172.17.0.1', 'dropped'],
  ['docker-28-no-proxy.iptables', false, 'dropped', 'dropped'],
  ['docker-29-proxy.iptables', true, 'dnat, seen as 172.17.0.1', 'dropped'],
  ['docker-29-no-proxy.iptables', false, 'dnat, seen as 172.17.0.1', 'dropped'],
  ['docker-29-proxy.nft', true, 'dnat, seen as 172.17.0.1', 'dropped'],
  ['docker-29-no-proxy.nft', false, 'dnat, seen as 172.17.0.1', 'dropped'],
];

for (const [file, proxy, far, straight] of ERAS) {
  test(`every vantage, with the rules of ${file}`, () => {
    const expected = { ...(proxy ? WITH_PROXY : WITHOUT_PROXY), [FAR]: far, [STRAIGHT]: straight };
    const predictions = predictRedis(makeWorld(loadRules(file), proxy));
    assert.equal(
      summarize(predictions),
      Object.fromEntries(Object.entries(expected).sort(order(predictions))),
    );
  });

  test(`what is told by the rules alone: ${file}`, () => {
    const rules = loadRules(file);
    assert.is(inferEngine(rules)?.userlandProxy, proxy);
    const mappings = findMappings(rules).map(
      ({ listens, target }) =>
        `${listens.address}:${listens.port} ${target.address}:${target.port}`,
    );
    assert.equal(mappings, ['0.0.0.0:6379 172.17.0.2:6379', '127.0.0.1:6390 172.17.0.3:6379']);
    const bridges = findBridges(rules).map(({ name, networks }) => `${name} ${networks.join()}`);
    assert.equal(bridges.sort(), [`${FAR_BRIDGE} 172.30.0.1/16`, 'docker0 172.17.0.1/16'].sort());
  });
}

/** `uvu` compares keys in order. */
function order(predictions: Parameters<typeof summarize>[0]) {
  const keys = Object.keys(summarize(predictions));
  return ([a]: [string, string], [b]: [string, string]): number =>
    keys.indexOf(a) - keys.indexOf(b);
}

function find(world: World, key: string) {
  const predictions = predictRedis(world);
  const at = Object.keys(summarize(predictions)).findIndex((name) => name.startsWith(key));
  const found = predictions[at];
  if (!found) throw new Error(`no prediction ${key}`);
  return found;
}

const PROXY = 'docker-20.10-proxy.iptables';
const NO_PROXY = 'docker-20.10-no-proxy.iptables';

test('the deciding rule: the one that translates, or the one that did not', () => {
  const world = makeWorld(loadRules(PROXY), true);
  const rule = (key: string) => find(world, key).rule;
  assert.match(rule('outside') ?? '', /-A DOCKER ! -i docker0 .* -j DNAT/);
  assert.match(rule('loopback:') ?? '', '-A OUTPUT ! -d 127.0.0.0/8');
  assert.is(rule('same-bridge'), '-A DOCKER -i docker0 -j RETURN');
  assert.is(
    rule('container-address: container far'),
    '-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
  );
});

test('rules flushed: everything falls to docker-proxy, or is refused without it', () => {
  const proxied = predictRedis(makeWorld(NOTHING, true));
  assert.ok(
    proxied
      .filter(({ vantage }) => vantage !== 'container-address')
      .every(({ path }) => path === 'docker-proxy'),
  );
  const bare = predictRedis(makeWorld(NOTHING, false));
  assert.ok(
    bare
      .filter(({ vantage }) => vantage !== 'container-address')
      .every(({ path }) => path === 'refused'),
  );
});

test('docker-proxy dead, rules alive: 127.0.0.1 is refused, other addresses are translated', () => {
  const world = makeWorld(loadRules(PROXY), true, { sockets: [], relays: [] });
  assert.is(find(world, 'loopback:').path, 'refused');
  assert.is(find(world, 'own-address').path, 'dnat');
});

test('a container that listens on 127.0.0.1 only: refused by DNAT, reset behind docker-proxy', () => {
  const world = makeWorld(loadRules(PROXY), true);
  const containers = world.containers.map((container) =>
    container.name === 'redis' ? { ...container, sockets: [redis('127.0.0.1')] } : container,
  );
  const outside = find({ ...world, containers }, 'outside');
  assert.is(outside.path, 'refused');
  assert.is(outside.way, 'dnat');
  assert.match(outside.obstacles.join(), 'listens on 127.0.0.1:6379 only');
  const loopback = find({ ...world, containers }, 'loopback:');
  assert.is(loopback.path, 'docker-proxy');
  assert.match(loopback.why, 'handshake with docker-proxy succeeds, and then it is reset');
});

test('a relay to an address that no container has is a dead end', () => {
  const world = makeWorld(loadRules(PROXY), true);
  const relays = world.relays.map((relay) => ({
    ...relay,
    target: { address: '172.17.0.9', port: 6379 },
  }));
  assert.match(
    find({ ...world, relays }, 'loopback:').obstacles.join(),
    'no running container has the address 172.17.0.9',
  );
});

test('ip_forward off: only what is not forwarded still works', () => {
  const world = makeWorld(loadRules(PROXY), true);
  const off = { ...world, settings: { ...world.settings, forward4: false } };
  assert.is(find(off, 'outside').path, 'dropped');
  assert.match(find(off, 'outside').obstacles.join(), 'net.ipv4.ip_forward is 0');
  assert.is(find(off, 'own-address').path, 'dnat');
  assert.is(find(off, 'loopback:').path, 'docker-proxy');
});

test('without docker-proxy 127.0.0.1 needs route_localnet; when that is not known, it says so', () => {
  const world = makeWorld(loadRules(NO_PROXY), false);
  const set = (routeLocalnet: readonly string[] | null) =>
    find({ ...world, settings: { ...world.settings, routeLocalnet } }, 'loopback:');
  assert.is(set(['all']).path, 'dnat');
  assert.is(set([]).path, 'dropped');
  assert.match(set([]).obstacles.join(), 'net.ipv4.conf.docker0.route_localnet is 0');
  assert.is(set(null).path, 'unknown');
  assert.match(set(null).why, 'route_localnet');
});

test('bridge-nf-call-iptables off: replies inside the bridge are not translated back', () => {
  const world = makeWorld(loadRules(NO_PROXY), false);
  const off = { ...world, settings: { ...world.settings, bridgeCalls4: false } };
  assert.is(find(off, 'same-bridge').path, 'dropped');
  assert.match(find(off, 'same-bridge').obstacles.join(), 'bridge-nf-call-iptables is off');
  assert.is(find(off, 'self').path, 'dnat', 'masqueraded: the reply goes by the host');
});

function addRule(file: string, table: string, rule: string): World {
  const text = readRules(file).replace(new RegExp(`(\\*${table}\n(?::.*\n)*)`), `$1${rule}\n`);
  return makeWorld(parseSaved(text, file), file === PROXY);
}

test('an unknown match that could matter makes the prediction unknown, one that could not does not', () => {
  const maybe = addRule(
    PROXY,
    'filter',
    '-A FORWARD -o docker0 -m geoip --source-country XX -j DROP',
  );
  assert.is(find(maybe, 'outside').path, 'unknown');
  assert.match(find(maybe, 'outside').why, '-m geoip --source-country XX');
  assert.is(find(maybe, 'loopback:').path, 'docker-proxy', 'it never meets FORWARD');
  const harmless = addRule(PROXY, 'filter', '-A FORWARD -m geoip --source-country XX -j LOG');
  assert.is(find(harmless, 'outside').path, 'dnat');
  const other = addRule(PROXY, 'filter', '-A FORWARD -p udp -m geoip --source-country XX -j DROP');
  assert.is(find(other, 'outside').path, 'dnat');
  const same = addRule(PROXY, 'nat', '-A PREROUTING -m geoip --source-country XX -j DOCKER');
  assert.is(find(same, 'outside').path, 'dnat', 'both ways lead to the same end');
});

test('a rule for some clients only: unknown, until the client is given', () => {
  const world = addRule(PROXY, 'filter', '-A DOCKER-USER -s 203.0.113.0/24 -j DROP');
  assert.is(find(world, 'outside').path, 'unknown');
  assert.match(find(world, 'outside').why, "the client's address");
  const from = (client: string) => predictRedis(world, { client })[0];
  assert.is(from('203.0.113.7')?.path, 'dropped');
  assert.is(from('203.0.113.7')?.rule, '-A DOCKER-USER -s 203.0.113.0/24 -j DROP');
  assert.is(from('198.51.100.2')?.path, 'dnat');
  assert.is(from('198.51.100.2')?.sourceSeen, '198.51.100.2');
});

test('a drop by another firewall, in any table and backend', () => {
  const raw = addRule(
    PROXY,
    'filter',
    '-A FORWARD -i ext0 -j REJECT --reject-with icmp-port-unreachable',
  );
  assert.is(find(raw, 'outside').path, 'refused');
  const nft = parseNftWith(
    'table inet fw { chain f { type filter hook forward priority 10; policy accept; iifname "ext0" tcp dport 6379 drop; } }',
  );
  assert.is(find(nft, 'outside').path, 'dropped');
  assert.is(find(nft, 'own-address').path, 'dnat');
});

function parseNftWith(text: string): World {
  const rules = loadRules(PROXY);
  return makeWorld({ ...rules, tables: [...rules.tables, ...parseNft(text, 'fw').tables] }, true);
}

test('published on 127.0.0.1: not from outside, whatever the era', () => {
  for (const [file, proxy] of ERAS) {
    const relay = { pid: 12, command: 'docker-proxy', protocol: 'tcp' } as const;
    const listens = { address: '127.0.0.1', port: 6390 };
    const target = { address: '172.17.0.3', port: 6379 };
    const world = makeWorld(loadRules(file), proxy);
    const shut = {
      name: 'shut',
      places: [{ bridge: 'docker0', address: '172.17.0.3' }],
      sockets: [redis()],
    };
    const full = {
      ...world,
      containers: [...world.containers, shut],
      relays: proxy ? [{ ...relay, listens, target }] : [],
      sockets: proxy ? [{ ...relay, ...listens }] : [],
    };
    const way = {
      mapping: { protocol: 'tcp', listens, target },
      container: shut,
      client: null,
    } as const;
    const paths = Object.fromEntries(
      predictInWords(full, [way]).map(({ vantage, from, path }) => [`${vantage} ${from}`, path]),
    );
    assert.is(paths['outside outside'], 'refused', file);
    assert.is(paths['loopback host'], proxy ? 'docker-proxy' : 'dnat', file);
    assert.is(paths['same-bridge container redis'], 'refused', file);
  }
});

test('Podman and CNI: DNAT from everywhere, masqueraded for loopback and the own network', () => {
  for (const file of [
    ...['netavark-1.4.iptables', 'cni-portmap-1.1.1.iptables'],
    ...['netavark.iptables', 'netavark.nft', 'cni-portmap.iptables'],
  ]) {
    const rules = loadRules(file);
    const base = makeWorld(rules, false);
    const container = {
      name: 'redis',
      sockets: [redis()],
      places: [{ bridge: 'podman0', address: '10.88.0.2' }],
    };
    const world: World = {
      ...base,
      devices: [
        ...base.devices.slice(0, 2),
        { name: 'podman0', kind: 'bridge', networks: ['10.88.0.1/16'] },
      ],
      containers: [container],
      settings: { ...base.settings, routeLocalnet: ['podman0'] },
      userlandProxy: null,
    };
    const [mapping] = findMappings(rules);
    assert.ok(mapping, file);
    const found = summarize(predictInWords(world, [{ mapping, container, client: null }]));
    assert.equal(
      found,
      {
        'outside: outside → 198.51.100.1:6379': 'dnat',
        'container-address: outside → 10.88.0.2:6379': 'direct',
        'loopback: host → 127.0.0.1:6379': 'dnat, seen as 10.88.0.1',
        'own-address: host → 198.51.100.1:6379': 'dnat, seen as 198.51.100.1',
        'own-address: host → 10.88.0.1:6379': 'dnat, seen as 10.88.0.1',
        'loopback6: host → [::1]:6379': 'refused',
        'container-address: host → 10.88.0.2:6379': 'direct, seen as 10.88.0.1',
        'same-bridge: a container on podman0 → 10.88.0.1:6379': 'dnat, seen as 10.88.0.1',
        // With netavark nothing comes back, with CNI it depends on its hairpinMode.
        'self: container redis → 10.88.0.1:6379': 'unknown',
        'container-address: a container on podman0 → 10.88.0.2:6379': 'direct, seen as 10.88.0.14',
      },
      file,
    );
  }
});

test('what decides without rules makes predictions unknown: eBPF, IPVS, the balancer of a swarm', () => {
  const world = makeWorld(loadRules(PROXY), true);
  for (const [name, who] of [
    ['cilium_host', 'eBPF'],
    ['kube-ipvs0', 'IPVS'],
  ] as const) {
    const devices = [...world.devices, { name, kind: 'outside', networks: [] } as const];
    const outside = find({ ...world, devices }, 'outside');
    assert.is(outside.path, 'unknown');
    assert.match(outside.why, who);
  }
  const swarm = readRules(PROXY).replaceAll(/(?<=[: ])DOCKER(?=\s)/g, 'DOCKER-INGRESS');
  const ingress = find(makeWorld(parseSaved(swarm, 'swarm'), true), 'outside');
  assert.is(ingress.path, 'unknown');
  assert.match(ingress.why, 'IPVS');
});

test('a bridge that is none of the engine’s may hold anything, such as virtual machines', () => {
  const rules = parseSaved(readRules(PROXY).replaceAll('172.17.0.2', '192.168.122.7'), 'vm');
  const world = makeWorld(rules, true);
  const virbr = { name: 'virbr0', kind: 'bridge', networks: ['192.168.122.1/24'] } as const;
  const devices = [...world.devices, virbr];
  assert.is(find({ ...world, devices }, 'outside').path, 'dropped', 'by the policy of FORWARD');
  assert.match(find({ ...world, devices }, 'own-address').path, 'dnat');
});

test('kube-proxy: one of the pods by lot, masqueraded by a mark', () => {
  const rules = loadRules('kube-proxy.iptables');
  const world = { ...makeWorld(rules, false), containers: [] };
  const mapping = {
    protocol: 'tcp',
    listens: { address: '0.0.0.0', port: 30079 },
    target: { address: '10.244.0.5', port: 6379 },
  } as const;
  const [outside] = predictInWords(world, [{ mapping, container: null, client: null }]);
  assert.is(outside?.path, 'dnat');
  assert.match(outside?.why ?? '', /another of 10\.244\.\d\.\d:6379, 10\.244\.\d\.\d:6379/);
});

test('10,000 rules in front are parsed and evaluated', () => {
  const many = Array.from(
    { length: 10_000 },
    (_, i) => `-A FORWARD -s 203.0.${i >> 8}.${i & 255}/32 -p tcp -m tcp --dport ${i + 1} -j DROP`,
  );
  const text = readRules(PROXY).replace(/(\*filter\n(?::.*\n)*)/, `$1${many.join('\n')}\n`);
  const began = performance.now();
  const rules = parseSaved(text, 'many');
  const predictions = predictRedis(makeWorld(rules, true), { client: '198.51.100.2' });
  const took = performance.now() - began;
  assert.is(rules.tables[0]?.chains[1]?.rules.length, 10_010);
  assert.is(predictions[0]?.path, 'dnat');
  process.stderr.write(`10,000 rules: ${Math.round(took)} ms\n`);
});

test('what a rule sends to the host itself: who answers is not predicted', () => {
  const rule = '-A PREROUTING -p tcp -m tcp --dport 6379 -j REDIRECT --to-ports 7000';
  const rules = parseSaved(`*nat\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`, 'redirect');
  const outside = (change: Partial<World>) =>
    predictRedis(makeWorld(rules, true, change)).find(({ vantage }) => vantage === 'outside');
  const served = outside({ sockets: [redis('0.0.0.0', 7000)] });
  assert.is(served?.path, 'unknown');
  assert.match(
    served?.why ?? '',
    /a rule sends it to \S+ port 7000 of this host, where redis-server/,
  );
  const shut = outside({ sockets: [] });
  assert.is(shut?.path, 'refused');
  assert.match(shut?.why ?? '', /port 7000 of this host, where nothing listens/);
  assert.is(outside({ sockets: null })?.path, 'unknown');
});

function besides(text: string): World {
  const known = loadRules(PROXY);
  const { tables, notes } = parseSaved(text, 'besides');
  return makeWorld({ tables: [...known.tables, ...tables], notes }, true);
}

test('two chains of equal priority, of which one drops and one rejects: nobody knows which is first', () => {
  const drop = '-A FORWARD -d 172.17.0.2 -j DROP';
  const reject = 'table inet other { chain f { type filter hook forward priority 0; reject; }; }';
  const one = besides(`*filter\n:FORWARD ACCEPT [0:0]\n${drop}\nCOMMIT\n`);
  const straight = (world: World): string => {
    const found = predictRedis(world).find(({ to }) => to === '172.17.0.2:6379');
    return `${found?.path}: ${found?.why}`;
  };
  assert.match(straight(one), /^dropped/);
  const both = { ...one.rules, tables: [...one.rules.tables, ...parseNft(reject, 'other').tables] };
  assert.match(straight({ ...one, rules: both }), /^unknown: it depends on whether .* registered/);
});

test('a DNAT rule to the address that was dialled translates nothing', () => {
  const rule = '-A PREROUTING -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6379';
  const found = summarize(
    predictRedis(besides(`*nat\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`)),
  );
  assert.is(found[STRAIGHT], 'direct');
});

test('whether docker-proxy gets through is unknown where a rule asks for what is not known', () => {
  const rules = '-A OUTPUT -o lo -j ACCEPT\n-A OUTPUT -m owner --uid-owner 0 -j ACCEPT';
  const found = find(besides(`*filter\n:OUTPUT DROP [0:0]\n${rules}\nCOMMIT\n`), 'loopback');
  assert.is(found.path, 'unknown');
  assert.match(found.why, /it depends on .*owner.*: docker-proxy, in vain or docker-proxy$/);
});

test.run();
