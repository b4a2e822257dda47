/** Devices from iproute2's JSON, as recorded on a host with a bridge and from inside a container. */
import * as assert from 'uvu/assert';
import { parseLinks, parseNamespaceIds } from '../../src/host/links.js';
import { suite } from '../support/suite.js';
import { readSample } from './samples.js';

const test = suite('links');

test('reads a host: loopback, uplink, bridges and their ports', () => {
  const links = parseLinks(readSample('links-host.json'));
  assert.equal(
    links.map(({ ifindex, name, kind, master, linkIfindex, linkNamespaceId }) =>
      [ifindex, name, kind, master, linkIfindex, linkNamespaceId].join(' '),
    ),
    [
      '1 lo loopback   ',
      '2 ext0 veth  2 0',
      '3 docker0 bridge   ',
      '5 vethc5a866f veth 3 4 1',
      '7 veth0e79f9b veth 3 6 2',
      '8 br-14353ccdf1fd bridge   ',
      '10 vetheaf19c3 veth 8 9 3',
    ],
  );
  assert.equal(links[1]?.addresses, [
    '198.51.100.1/24',
    '2001:db8::1/64',
    'fe80::ec61:69ff:febd:560e/64',
  ]);
});

test('reads a container: eth0 knows the index of its veth', () => {
  const [, eth0] = parseLinks(readSample('links-container.json'));
  assert.equal(eth0, {
    ifindex: 4,
    name: 'eth0',
    kind: 'veth',
    addresses: ['172.17.0.2/16'],
    master: null,
    linkIfindex: 5,
    linkNamespaceId: 0,
  });
});

test('takes the index of a linked device in the same namespace from its name', () => {
  const links = parseLinks(
    JSON.stringify([
      { ifindex: 2, ifname: 'eth0' },
      { ifindex: 3, ifname: 'eth0.7', link: 'eth0', linkinfo: { info_kind: 'vlan' } },
      { ifindex: 4, ifname: 'gone', link: 'nobody', master: 'nobody' },
    ]),
  );
  assert.is(links[1]?.linkIfindex, 2);
  assert.is(links[1]?.kind, 'other');
  assert.is(links[2]?.linkIfindex, null);
  assert.is(links[2]?.master, null);
});

test('passes over what it does not know, and devices without an index or a name', () => {
  const text =
    '[{}, null, 7, {"ifindex": 0, "ifname": "x"}, {"ifindex": 1, "ifname": "lo", "new": {}}]';
  assert.equal(
    parseLinks(text).map(({ name }) => name),
    ['lo'],
  );
});

test('keeps an address with a prefix of no length', () => {
  const text =
    '[{"ifindex":1,"ifname":"a","addr_info":[{"local":"192.0.2.1","prefixlen":0},{"local":"?"}]}]';
  assert.equal(parseLinks(text)[0]?.addresses, ['192.0.2.1/0']);
});

for (const text of ['', 'Cannot open network namespace', '{}', '[{"ifindex":1']) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseLinks(text), SyntaxError);
  });
}

test('reads the numbers of namespaces, one list a line', () => {
  const ids = parseNamespaceIds(
    '[{"nsid":0,"name":"client"}]\n\n[{"nsid":1},{"nsid":12,"name":"x"}]\n',
  );
  assert.equal(
    [...ids],
    [
      [0, 'client'],
      [1, null],
      [12, 'x'],
    ],
  );
  assert.is(parseNamespaceIds('').size, 0);
  assert.throws(() => parseNamespaceIds('{"nsid":1}'), SyntaxError);
});

test('one device whose name holds odd bytes hides no other one', () => {
  const odd = ["it\\'s", 'a\u0001b', 'c\u001b[31m', '\\"quoted\\"', 'back\\\\slash', 'x\\y'];
  const names = ["it's", 'a\u0001b', 'c\u001b[31m', '"quoted"', 'back\\slash', 'x\\y'];
  const devices = ['lo', ...odd, 'eth0'].map(
    (name, at) => `{"ifindex":${at + 1},"ifname":"${name}"}`,
  );
  const found = parseLinks(`[${devices.join(',')}]\n`).map(({ name }) => name);
  assert.equal(found, ['lo', ...names, 'eth0']);
});

test.run();
