/** Bits of a packet's fields: known or not, under a mask, negated, in a range; and what known bits alone rule out. */
import * as assert from 'uvu/assert';
import { testBits } from '../../../src/rules/evaluate/match-bits.js';
import {
  createPacket,
  exactAddress,
  UNZONED,
  type TrialPacket,
} from '../../../src/rules/evaluate/packet.js';
import { statusBits } from '../../../src/rules/evaluate/tracking.js';
import { suite } from '../../support/suite.js';

const test = suite('bits of fields');

const WHOLE = 0xffffffff;

interface Asked {
  readonly field?: 'mark' | 'connection-mark' | 'tcp-flags' | 'status' | 'state' | 'zone';
  readonly mask?: number;
  readonly flip?: number;
  readonly low?: number;
  readonly high?: number;
}

function makePacket(change: Partial<TrialPacket> = {}): TrialPacket {
  return createPacket({
    family: 4,
    protocol: 'tcp',
    destinationPort: 6379,
    inDevice: 'ext0',
    source: exactAddress('203.0.113.7'),
    destination: exactAddress('198.51.100.1'),
    ...change,
  });
}

function tell(asked: Asked, change: Partial<TrialPacket> = {}): boolean | 'doubt' {
  const { field = 'mark', mask = WHOLE, flip = 0, low = 0, high = low } = asked;
  const match = {
    on: 'bits' as const,
    not: false,
    field,
    mask,
    flip,
    ranges: [{ low, high }],
    text: 't',
  };
  const answer = testBits(match, makePacket(change));
  return typeof answer === 'boolean' ? answer : 'doubt';
}

test('a mark: its bits under the mask, turned round where that is asked, in the range', () => {
  const mark = 0b1010;
  assert.is(tell({ low: 0b1010 }, { mark }), true);
  assert.is(tell({ low: 0b1011 }, { mark }), false);
  assert.is(tell({ mask: 0b0011, low: 0b0010 }, { mark }), true);
  assert.is(tell({ flip: 0b1111, low: 0b0101 }, { mark }), true);
  assert.is(tell({ low: 9, high: 10 }, { mark }), true);
  assert.is(tell({ low: 10, high: 11 }, { mark }), true);
  assert.is(tell({ low: 11, high: 12 }, { mark }), false);
  assert.is(tell({ low: 8, high: 9 }, { mark }), false);
  assert.is(tell({ low: 0x80000000 }, { mark: 0x80000000 }), true, 'bits have no sign');
});

test('a mark that is not known leaves it open', () => {
  assert.is(tell({ low: 1 }, { mark: null }), 'doubt');
  const own = { connectionMark: 5, mark: null };
  assert.is(tell({ field: 'connection-mark', low: 5 }, own), true);
  assert.is(tell({ field: 'connection-mark', low: 5 }, { ...own, connectionMark: null }), 'doubt');
});

test('TCP’s flags: only a segment has them', () => {
  const flags = 0x02;
  const asked = { field: 'tcp-flags', low: 0x02 } as const;
  assert.is(tell(asked, { flags }), true);
  assert.is(tell(asked, { flags: 0x12 }), false);
  assert.is(tell(asked, { flags, protocol: 'udp' }), false);
  assert.is(tell(asked, { flags, icmp: true }), false);
  const udp = { ...asked, low: 0 } as const;
  assert.is(tell(udp, { flags: 0, protocol: 'udp' }), false, 'not even none');
  assert.is(tell({ low: 0 }, { mark: 0, protocol: 'udp' }), true, 'a mark every packet has');
});

test('the zone of its connection', () => {
  const entry = { zones: { ...UNZONED, original: 7 }, answered: false };
  assert.is(tell({ field: 'zone', low: 7 }, { entry }), true);
  assert.is(tell({ field: 'zone', low: 0 }, { entry: null }), true, 'without an entry the first');
});

test('of a status only some bits are known: they may rule a value out', () => {
  const change = { inDevice: 'lo', turn: 'first' } as const;
  const { known, bits } = statusBits(makePacket(change));
  const open = ~known >>> 0;
  const status = (asked: Asked): boolean | 'doubt' => tell({ field: 'status', ...asked }, change);
  assert.is(status({ mask: known >>> 0, low: bits & known }), true);
  assert.is(status({ low: bits >>> 0 }), 'doubt', 'the others may be as asked');
  const single = 1 << 1;
  assert.is((known & single) !== 0, true, 'whether it was answered is known');
  assert.is(status({ low: (bits ^ single) >>> 0 }), false, 'that one is not');
  const outside = open & -open;
  assert.is(status({ mask: outside >>> 0, low: outside >>> 0 }), 'doubt');
  assert.is(
    status({ mask: outside >>> 0, low: (outside | single) >>> 0 }),
    false,
    'beyond the mask',
  );
  assert.is(status({ low: 0, high: 1 }), 'doubt', 'a range may hold it');
});

test.run();
