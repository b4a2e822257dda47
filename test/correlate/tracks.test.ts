/** Which sightings are one packet: by the skb and the order of places live, by marks, TTL and order in a capture; copies and segments. */
import * as assert from 'uvu/assert';
import type { WirePacket } from '../../src/correlate/capture/same-packet.js';
import type { Sight, Track } from '../../src/correlate/journeys/journey.js';
import { readLive } from '../../src/correlate/journeys/live.js';
import { readJourneys } from '../../src/correlate/journeys/read.js';
import { readWire } from '../../src/correlate/journeys/wire.js';
import type { WireFacts } from '../../src/model/conversation.js';
import { TCP, type DropEvent, type NatEvent, type PacketEvent } from '../../src/model/event.js';
import { makeLeg } from '../support/legs.js';
import { at, CLIENT, CONTAINER, HOST, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('tracks of packets');

const FROM = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#8080');
const BEHIND = at('172.17.0.2#6379');
const MS = 1_000_000;

let id = 0;

function packet(more: Partial<PacketEvent> = {}): PacketEvent {
  id += 1;
  return {
    ...new Story().makePacket({ source: FROM, destination: DIALLED }),
    id,
    time: id * 1000,
    skb: 'a',
    seq: 5,
    ack: 6,
    flags: TCP.ACK,
    length: 7,
    ...more,
  };
}

function nat(more: Partial<NatEvent> = {}): NatEvent {
  const { ifindex, direction, ...fields } = packet();
  void [ifindex, direction];
  const hook = { hook: 'PREROUTING', field: 'destination', becomes: BEHIND } as const;
  return { ...fields, kind: 'nat', ...hook, ...more } as NatEvent;
}

function drop(more: Partial<DropEvent> = {}): DropEvent {
  const { direction, ...fields } = packet();
  void direction;
  return { ...fields, kind: 'drop', reason: 'X', function: 'f', ...more };
}

/** Positions of the sights of each track, `<n` where it is a copy of track n. */
function tell(sights: readonly Sight[], tracks: readonly Track[]): string {
  return tracks
    .map((track) => {
      const own = track.sights.map((sight) => sights.indexOf(sight) + 1).join('-');
      return track.copyOf ? `${own}<${tracks.indexOf(track.copyOf) + 1}` : own;
    })
    .join(' ');
}

const live = (...sights: readonly Sight[]): string => tell(sights, readLive(sights));

test('one skb at place after place is one packet; at a place where it was it is another', () => {
  const far = { ifindex: 3, direction: 'out' } as const;
  assert.is(live(packet(), packet(far)), '1-2');
  assert.is(live(packet(), packet(far), packet()), '1-2 3');
  assert.is(live(packet(), packet({ direction: 'out' })), '1-2');
  assert.is(live(packet(), packet({ namespace: CLIENT })), '1-2');
  assert.is(live(packet(), packet({ skb: 'b', ...far, direction: 'in' })), '1 2');
  assert.is(live(packet({ skb: null }), packet({ skb: null, ...far })), '1 2');
});

test('a hook rewrites each end of a packet once', () => {
  const behind = { destination: BEHIND };
  assert.is(live(packet(), nat(), packet({ ...behind, ifindex: 3, direction: 'out' })), '1-2-3');
  assert.is(live(packet(), nat(), nat(behind)), '1-2 3');
  assert.is(live(packet(), nat(), nat({ ...behind, field: 'source' })), '1-2-3');
  assert.is(live(packet(), nat(), nat({ ...behind, hook: 'POSTROUTING' })), '1-2-3');
});

test('a drop ends a packet: what has its memory afterwards is another', () => {
  const far = { ifindex: 3, direction: 'in' } as const;
  assert.is(live(packet(), drop(), packet(far)), '1-2 3');
  assert.is(live(packet(), drop(), drop()), '1-2 3');
  assert.is(live(packet(), drop({ length: 9 })), '1 2');
  assert.is(live(drop(), packet(far)), '1 2');
  assert.is(live(packet(), nat(), drop({ destination: BEHIND })), '1-2-3');
});

/** A frame that came in at one port of a bridge. */
const CAME = { ifindex: 10, direction: 'in', skb: 'a', time: 500 } as const;
/** What the bridge sends out of another. */
const FLOODED = { ifindex: 11, direction: 'out', skb: 'b', time: 600 } as const;

test('what leaves by another port of a bridge is a copy of what came in', () => {
  const copied = (more: Partial<PacketEvent>, first: Partial<PacketEvent> = {}): string =>
    live(packet({ ...CAME, ...first }), packet({ ...FLOODED, ...more }));
  assert.is(copied({}), '1 2<1');
  assert.is(copied({ time: 500 + 100 * MS }), '1 2<1');
  for (const more of [
    { time: 501 + 100 * MS },
    { direction: 'in' as const },
    { namespace: CONTAINER },
    { ifindex: 10 },
    { seq: 6 },
    { ack: 7 },
    { flags: TCP.FIN },
    { length: 8 },
    { source: BEHIND },
    { destination: BEHIND },
    { source: { ...FROM, port: 1 } },
    { destination: { ...DIALLED, port: 1 } },
    { socket: 's' },
    { skb: null },
  ]) {
    assert.is(copied(more), '1 2', JSON.stringify(more));
  }
});

test('each port gets one copy; a copy of a copy is of the first packet', () => {
  const third = packet({ ...FLOODED, ifindex: 12, skb: 'c', time: 700 });
  assert.is(live(packet(CAME), packet(FLOODED), third), '1 2<1 3<1');
  const again = packet({ ...FLOODED, skb: 'c', time: 700 });
  assert.is(live(packet(CAME), packet(FLOODED), again), '1 2<1 3');
  const back = packet({ ...CAME, direction: 'out', ifindex: 10, skb: 'c', time: 700 });
  assert.is(live(packet(CAME), packet(FLOODED), back), '1 2<1 3<1');
});

test('of two packets that are alike a copy is of the one that was there last', () => {
  const first = packet(CAME);
  const second = packet({ ...CAME, skb: 'x', time: 550 });
  assert.is(live(first, second, packet(FLOODED)), '1 2 3<2');
});

const WHOLE = {
  direction: 'out',
  ifindex: 2,
  length: 3000,
  seq: 100,
  skb: 'a',
  time: 500,
} as const;
const PART = { direction: 'in', ifindex: 4, namespace: CONTAINER, skb: 'b', time: 600 } as const;

test('a device cuts what is too much for it: each segment lies within the whole', () => {
  const cut = (seq: number, length: number, more: Partial<PacketEvent> = {}): string =>
    live(packet(WHOLE), packet({ ...PART, seq, length, ...more }));
  assert.equal([cut(100, 1000), cut(1100, 1000), cut(2100, 1000)], Array(3).fill('1 2<1'));
  assert.equal([cut(2101, 1000), cut(99, 1000), cut(100, 0)], Array(3).fill('1 2'));
  assert.is(cut(100, 1000, { namespace: HOST }), '1 2', 'what comes in here was sent again');
  assert.is(cut(100, 1000, { namespace: HOST, direction: 'out' }), '1 2<1', 'by the next device');
  assert.is(cut(100, 1000, { direction: 'out' }), '1 2');
  assert.is(
    live(packet({ ...WHOLE, direction: 'in' }), packet({ ...PART, seq: 100, length: 9 })),
    '1 2',
  );
  const udp = { protocol: 'udp' } as const;
  assert.is(
    live(packet({ ...WHOLE, ...udp }), packet({ ...PART, ...udp, seq: 100, length: 9 })),
    '1 2',
  );
  const wrapping = packet({ ...WHOLE, seq: 2 ** 32 - 10 });
  assert.is(live(wrapping, packet({ ...PART, seq: 20, length: 100 })), '1 2<1');
});

function wired(more: Partial<PacketEvent> = {}, facts: Partial<WireFacts> = {}): WirePacket {
  const wire = {
    conversation: 1,
    file: 0,
    directed: false,
    ttl: 64,
    ipId: 7,
    timestamp: null,
    digest: 3,
    hardware: null,
    ...facts,
  };
  return { ...packet({ skb: null, ifindex: 1, ...more }), wire };
}

const captured = (...packets: readonly WirePacket[]): string => tell(packets, readWire(packets));

test('the sender’s marks say that it is one packet, at whatever device and time', () => {
  const far = { ifindex: 2, destination: BEHIND };
  assert.is(captured(wired(), wired({ ...far, time: 900 * MS })), '1-2');
  assert.is(
    captured(wired({}, { ipId: 0, timestamp: 4 }), wired(far, { ipId: 0, timestamp: 4 })),
    '1-2',
  );
  for (const other of [{ ipId: 8 }, { digest: 4 }]) {
    assert.is(captured(wired(), wired({ ifindex: 2 }, other)), '1 2', JSON.stringify(other));
  }
  assert.is(captured(wired({}, { timestamp: 4 }), wired({ ifindex: 2 }, { timestamp: 5 })), '1 2');
  for (const other of [{ seq: 6 }, { ack: 7 }, { flags: TCP.FIN }, { length: 8 }]) {
    assert.is(captured(wired(), wired({ ifindex: 2, ...other })), '1 2', JSON.stringify(other));
  }
});

test('one device sees a packet once each way; where the way is not told, once', () => {
  const seen = (
    one: Partial<WireFacts>,
    two: Partial<WireFacts>,
    more: Partial<PacketEvent>,
  ): string => captured(wired({}, one), wired(more, two));
  const told = { directed: true };
  assert.is(seen({}, {}, {}), '1 2');
  assert.is(seen({}, {}, { direction: 'out' }), '1 2');
  assert.is(seen(told, told, {}), '1 2');
  assert.is(seen(told, told, { direction: 'out' }), '1-2');
  assert.is(seen(told, {}, { direction: 'out' }), '1 2');
  assert.is(seen({}, told, { direction: 'out' }), '1 2');
  assert.is(seen({}, { file: 1 }, {}), '1-2', 'a device of another file is another');
});

const BARE = { ipId: 0, timestamp: null };

test('without marks: the same addresses, or a router in between, within a tenth of a second', () => {
  const later = (
    nanoseconds: number,
    facts: Partial<WireFacts> = {},
    more: Partial<PacketEvent> = {},
  ): string =>
    captured(
      wired({ time: 1000 }, BARE),
      wired({ time: 1000 + nanoseconds, ifindex: 2, ...more }, { ...BARE, ...facts }),
    );
  assert.equal([later(100 * MS), later(100 * MS + 1)], ['1-2', '1 2']);
  const far = { destination: BEHIND };
  assert.equal([later(5, {}, far), later(5, { ttl: 63 }, far)], ['1 2', '1-2']);
  assert.is(later(5, { ttl: 65 }, far), '1 2', 'it was there later, and nearer to its sender');
  assert.is(later(5, { ttl: 65, file: 1 }, far), '2-1', 'two clocks');
  const silent = { ...far, length: 0 };
  const empty = (flags: number): string => {
    const one = wired({ time: 1000, length: 0, flags }, { ...BARE, digest: null });
    const facts = { ...BARE, digest: null, ttl: 63 };
    return captured(one, wired({ time: 1005, ifindex: 2, flags, ...silent }, facts));
  };
  assert.equal([TCP.ACK, TCP.SYN, TCP.FIN | TCP.ACK, TCP.RST].map(empty), [
    '1 2',
    '1-2',
    '1-2',
    '1-2',
  ]);
});

test('sights of a captured packet stand in the order of its way: by TTL, then by time', () => {
  const [far, near] = [wired({ ifindex: 2, time: 10 }, { ttl: 63 }), wired({ time: 20 })];
  assert.is(captured(far, near), '2-1');
  assert.is(captured(wired({ time: 10 }), wired({ ifindex: 2, time: 20 })), '1-2');
});

test('of packets that are alike the oldest goes on first', () => {
  const one = (time: number, ifindex: number): WirePacket => wired({ time, ifindex }, BARE);
  assert.is(captured(one(1, 1), one(2, 1), one(3, 2), one(4, 2)), '1-3 2-4');
});

const context = {
  topology: { host: HOST, namespaces: [] } as never,
  isInnocent: () => false,
};

test('journeys are numbered as they were first seen, and told by the side that sent them', () => {
  const events = [
    packet(CAME),
    packet(FLOODED),
    packet({ source: DIALLED, destination: FROM, skb: 'z', ifindex: 10, direction: 'out' }),
  ];
  const leg = makeLeg({ events, destination: DIALLED });
  assert.equal(
    readJourneys(leg, context).map(({ number, request, copyOf }) => [number, request, copyOf]),
    [
      [1, true, null],
      [2, true, 1],
      [3, false, null],
    ],
  );
});

test('only what shows a packet is a passage; a capture is read as one where all of it is captured', () => {
  const story = new Story();
  const talk = story.talk({ client: '198.51.100.2#40000', server: '198.51.100.1#8080', way: [] });
  talk.dial({ pid: 1, command: 'curl' });
  const [dial] = story.events;
  if (dial?.kind !== 'state') throw new Error('no dial');
  const ways = (events: readonly PacketEvent[]): number[] =>
    readJourneys(makeLeg({ events: [dial, ...events] }), context).map(
      ({ passages }) => passages.length,
    );
  // Two devices of a capture, of one mark each; a live trace knows neither marks nor skbs here.
  const [one, two] = [wired(), wired({ ifindex: 2 })];
  assert.equal(ways([one, two]), [2]);
  assert.equal(ways([one, packet({ skb: null, ifindex: 2 })]), [1, 1]);
  assert.equal(ways([]), []);
});

test('a copy goes on from where its original was, so that nothing is rewritten twice', () => {
  const view = {
    id: 'ct',
    status: 0,
    original: { source: FROM, destination: DIALLED },
    reply: { source: BEHIND, destination: FROM },
  };
  const [first, second] = [
    packet({ ...CAME, conntrack: view }),
    packet({ ...CAME, ifindex: 12, direction: 'out', destination: BEHIND, conntrack: view }),
  ];
  const copy = packet({ ...FLOODED, destination: BEHIND, conntrack: view });
  const leg = makeLeg({
    events: [first, second, copy],
    nat: {
      view,
      event: second,
      hook: 'PREROUTING',
      destinationRewritten: true,
      sourceRewritten: false,
    },
  });
  assert.equal(
    readJourneys(leg, context).map(({ passages, copyOf }) => [
      copyOf,
      ...passages.map(({ rewritings }) => rewritings.length),
    ]),
    [
      [null, 0, 1],
      [1, 0],
    ],
  );
});

test.run();
