/** Which sightings are one packet: the same skb with the same numbers, in time, at another place, with addresses that NAT explains. */
import * as assert from 'uvu/assert';
import { continues, endsIn, readLive } from '../../../src/correlate/journeys/live.js';
import type { Sight } from '../../../src/correlate/journeys/journey.js';
import { canStep, leadsTo, rewritten } from '../../../src/correlate/journeys/nat-steps.js';
import { TCP, type DropEvent, type PacketEvent } from '../../../src/model/event.js';
import { suite } from '../../support/suite.js';
import { at, CONTAINER, HOST, PUBLISHED, Story, TARGET, WAYS } from '../../support/story.js';

const test = suite('journeys of live traces');

const FROM = at('198.51.100.2#40000');
const story = new Story();
const view = story
  .talk({ client: '198.51.100.2#40000', server: PUBLISHED, target: TARGET, way: WAYS.through })
  .view();

function packet(more: Partial<PacketEvent> = {}): PacketEvent {
  return story.makePacket({
    source: FROM,
    destination: at(PUBLISHED),
    skb: 'aa',
    seq: 5,
    ack: 6,
    length: 7,
    ...more,
  });
}

/** Seen again at the next device. */
function next(before: PacketEvent, more: Partial<PacketEvent> = {}): PacketEvent {
  return { ...before, ...story.stamp(), ifindex: 3, direction: 'out', ...more };
}

test('numbers, flags, length and protocol agree at the next place', () => {
  const before = packet();
  assert.is(continues(before, next(before)), true);
  for (const change of [
    { seq: 9 },
    { ack: 9 },
    { flags: TCP.SYN },
    { length: 9 },
    { protocol: 'udp' as const },
  ]) {
    assert.is(continues(before, next(before, change)), false, JSON.stringify(change));
  }
});

test('within two seconds, and never back in time', () => {
  const before = packet();
  const after = (time: number): boolean =>
    continues(before, next(before, { time: before.time + time }));
  assert.equal(
    [after(0), after(1_999_999_999), after(2_000_000_000), after(-1)],
    [true, true, false, false],
  );
});

test('later segments that the receiving device put behind the first', () => {
  const merged = (before: Partial<PacketEvent>, now: Partial<PacketEvent>): boolean => {
    const first = packet({ direction: 'out', ...before });
    return continues(first, next(first, { direction: 'in', length: 20, ...now }));
  };
  assert.is(merged({}, {}), true);
  assert.equal([merged({ direction: 'in' }, {}), merged({}, { direction: 'out' })], [false, false]);
  assert.equal(
    [merged({ length: 0 }, {}), merged({}, { length: 6 }), merged({}, { ack: 9 })],
    [false, false, false],
  );
  assert.is(merged({ protocol: 'udp' }, {}), false);
});

test('other addresses need NAT of that namespace', () => {
  const before = packet();
  const moved = { destination: at(TARGET) };
  assert.is(continues(before, next(before, { ...moved, conntrack: view })), true);
  assert.is(
    continues(before, next(before, { ...moved, conntrack: view, namespace: CONTAINER })),
    false,
  );
  assert.is(
    continues(before, next(before, { destination: at('172.17.0.9#1'), conntrack: view })),
    false,
  );
  // Without the entry one end stays as it is; of datagrams not even that is enough.
  assert.is(continues(before, next(before, moved)), true);
  assert.is(continues(before, next(before, { ...moved, source: at('172.17.0.1#9') })), false);
  const datagram = packet({ protocol: 'udp' });
  assert.is(continues(datagram, next(datagram, moved)), false);
  assert.is(continues(datagram, next(datagram, { ...moved, conntrack: view })), true);
  assert.is(continues({ ...before, conntrack: view }, next(before, moved)), true);
});

test('NAT goes from the original to the translation, and never back', () => {
  const way = (source: string, destination: string) => ({
    source: at(source),
    destination: at(destination),
  });
  const client = '198.51.100.2#40000';
  assert.is(canStep(view, way(client, PUBLISHED), way(client, TARGET), true), true);
  assert.is(canStep(view, way(client, TARGET), way(client, PUBLISHED), true), false);
  assert.is(canStep(view, way(TARGET, client), way(PUBLISHED, client), false), true);
  assert.is(canStep(view, way(PUBLISHED, client), way(TARGET, client), false), false);
  assert.equal(
    [
      canStep(view, way(client, PUBLISHED), way(client, TARGET), false),
      canStep(view, way(TARGET, client), way(PUBLISHED, client), true),
    ],
    [false, false],
  );
  // What stays has to be one of the entry's addresses.
  assert.is(canStep(view, way(client, PUBLISHED), way(client, PUBLISHED), true), true);
  assert.is(canStep(view, way('192.0.2.1#1', PUBLISHED), way('192.0.2.1#1', TARGET), true), false);
  assert.is(leadsTo(view, way(client, PUBLISHED), way(client, TARGET)), true);
  assert.is(leadsTo(view, way(TARGET, client), way(PUBLISHED, client)), true);
  assert.is(leadsTo(view, way(client, TARGET), way(client, PUBLISHED)), false);
});

test('a NAT hook gives one end another address', () => {
  const base = {
    ...packet(),
    kind: 'nat' as const,
    hook: null,
    conntrack: view,
    becomes: at(TARGET),
  };
  assert.equal(rewritten({ ...base, field: 'destination' }), {
    source: FROM,
    destination: at(TARGET),
  });
  assert.equal(rewritten({ ...base, field: 'source' }), {
    source: at(TARGET),
    destination: at(PUBLISHED),
  });
});

function drop(before: PacketEvent, more: Partial<DropEvent> = {}): DropEvent {
  return {
    ...before,
    ...story.stamp(),
    kind: 'drop',
    reason: 'NETFILTER_DROP',
    function: 'f',
    ...more,
  };
}

test('a drop ends the packet with its number, flags and protocol, within ten seconds', () => {
  const before = packet();
  assert.is(endsIn(before, drop(before)), true);
  for (const change of [
    { seq: 9 },
    { flags: TCP.SYN },
    { protocol: 'udp' as const },
    { time: before.time - 1 },
    { time: before.time + 10_000_000_000 },
  ]) {
    assert.is(endsIn(before, drop(before, change)), false, JSON.stringify(change));
  }
  assert.is(endsIn(before, drop(before, { time: before.time + 9_999_999_999 })), true);
  // It may have been rewritten before.
  assert.is(endsIn(before, drop(before, { destination: at(TARGET) })), true);
});

/** How many packets these are, and how many sightings each has; copies in brackets. */
function tracks(...sights: Sight[]): string {
  return readLive(sights)
    .map((track) => (track.copyOf ? `(${track.sights.length})` : `${track.sights.length}`))
    .join(' ');
}

test('one packet over its hops; who passes a place again is another', () => {
  const first = packet();
  assert.is(tracks(first, next(first)), '2');
  assert.is(tracks(first, next(first, { ifindex: first.ifindex, direction: 'in' })), '1 1');
  assert.is(tracks(first, next(first, { ifindex: first.ifindex })), '2');
  assert.is(tracks(first, next(first), next(first, { namespace: CONTAINER })), '3');
  assert.is(tracks(first, next(first, { skb: null })), '1 1');
});

test('nothing follows a drop', () => {
  const first = packet();
  assert.is(tracks(first, drop(first), next(first, { direction: 'in' })), '2 1');
  assert.is(tracks(first, next(first, { direction: 'in' })), '2');
  assert.is(tracks(first, drop(first, { seq: 9 })), '1 1');
});

test('a bridge copies what came in at one port out of the others', () => {
  const first = packet({ direction: 'in' });
  const copy = (change: Partial<PacketEvent> = {}): string =>
    tracks(first, next(first, { skb: 'bb', ...change }));
  assert.is(copy(), '1 (1)');
  assert.is(copy({ socket: 's' }), '1 1');
  assert.is(copy({ ifindex: first.ifindex }), '1 1');
  assert.is(copy({ namespace: CONTAINER }), '1 1');
  assert.is(copy({ direction: 'in' }), '1 1');
  for (const change of [{ seq: 9 }, { ack: 9 }, { flags: TCP.SYN }, { length: 9 }]) {
    assert.is(copy(change), '1 1', JSON.stringify(change));
  }
  assert.is(copy({ time: first.time + 100_000_000 }), '1 (1)');
  assert.is(copy({ time: first.time + 100_000_001 }), '1 1');
});

test('a copy passes each place once, and copies of one packet do not meet', () => {
  const first = packet({ direction: 'in' });
  const one = next(first, { skb: 'bb' });
  assert.is(tracks(first, one, next(first, { skb: 'cc', ifindex: 4 })), '1 (1) (1)');
  assert.is(tracks(first, one, next(first, { skb: 'cc' })), '1 (1) 1');
});

test('segments of what went out lie within it', () => {
  const whole = packet({ direction: 'out', length: 3000, seq: 1000 });
  const part = (change: Partial<PacketEvent>): string =>
    tracks(whole, {
      ...whole,
      ...story.stamp(),
      skb: 'bb',
      length: 1000,
      ifindex: 3,
      ...change,
    });
  assert.is(part({ seq: 2000 }), '1 (1)');
  assert.is(part({ seq: 3000 }), '1 (1)');
  assert.is(part({ seq: 3001 }), '1 1');
  assert.is(part({ seq: 999 }), '1 1');
  assert.is(part({ seq: 2000, length: 0 }), '1 1');
  assert.is(part({ seq: 2000, namespace: CONTAINER, direction: 'in' }), '1 (1)');
  assert.is(part({ seq: 2000, namespace: CONTAINER, direction: 'out' }), '1 1');
  assert.is(part({ seq: 2000, direction: 'in' }), '1 1');
  assert.is(HOST, whole.namespace);
});

test.run();
