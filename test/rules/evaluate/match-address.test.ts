/** Whether an address is in a range: known for an exact one, and as far as it can be for a client elsewhere and the host's own. */
import * as assert from 'uvu/assert';
import { parseRange } from '../../../src/model/range.js';
import { testAddress } from '../../../src/rules/evaluate/match-address.js';
import { exactAddress, type PacketAddress } from '../../../src/rules/evaluate/packet.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';
import { makeWorld, NOTHING } from './worlds.js';

const test = suite('addresses in ranges');

const world = makeWorld(NOTHING, true);
const ELSEWHERE: PacketAddress = { kind: 'elsewhere' };
const OWN: PacketAddress = { kind: 'own' };

/** True, false, or what is asked. */
function tell(
  address: PacketAddress,
  ranges: readonly string[],
  { of = world, family = 4, mask }: { of?: World; family?: 4 | 6; mask?: bigint } = {},
): string {
  const parsed = ranges.flatMap((text) => parseRange(text) ?? []);
  const asked = mask === undefined ? { ranges: parsed } : { ranges: parsed, mask };
  const answer = testAddress(asked, address, family, of);
  if (typeof answer === 'boolean') return String(answer);
  const { about } = answer;
  return 'of' in about ? `${about.code} ${about.of}` : about.code;
}

test('an exact address is in a range of its family, or not', () => {
  const exact = exactAddress('10.1.2.3');
  assert.is(tell(exact, ['10.0.0.0/8']), 'true');
  assert.is(tell(exact, ['10.1.2.3']), 'true');
  assert.is(tell(exact, ['10.1.2.4', '10.2.0.0/16']), 'false');
  assert.is(tell(exact, ['192.168.0.0/16', '10.0.0.0/8']), 'true', 'one of them');
  assert.is(tell(exact, []), 'false');
  assert.is(tell(exact, ['::/0']), 'false', 'of the other family');
  assert.is(tell(exactAddress('2001:db8::1'), ['2001:db8::/32'], { family: 6 }), 'true');
});

test('under a mask only its bits count; of an address that is not known nobody knows them', () => {
  const mask = 0xff00_00ffn;
  assert.is(tell(exactAddress('10.1.2.3'), ['10.0.0.3'], { mask }), 'true');
  assert.is(tell(exactAddress('10.1.2.4'), ['10.0.0.3'], { mask }), 'false');
  assert.is(tell(ELSEWHERE, ['10.0.0.3'], { mask }), 'single-bits');
  assert.is(tell(OWN, ['10.0.0.3'], { mask }), 'single-bits');
});

test('a client elsewhere: in everything, in nothing that is inside the host, else asked', () => {
  assert.is(tell(ELSEWHERE, ['0.0.0.0/0']), 'true');
  assert.is(tell(ELSEWHERE, ['203.0.113.0/24', '0.0.0.0/0']), 'true');
  assert.is(tell(ELSEWHERE, ['::/0']), 'false');
  assert.is(tell(ELSEWHERE, []), 'false');
  const inner = [
    '127.0.0.0/8',
    '127.0.0.1',
    '224.0.0.5',
    '169.254.1.1',
    '0.0.0.0',
    '172.17.0.0/16',
  ];
  for (const range of [...inner, '172.17.0.2', '172.30.7.0/24']) {
    assert.is(tell(ELSEWHERE, [range]), 'false', range);
  }
  for (const range of ['::1', 'fe80::/10', 'fe80::1', 'ff02::1']) {
    assert.is(tell(ELSEWHERE, [range], { family: 6 }), 'false', range);
  }
  for (const range of ['203.0.113.0/24', '172.16.0.0/12', '126.0.0.0/7', '198.51.100.0/24']) {
    assert.is(tell(ELSEWHERE, [range]), 'address client', range);
  }
  assert.is(tell(ELSEWHERE, ['127.0.0.1', '203.0.113.0/24']), 'address client', 'one may be it');
  assert.is(tell(ELSEWHERE, ['2001:db8::/32'], { family: 6 }), 'address client');
});

test('a host that was looked at: known where all of its addresses say the same', () => {
  const ext = world.devices.filter(({ name }) => name === 'ext0');
  const one = { ...world, devices: ext };
  assert.is(tell(OWN, ['198.51.100.0/24'], { of: one }), 'true');
  assert.is(tell(OWN, ['203.0.113.0/24'], { of: one }), 'false');
  const many = tell(OWN, ['198.51.100.0/24']);
  assert.is(many, 'address host', 'that of the bridge is another');
  assert.is(tell(OWN, ['203.0.113.0/24']), 'false', 'it has none there');
  assert.is(tell(OWN, ['0.0.0.0/0']), 'true');
});

test('a host that rules alone tell of: asked, but for what is inside', () => {
  const saved = { ...world, measured: false };
  assert.is(tell(OWN, ['203.0.113.0/24'], { of: saved }), 'address host');
  assert.is(tell(OWN, ['172.17.0.0/16'], { of: saved }), 'false');
  const routes = [
    { destination: '10.9.0.2/32', device: 'docker0', source: null },
    { destination: '10.8.0.2/32', device: 'ext0', source: null },
  ];
  const led = { ...saved, routes };
  assert.is(tell(ELSEWHERE, ['10.9.0.2'], { of: led }), 'false', 'it is behind a bridge');
  assert.is(tell(ELSEWHERE, ['10.8.0.2'], { of: led }), 'address client', 'by another device');
  const measured = { ...world, routes };
  assert.is(tell(ELSEWHERE, ['10.9.0.2'], { of: measured }), 'address client');
});

test.run();
