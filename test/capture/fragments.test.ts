/** IP fragments are put together whatever their order; what overlaps or stays incomplete is refused and said. */
import * as assert from 'uvu/assert';
import type { PacketEvent } from '../../src/model/event.js';
import type { Trace } from '../../src/model/trace.js';
import { randomizer } from '../decode/frames.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import {
  carry,
  fragment,
  fragment6,
  ipPacket,
  PLAIN,
  writeCapture,
  type Carrier,
  type Form,
  type Segment,
  type Shot,
} from '../support/wire-packets.js';

const test = suite('fragments');

const V4 = {
  source: { address: '198.51.100.2', port: 40_000 },
  destination: { address: '198.51.100.1', port: 5300 },
};
const V6 = {
  source: { address: '2001:db8::2', port: 40_000 },
  destination: { address: '2001:db8::1', port: 5300 },
};

function datagram(length: number, more: Partial<Segment> = {}): Buffer {
  const payload = Buffer.from(Array.from({ length }, (_, index) => (index * 7) & 0xff));
  return ipPacket({ protocol: 'udp', ...V4, payload, id: 4711, ...more });
}

function shotsOf(packets: readonly Buffer[], more: Partial<Shot> = {}): Shot[] {
  return packets.map((bytes, index) => ({
    time: 1_000_000 * (index + 1),
    device: 'eth0',
    way: 'in' as const,
    hardware: '02:00:00:00:00:01',
    bytes,
    ...more,
  }));
}

async function read(shots: readonly Shot[], form: Partial<Form> = {}): Promise<Trace> {
  return readTogether([writeCapture(shots, { ...PLAIN, ...form })]);
}

/** What is known of each packet but its time. */
const facts = ({ events }: Trace): unknown[] =>
  events
    .filter((event): event is PacketEvent => event.kind === 'packet')
    .map(({ source, destination, length, seq, flags, protocol, wire }) => ({
      source,
      destination,
      length,
      seq,
      flags,
      protocol,
      digest: wire?.digest,
      ipId: wire?.ipId,
      ttl: wire?.ttl,
    }));

const notes = ({ tail }: Trace): string => tail.notes.join('; ');

function shuffle<T>(list: readonly T[], random: (below: number) => number): T[] {
  const left = [...list];
  return list.flatMap(() => left.splice(random(left.length), 1));
}

test('put together, in any order, they are the packet that was cut', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomizer(seed);
    for (let i = 0; i < 8; i++) random(2);
    const ends = random(2) === 0 ? V4 : V6;
    const protocol = random(3) === 0 ? 'tcp' : 'udp';
    const whole = datagram(1 + random(6_000), { ...ends, protocol, seq: 77, flags: 0x18 });
    const size = 8 * (1 + random(180));
    const pieces = ends === V4 ? fragment(whole, size) : fragment6(whole, size, seed);
    const order = shuffle(pieces, random);
    const [apart, one] = [await read(shotsOf(order)), await read(shotsOf([whole]))];
    assert.equal(facts(apart), facts(one), `seed ${seed}`);
    assert.is(notes(apart), '');
    assert.is(apart.tail.unparsedPackets, 0);
  }
});

const TUNNELS: readonly Carrier['kind'][] = ['vxlan', 'geneve', 'gre', 'gre-ethernet', 'ipip'];

test('inside a tunnel, and of the tunnel itself', async () => {
  const whole = datagram(900);
  for (const kind of TUNNELS) {
    const by = { kind, id: 7, from: '192.0.2.1', to: '192.0.2.2' };
    const straight = await read(shotsOf([carry(whole, by)]));
    const inner = fragment(whole, 304).map((piece) => carry(piece, by));
    const outer = fragment(carry(whole, by), 304);
    const both = inner.slice(0, 3).flatMap((piece, index) => {
      piece.writeUInt16BE(50 + index, 4);
      return fragment(piece, 104);
    });
    for (const pieces of [inner, outer, both]) {
      const trace = await read(shotsOf(pieces));
      assert.equal(facts(trace), facts(straight), kind);
      assert.equal(
        trace.capture?.conversations.map(({ via }) => via?.map((one) => one.kind)),
        straight.capture?.conversations.map(({ via }) => via?.map((one) => one.kind)),
      );
    }
  }
});

test('the packet is there when its last piece is, at each device on its own', async () => {
  const pieces = fragment(datagram(400), 200);
  const there = shotsOf(pieces);
  const beyond = shotsOf(pieces, { device: 'eth1', way: 'out' });
  const trace = await read([...there, ...beyond].sort((a, b) => a.time - b.time));
  assert.equal(
    trace.events.map(({ time }) => time),
    [3_000_000, 3_000_000],
  );
});

test('a piece that is missing: the ports of the first are known, and what could not be put together is said', async () => {
  const pieces = fragment(datagram(1_000), 304);
  const first = await read(shotsOf(pieces.slice(0, 3)));
  assert.equal(
    first.events.map((event) => event.kind === 'packet' && [event.length, event.wire?.digest]),
    [[1_000, null]],
  );
  assert.match(notes(first), /3 IP fragments could not be put together, .*\(2 without ports/);
  assert.is(first.tail.unparsedPackets, 2);
  const later = await read(shotsOf([...pieces.slice(1), datagram(5, { id: 9 })]));
  assert.is(later.events.length, 1);
  assert.match(notes(later), /3 IP fragments could not .*\(3 without ports/);
  assert.is(later.capture?.witnesses[0]?.lossy, true);
});

test('pieces wait for 30 seconds, and another packet of the same number is another one', async () => {
  const [one = Buffer.alloc(0), two = Buffer.alloc(0)] = fragment(datagram(300), 200);
  const at = (seconds: number): Promise<Trace> => {
    const shots = shotsOf([one, two]);
    return read(shots.map((shot, index) => ({ ...shot, time: index * seconds * 1e9 })));
  };
  assert.is(notes(await at(30)), '');
  assert.match(notes(await at(31)), /2 IP fragments could not be put together/);
  const again = await read(shotsOf([one, two, one, two]));
  assert.equal([again.events.length, notes(again)], [2, '']);
});

test('a piece that was captured twice is one, overlapping ones are refused with their packet', async () => {
  const [one, two, three] = fragment(datagram(500), 200) as [Buffer, Buffer, Buffer];
  const twice = await read(shotsOf([one, one, two, two, three, three]));
  assert.equal([twice.events.length, notes(twice)], [1, '']);
  const edited = Buffer.from(two);
  edited.writeUInt8(1, 30);
  const [, , , shifted] = fragment(datagram(500), 64);
  for (const bad of [edited, shifted]) {
    const trace = await read(shotsOf([one, two, bad ?? two, three]));
    assert.is(trace.events.length, 0);
    assert.match(notes(trace), /4 IP fragments overlap others/);
    assert.is(trace.tail.unparsedPackets, 4);
  }
  const beyond = Buffer.from(three);
  beyond.writeUInt16BE(0x2000 | 60, 6);
  const trace = await read(shotsOf([one, two, three, beyond]));
  assert.is(trace.events.length, 1, 'it was put together before');
});

test('pieces that a short snaplen cut are put together, and their bytes are not made up', async () => {
  const whole = datagram(1_000);
  const trace = await read(shotsOf(fragment(whole, 304)), { snaplen: 100 });
  assert.equal(
    trace.events.map((event) => event.kind === 'packet' && [event.length, event.wire?.digest]),
    [[1_000, null]],
  );
});

test('a damaged piece is put together with nothing', async () => {
  const pieces = fragment(datagram(500), 304);
  const last = pieces[1] ?? Buffer.alloc(0);
  last.writeUInt16BE(0x1234, 10);
  const trace = await read(shotsOf(pieces));
  assert.match(notes(trace), /2 IP fragments could not be put together/);
});

test.run();
