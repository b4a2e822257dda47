/** The container's side: what its own rules, routes and sockets do with a packet that the host delivered. */
import * as assert from 'uvu/assert';
import type { Reason } from '../../../src/model/reason.js';
import type { TrialEnd } from '../../../src/rules/evaluate/journey-end.js';
import { joinInside } from '../../../src/rules/evaluate/inside.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { suite } from '../../support/suite.js';

const test = suite('inside containers');

const REWRITTEN = { code: 'led', translated: true, to: { address: null, port: 6379 } } as const;
const SILENT = { code: 'deaf', container: 'redis', port: 6379 } as const;
const DROPS = { code: 'stopped-by', by: null, place: 'INPUT', rejects: false } as const;
const inRedis = (reason: Reason): Reason => ({ code: 'inside', container: 'redis', reason });
const but = (first: Reason, reason: Reason): Reason => ({
  code: 'but',
  first,
  but: inRedis(reason),
});

const REDIS = { name: 'redis' } as World['containers'][number];

function journey(end: TrialEnd['end'], more: Partial<TrialEnd> = {}): TrialEnd {
  return {
    end,
    way: 'dnat',
    deciding: null,
    why: REWRITTEN,
    sourceSeen: '203.0.113.7',
    target: '172.17.0.2:6379',
    obstacles: [],
    ...more,
  };
}

const outer = journey('answered');
const ref = (text: string): TrialEnd['deciding'] =>
  ({ rule: { text } }) as unknown as TrialEnd['deciding'];

test('what the container answers is the host’s answer, and goes back by the container’s way', () => {
  const back = { kind: 'device', device: 'eth0' } as unknown as NonNullable<TrialEnd['back']>;
  const joined = joinInside(outer, journey('answered', { why: SILENT, back }), REDIS);
  assert.equal(joined, { ...outer, back });
  assert.equal(joinInside(outer, journey('answered'), REDIS).back, null);
});

test('what stops it inside is told as such, and nobody there has seen its source', () => {
  const inner = journey('dropped', {
    why: DROPS,
    deciding: ref('inner'),
    obstacles: [DROPS],
  });
  const joined = joinInside({ ...outer, deciding: ref('outer') }, inner, REDIS);
  assert.equal(
    [joined.end, joined.way, joined.sourceSeen, joined.target],
    ['dropped', 'dnat', null, '172.17.0.2:6379'],
  );
  assert.equal(joined.why, but(REWRITTEN, DROPS));
  assert.equal(joined.obstacles, [inRedis(DROPS)]);
  assert.equal(joined.deciding, ref('inner'));
  const plain = joinInside({ ...outer, deciding: ref('outer') }, journey('dropped'), REDIS);
  assert.equal(plain.deciding, ref('outer'));
});

test('a stop of routing inside says where it was', () => {
  const why = { code: 'no-route', to: '10.0.0.1' } as const;
  const stop = { code: 'inside', end: 'dropped', why, obstacle: why } as const;
  const joined = joinInside(outer, journey('dropped', { stop }), REDIS);
  assert.equal(joined.stop, {
    ...stop,
    why: inRedis(why),
    obstacle: inRedis(why),
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
  const refusal = journey('refused', { why: DROPS });
  const joined = joinInside(outer, refusal, REDIS);
  assert.equal([joined.end, joined.sourceSeen], ['refused', '203.0.113.7']);
  assert.equal(joined.why, but(REWRITTEN, DROPS));
  const known = journey('refused', { why: SILENT });
  assert.equal(joinInside(known, refusal, REDIS), { ...known, back: null });
});

test('a container that nobody was known to listen in, and that drops it: it was taken there', () => {
  const refused = journey('refused', { why: SILENT });
  const dropped = journey('dropped', { why: DROPS });
  const taken = (target: string): Reason => but({ code: 'taken-to', target }, DROPS);
  assert.equal(joinInside(refused, dropped, REDIS).why, taken('172.17.0.2:6379'));
  const named = joinInside({ ...refused, target: null }, dropped, REDIS);
  assert.equal(named.why, taken('redis'));
});

test.run();
