/** Ids that the rules of CNI and netavark tell, and namespaces that are named by nothing else. */
import * as assert from 'uvu/assert';
import { listNameless, nameByRules, type Nameless } from '../../src/host/nameless.js';
import { parseRuleNames } from '../../src/host/rule-names.js';
import type { Container, Device } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';

const test = suite('names by rules');

const ID = 'c'.repeat(64);
const read = (...lines: readonly string[]): [string, string][] => [
  ...parseRuleNames(lines.join('\n')),
];

test('the masquerade of CNI’s bridge, as iptables saves it', () => {
  const rule = String.raw`-A POSTROUTING -s 10.22.0.2/32 -m comment --comment "name: \"web\" id: \"redis\"" -j CNI-9333`;
  assert.equal(read('*nat', rule, 'COMMIT'), [['10.22.0.2', 'redis']]);
});

test('CNI’s portmap and netavark: the id of the jump belongs to the address of its chain', () => {
  const jump = String.raw`-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"web\" id: \"a\"" -m multiport --dports 80 -j CNI-DN-1`;
  const target = '-A CNI-DN-1 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.22.0.2:80';
  assert.equal(read(target, jump), [['10.22.0.2', 'a']]);
  const netavark = `-A NETAVARK-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: podman id: ${ID}" -j NETAVARK-DN-1`;
  const six = '-A NETAVARK-DN-1 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::2]:80';
  assert.equal(read(netavark, six), [['fd00::2', ID]]);
});

test('no id is told for an address that has two, and none by a rule without an owner', () => {
  const rule = (address: string, id: string): string =>
    String.raw`-A POSTROUTING -s ${address}/32 -m comment --comment "name: \"web\" id: \"${id}\"" -j CNI-1`;
  assert.equal(read(rule('10.0.0.2', 'a'), rule('10.0.0.2', 'b'), rule('10.0.0.3', 'b')), [
    ['10.0.0.3', 'b'],
  ]);
  assert.equal(read('-A CNI-DN-1 -p tcp -j DNAT --to-destination 10.0.0.2:80', ''), []);
  assert.equal(read('-A POSTROUTING -s 10.0.0.2/32 -m comment --comment "my id" -j ACCEPT'), []);
});

const HOST = 100;
const none = { addresses: [], master: null, peerIfindex: null, peerNamespace: null };
const end = (address: string, peerIfindex: number): Device => ({
  ...none,
  ifindex: 2,
  name: 'eth0',
  kind: 'veth',
  addresses: [address],
  peerIfindex,
  peerNamespace: HOST,
});

function lay(containers: readonly Container[] = []): Nameless {
  const devices = new Map<number, Device[]>([
    [
      HOST,
      [
        { ...none, ifindex: 5, name: 'cni0', kind: 'bridge', addresses: ['10.22.0.1/24'] },
        { ...none, ifindex: 6, name: 'veth6', kind: 'veth', master: 5, peerNamespace: 200 },
        { ...none, ifindex: 7, name: 'veth7', kind: 'veth', master: 5, peerNamespace: 300 },
        { ...none, ifindex: 8, name: 'ext0', kind: 'veth', peerNamespace: 400 },
      ],
    ],
    [200, [end('10.22.0.2/24', 6)]],
    [300, [end('10.22.0.3/24', 7)]],
  ]);
  return { host: HOST, devices, containers, pids: new Map([[200, 42]]) };
}

test('a namespace on a bridge that no engine tells of', () => {
  assert.equal(listNameless(lay()), [200, 300], 'not what is wired without a bridge');
  const [one, ...more] = nameByRules(lay(), new Map([['10.22.0.2', 'redis']]), new Map());
  assert.equal(more, []);
  assert.equal([one?.name, one?.namespace, one?.pid], ['redis', 200, 42]);
  assert.equal(one?.networks, [
    { name: 'cni0', bridge: 'cni0', addresses: ['10.22.0.2'], gateway: '10.22.0.1' },
  ]);
});

test('a long id gives way to the namespace’s own name', () => {
  const name = (names: ReadonlyMap<number, string>): string | undefined =>
    nameByRules(lay(), new Map([['10.22.0.2', ID]]), names)[0]?.name;
  assert.is(name(new Map([[200, 'web']])), 'web');
  assert.is(name(new Map()), 'cccccccccccc');
});

test('an id that two namespaces have names neither; one that an engine tells of is left to it', () => {
  const both = new Map([
    ['10.22.0.2', 'a'],
    ['10.22.0.3', 'a'],
  ]);
  assert.equal(nameByRules(lay(), both, new Map()), []);
  const [known] = nameByRules(lay(), new Map([['10.22.0.2', 'a']]), new Map());
  assert.equal(listNameless(lay(known ? [known] : [])), [300]);
});

test.run();
