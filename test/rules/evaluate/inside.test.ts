// A container's side: what its own rules, routes and sockets make of a packet that the host has taken to it.

import * as assert from 'uvu/assert';
import type { Journey } from '../../../src/rules/evaluate/ends.js';
import { joinInside } from '../../../src/rules/evaluate/inside.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';

const test = suite('inside containers');

const REDIS = { name: 'redis' } as World['containers'][number];

function journey(end: Journey['end'], more: Partial<Journey> = {}): Journey {
  return {
    ...{ end, way: 'dnat', deciding: null, why: 'it is rewritten', sourceSeen: '203.0.113.7' },
    ...{ target: '172.17.0.2:6379', obstacles: [], ...more },
  };
}

const outer = journey('answered');
const ref = (text: string): Journey['deciding'] =>
  ({ rule: { text } }) as unknown as Journey['deciding'];

test('what the container answers is the host’s answer, and goes back by the container’s way', () => {
  const back = { kind: 'device', device: 'eth0' } as unknown as NonNullable<Journey['back']>;
  const joined = joinInside(outer, journey('answered', { why: 'it listens', back }), REDIS);
  assert.equal(joined, { ...outer, back });
  assert.equal(joinInside(outer, journey('answered'), REDIS).back, null);
});

test('what stops it inside is told as such, and nobody there has seen its source', () => {
  const inner = journey('dropped', {
    ...{ why: 'a rule drops it', deciding: ref('inner'), obstacles: ['a rule drops it'] },
  });
  const joined = joinInside({ ...outer, deciding: ref('outer') }, inner, REDIS);
  assert.equal(
    [joined.end, joined.way, joined.sourceSeen, joined.target],
    ['dropped', 'dnat', null, '172.17.0.2:6379'],
  );
  assert.is(joined.why, 'it is rewritten, but inside redis, a rule drops it');
  assert.equal(joined.obstacles, ['inside redis, a rule drops it']);
  assert.equal(joined.deciding, ref('inner'));
  const plain = joinInside({ ...outer, deciding: ref('outer') }, journey('dropped'), REDIS);
  assert.equal(plain.deciding, ref('outer'));
});

test('a stop of routing inside says where it was', () => {
  const stop = { code: 'inside', end: 'dropped', why: 'no route', obstacle: 'no route' } as const;
  const joined = joinInside(outer, journey('dropped', { stop }), REDIS);
  assert.equal(joined.stop, {
    ...{ ...stop, why: 'inside redis, no route', obstacle: 'inside redis, no route' },
  });
  const silent = joinInside(
    outer,
    journey('unknown', { stop: { ...stop, obstacle: null } }),
    REDIS,
  );
  assert.is(silent.stop?.obstacle, null);
  assert.is('stop' in joinInside(outer, journey('dropped'), REDIS), false);
});

test('a refusal inside: its source was seen; where the sockets had said so, in the host’s words', () => {
  const refusal = journey('refused', { why: 'nothing listens' });
  const joined = joinInside(outer, refusal, REDIS);
  assert.equal([joined.end, joined.sourceSeen], ['refused', '203.0.113.7']);
  assert.is(joined.why, 'it is rewritten, but inside redis, nothing listens');
  const known = journey('refused', { why: 'nothing listens there' });
  assert.equal(joinInside(known, refusal, REDIS), { ...known, back: null });
});

test('a container that nobody was known to listen in, and that drops it: it was taken there', () => {
  const refused = journey('refused', { why: 'nothing listens there' });
  const dropped = journey('dropped', { why: 'a rule drops it' });
  assert.is(
    joinInside(refused, dropped, REDIS).why,
    'it is taken to 172.17.0.2:6379, but inside redis, a rule drops it',
  );
  assert.is(
    joinInside({ ...refused, target: null }, dropped, REDIS).why,
    'it is taken to redis, but inside redis, a rule drops it',
  );
});

test.run();
