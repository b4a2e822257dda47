/** Bytes of a leg: what was sent twice, counted only, wrapped round, or is only a probe, is counted right. */
import * as assert from 'uvu/assert';
import {
  concludeBytes,
  countBytes,
  countsIn,
  isRequest,
  relativeTo,
} from '../../src/correlate/bytes.js';
import type { Leg, LegEvent } from '../../src/correlate/leg.js';
import { TCP, type CounterEvent, type PacketEvent } from '../../src/model/event.js';
import { suite } from '../support/suite.js';
import { at, HOST, Story } from '../support/story.js';

const test = suite('bytes of a leg');

const CLIENT_END = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#8080');
const TARGET_END = at('172.17.0.2#6379');
const GIB = 2 ** 30;
const story = new Story();

function leg(events: LegEvent[], more: Partial<Leg> = {}): Leg {
  return {
    protocol: 'tcp',
    events,
    client: CLIENT_END,
    server: DIALLED,
    destination: TARGET_END,
    begun: true,
    dialled: null,
    accepted: null,
    nat: null,
    conntracked: false,
    unlisted: false,
    until: Infinity,
    ...more,
  };
}

/** From the client. */
function packet(more: Partial<PacketEvent> = {}): PacketEvent {
  return story.makePacket({ source: CLIENT_END, destination: DIALLED, ...more });
}

function counter(bytes: number, more: Partial<CounterEvent> = {}): CounterEvent {
  return {
    ...story.stamp(),
    kind: 'counter',
    namespace: HOST,
    ifindex: 2,
    direction: 'in',
    protocol: 'tcp',
    source: CLIENT_END,
    destination: DIALLED,
    packets: 1,
    bytes,
    ...more,
  };
}

const SYN = packet({ seq: 1000, flags: TCP.SYN });
const fromClient = (...events: LegEvent[]): number => countBytes(leg(events)).fromClient;

test('which way a packet goes, before and after NAT, also where both ends are alike', () => {
  const way = (source: string, destination: string, more: Partial<Leg> = {}): boolean =>
    isRequest(leg([], more), { source: at(source), destination: at(destination) });
  assert.is(way('198.51.100.2#40000', '198.51.100.1#8080'), true);
  assert.is(way('198.51.100.2#40000', '172.17.0.2#6379'), true);
  assert.is(way('198.51.100.1#8080', '198.51.100.2#40000'), false);
  assert.is(way('172.17.0.2#6379', '198.51.100.2#40000'), false);
  // Masqueraded on its way: neither end is the client's.
  assert.is(way('172.17.0.1#50000', '172.17.0.2#6379'), true);
  assert.is(way('172.17.0.2#6379', '172.17.0.1#50000'), false);
  // The server dials itself.
  const own = { client: at('172.17.0.2#6379'), server: null };
  assert.is(way('172.17.0.2#6379', '172.17.0.2#6379', own), true);
  assert.is(way('192.0.2.1#1', '192.0.2.2#2'), false);
  assert.is(way('198.51.100.2#40000', '192.0.2.2#2'), true);
});

test('a segment that was sent again, or seen at several hops, counts once', () => {
  const one = packet({ seq: 1001, length: 10 });
  assert.is(fromClient(SYN, one), 10);
  assert.is(fromClient(SYN, one, packet({ seq: 1001, length: 10 })), 10);
  assert.is(
    fromClient(SYN, one, packet({ seq: 1001, length: 10, ifindex: 3, direction: 'out' })),
    10,
  );
  assert.is(fromClient(SYN, one, packet({ seq: 1011, length: 5 })), 15);
});

test('without the SYN the hop that saw most tells', () => {
  const at2 = (seq: number, length: number): PacketEvent => packet({ seq, length });
  const at3 = (seq: number, length: number): PacketEvent => packet({ seq, length, ifindex: 3 });
  assert.is(fromClient(at2(1, 10), at3(1, 10), at3(11, 10)), 20);
  assert.is(fromClient(at2(1, 10), at2(1, 10)), 10);
  assert.is(fromClient(at2(1, 10), at2(1, 12)), 22);
  // Another direction, and another namespace, are another hop.
  assert.is(fromClient(at2(1, 10), packet({ seq: 11, length: 10, direction: 'out' })), 10);
  assert.is(fromClient(at2(1, 10), packet({ seq: 11, length: 10, namespace: 9 })), 10);
});

test('more segments than fit a list are still told apart', () => {
  const many = Array.from({ length: 40 }, (_, i) => packet({ seq: 1001 + i, length: 1 }));
  assert.is(fromClient(...many, ...many.map((one) => ({ ...one }))), 40);
});

test('datagrams have no numbers: each counts', () => {
  const datagram = (): PacketEvent => packet({ protocol: 'udp', flags: 0, length: 5 });
  const udp = { protocol: 'udp' as const };
  assert.is(countBytes(leg([datagram(), datagram()], udp)).fromClient, 10);
});

test('the answer is counted apart', () => {
  const reply = packet({ source: TARGET_END, destination: CLIENT_END, seq: 7, length: 3 });
  assert.equal(countBytes(leg([SYN, packet({ seq: 1001, length: 10 }), reply])), {
    fromClient: 10,
    fromServer: 3,
  });
});

test('what a number says beyond what any hop carried is another connection’s', () => {
  const far = packet({ seq: 1001 + 5000, length: 10 });
  assert.is(fromClient(SYN, packet({ seq: 1001, length: 10 }), far), 20);
});

test('what was only counted is in the sum', () => {
  const first = packet({ seq: 1001, length: 10 });
  assert.is(fromClient(SYN, first, counter(90)), 100);
  const fin = packet({ seq: 1101, flags: TCP.FIN | TCP.ACK });
  assert.is(fromClient(SYN, first, counter(90), fin), 100);
  // Counted twice, where it was sent again: the FIN's number tells.
  assert.is(fromClient(SYN, first, counter(190), fin), 100);
  assert.is(fromClient(SYN, first, counter(90, { ifindex: 3 }), counter(20)), 90);
});

test('what a socket counted is counted where its beginning was seen, or where not all is listed', () => {
  const first = packet({ seq: 1001, length: 10 });
  const sums = {
    sent: 24,
    sentAgain: 0,
    acknowledged: 26,
    received: 7,
    segmentsSent: 5,
    segmentsReceived: 4,
    retransmits: 0,
  };
  const closed: LegEvent = {
    ...story.stamp(),
    kind: 'state',
    namespace: HOST,
    pid: 7,
    tid: 7,
    command: 'redis-cli',
    socket: 's',
    local: CLIENT_END,
    remote: DIALLED,
    from: 1,
    to: 7,
    sums,
  };
  const bytes = (more: Partial<Leg>): unknown => countBytes(leg([first, closed], more));
  assert.equal(bytes({}), { fromClient: 24, fromServer: 7 });
  assert.equal(bytes({ begun: false, unlisted: true }), { fromClient: 24, fromServer: 7 });
  // It had counted before the trace began.
  assert.equal(bytes({ begun: false }), { fromClient: 10, fromServer: 0 });
});

test('sums of what was seen, and of how far the numbers went', () => {
  const sums = { seen: 100, furthest: 60, closed: false, counted: false };
  assert.is(concludeBytes({ ...sums, furthest: null }), 100);
  assert.is(concludeBytes({ ...sums, furthest: null, counted: true, closed: true }), 100);
  assert.is(concludeBytes(sums), 60);
  assert.is(concludeBytes({ ...sums, furthest: 160 }), 100);
  assert.is(concludeBytes({ ...sums, counted: true }), 100);
  assert.is(concludeBytes({ ...sums, counted: true, furthest: 160 }), 160);
  assert.is(concludeBytes({ ...sums, counted: true, closed: true }), 60);
  assert.is(concludeBytes({ ...sums, counted: true, closed: true, furthest: 160 }), 160);
});

test('numbers that wrapped round are told by what was counted', () => {
  const closed = (seen: number, furthest: number): number =>
    concludeBytes({ seen, furthest, closed: true, counted: true });
  assert.is(closed(4 * GIB + 50, 40), 4 * GIB + 40);
  assert.is(closed(8 * GIB + 50, 40), 8 * GIB + 40);
  assert.is(closed(2 * GIB - 100, 40), 40);
  assert.is(closed(2 * GIB + 100, 40), 4 * GIB + 40);
  // Fewer than the numbers say: nothing is taken off.
  assert.is(closed(10, 3 * GIB), 3 * GIB);
});

test('bytes from a SYN’s number, around the wrap', () => {
  assert.equal([relativeTo(1001, 1000), relativeTo(1011, 1000)], [0, 10]);
  assert.is(relativeTo(4, 2 ** 32 - 6), 9);
  assert.is(relativeTo(2 ** 31 + 1001, 1000), 2 ** 31);
});

test('a keep-alive probe lies just before the first byte: no progress', () => {
  assert.equal([relativeTo(1000, 1000), relativeTo(999, 1000)], [0, 0]);
  const farthest = 2 ** 32 - 65_536;
  assert.is(relativeTo((1001 + farthest) % 2 ** 32, 1000), farthest);
  assert.is(relativeTo((1001 + farthest + 1) % 2 ** 32, 1000), 0);
  const probe = packet({ seq: 1000, length: 1 });
  assert.is(fromClient(SYN, packet({ seq: 1001, length: 10 }), probe), 10);
});

test('which packets tell how far a side has sent', () => {
  assert.equal([countsIn(TCP.ACK, 5), countsIn(TCP.ACK, 0)], [true, false]);
  assert.equal([countsIn(TCP.FIN | TCP.ACK, 0), countsIn(TCP.FIN | TCP.RST, 0)], [true, false]);
  assert.equal(
    [countsIn(TCP.RST, 5), countsIn(TCP.SYN, 5), countsIn(TCP.SYN | TCP.ACK, 5)],
    [false, false, false],
  );
});

test('a reset’s number, and that of an empty ACK, are no progress', () => {
  const first = packet({ seq: 1001, length: 10 });
  const later = counter(0);
  assert.is(fromClient(SYN, first, later, packet({ seq: 9000, flags: TCP.RST })), 10);
  assert.is(fromClient(SYN, first, later, packet({ seq: 9000 })), 10);
  assert.is(fromClient(SYN, first, later, packet({ seq: 1501, length: 1 })), 501);
});

test.run();
