/** What each header says, and where each decoder stops: a length that is one byte too short is refused. */
import * as assert from 'uvu/assert';
import { decodeFrame } from '../../src/decode/link.js';
import { Packet, type Decoded } from '../../src/decode/packet.js';
import { suite } from '../support/suite.js';
import { double, ethernet, HARDWARE, ipv4, ipv6, LINK, tcp, udp, word } from './headers.js';

const test = suite('headers');

interface Look {
  readonly link?: number;
  /** Bytes that it had on the wire; all that are there unless told otherwise. */
  readonly wire?: number;
  /** Other frames before and after it in the same memory. */
  readonly before?: number;
  readonly after?: number;
  /** Used before for another packet. */
  readonly packet?: Packet;
}

function look(
  bytes: readonly number[],
  { link = LINK.RAW, wire = bytes.length, before = 0, after = 0, packet = new Packet() }: Look = {},
): { decoded: Decoded; packet: Packet } {
  const memory = Uint8Array.from([
    ...Array<number>(before).fill(0xee),
    ...bytes,
    ...Array<number>(after).fill(0xee),
  ]);
  const decoded = decodeFrame(memory, wire, link, packet, before, before + bytes.length);
  return { decoded, packet };
}

const say = (bytes: readonly number[], options?: Look): Decoded => look(bytes, options).decoded;

function textAt({ bytes }: Packet, at: number, length: number): string {
  return [...bytes.subarray(at, at + length)].join('.');
}

const PING = [80, 73, 78, 71];

test('a new record knows nothing', () => {
  const { ipId, timestamp, hardwareAt, fragmented, loopback, about, direction } = new Packet();
  assert.equal([ipId, timestamp, hardwareAt], [-1, -1, -1]);
  assert.equal([fragmented, loopback, direction], [false, false, null]);
  assert.equal(about.version, 0);
});

test('nothing of the packet before stays in the record', () => {
  const packet = new Packet();
  const cooked = [...word(0x0800), 0, 0, ...double(9), ...word(772), 4, 6, ...HARDWARE, 0, 0];
  const options = [1, 1, 8, 10, ...double(256), ...double(0)];
  look([...cooked, ...ipv4({ body: tcp({ options, payload: PING }) })], {
    link: LINK.SLL2,
    packet,
  });
  assert.equal([packet.ipId, packet.timestamp, packet.loopback], [4711, 256, true]);
  assert.ok(packet.hardwareAt > 0);
  look(ipv4({ protocol: 17, body: udp(PING), fragment: 0x2000 }), { packet });
  assert.is(packet.fragmented, true);
  look([], { packet });
  const { ipId, timestamp, loopback, hardwareAt, fragmented, direction, ifindex } = packet;
  assert.equal([ipId, timestamp, loopback, hardwareAt, fragmented], [-1, -1, false, -1, false]);
  assert.equal([direction, ifindex, packet.version, packet.protocol], [null, 0, 0, 0]);
  const { sourcePort, destinationPort, payloadAt, payloadLength, payloadCaptured } = packet;
  assert.equal(
    [sourcePort, destinationPort, payloadAt, payloadLength, payloadCaptured],
    [0, 0, 0, 0, 0],
  );
});

test('Ethernet, wherever the frame stands in memory', () => {
  const frame = ethernet(0x0800, ipv4({ body: tcp({ payload: PING }) }));
  for (const before of [0, 7, 1000]) {
    const { decoded, packet } = look(frame, { link: LINK.ETHERNET, before, after: 100 });
    assert.is(decoded, 'ok');
    assert.is(textAt(packet, packet.hardwareAt, 6), HARDWARE.join('.'));
    assert.is(textAt(packet, packet.sourceAt, 4), '10.0.0.1');
    assert.is(textAt(packet, packet.destinationAt, 4), '10.0.0.2');
    assert.equal([packet.version, packet.ttl, packet.ipId], [4, 63, 4711]);
    assert.is(textAt(packet, packet.payloadAt, 4), PING.join('.'));
    assert.equal([packet.payloadLength, packet.payloadCaptured], [4, 4]);
  }
});

test('IPv6: addresses, hop limit, and no identification', () => {
  const { decoded, packet } = look(ethernet(0x86dd, ipv6({ next: 17, body: udp(PING) })), {
    link: LINK.ETHERNET,
    before: 3,
  });
  assert.is(decoded, 'ok');
  assert.is(textAt(packet, packet.sourceAt, 4), '32.1.13.184');
  assert.is(packet.bytes[packet.sourceAt + 15], 1);
  assert.is(packet.bytes[packet.destinationAt + 15], 2);
  assert.equal([packet.version, packet.ttl, packet.ipId, packet.fragmented], [6, 62, -1, false]);
});

test('a frame with nothing but its link header is sound and carries nothing', () => {
  assert.is(say(ethernet(0x0806, []), { link: LINK.ETHERNET }), 'other');
  const sll2 = [...word(0x0806), ...Array<number>(18).fill(0)];
  assert.is(say(sll2, { link: LINK.SLL2 }), 'other');
  assert.is(say([...Array<number>(14).fill(0), ...word(0x0806)], { link: LINK.SLL }), 'other');
  assert.is(say([0, 0, 0, 3], { link: LINK.LOOP }), 'other');
});

test('a link header that is one byte short is refused, whatever follows it in memory', () => {
  const cases: [number, number][] = [
    [LINK.ETHERNET, 14],
    [LINK.SLL2, 20],
    [LINK.SLL, 16],
    [LINK.NULL, 4],
  ];
  for (const [link, length] of cases) {
    const short = Array<number>(length - 1).fill(0);
    for (const before of [0, 40]) {
      assert.is(say(short, { link, before, after: 40 }), 'malformed', `${link}`);
      assert.is.not(say([...short, 0], { link, before, after: 40 }), 'malformed', `${link}`);
    }
  }
});

const sll = (type: number, device: number, hardware: number, body: number[]): number[] => [
  ...[...word(type), ...word(device), ...word(hardware), ...HARDWARE, 0, 0, ...word(0x0800)],
  ...body,
];
const sll2 = (type: number, device: number, hardware: number, body: number[]): number[] => [
  ...[...word(0x0800), 0, 0, ...double(9), ...word(device), type, hardware, ...HARDWARE, 0, 0],
  ...body,
];

for (const [name, link, cooked, hardwareAt] of [
  ['SLL', LINK.SLL, sll, 6],
  ['SLL2', LINK.SLL2, sll2, 12],
] as const) {
  test(`${name}: direction, loopback and hardware address`, () => {
    const body = ipv4({ body: tcp({ payload: PING }) });
    const facts = (type: number, device: number, hardware: number): unknown[] => {
      const frame = cooked(type, device, hardware, body);
      const { decoded, packet } = look(frame, { link, before: 50 });
      assert.is(decoded, 'ok');
      assert.is(packet.payloadLength, 4);
      assert.is(packet.ifindex, link === LINK.SLL2 ? 9 : 0);
      return [packet.direction, packet.loopback, packet.hardwareAt];
    };
    assert.equal(facts(4, 1, 6), ['out', false, 50 + hardwareAt]);
    assert.equal(facts(0, 1, 6), ['in', false, 50 + hardwareAt]);
    assert.equal(facts(0, 772, 6), ['in', true, 50 + hardwareAt]);
    assert.equal(facts(3, 1, 8), ['in', false, -1]);
  });
}

test('what was on the wire is told without the link header, where the packet does not say', () => {
  // Segmentation offload leaves the length at 0.
  const packet = ipv4({ total: 0, body: tcp({ payload: PING }) });
  const links: [number, number[]][] = [
    [LINK.ETHERNET, ethernet(0x0800, packet)],
    [LINK.ETHERNET, ethernet(0x8100, [...word(7), ...word(0x0800), ...packet])],
    [LINK.SLL, sll(0, 1, 6, packet)],
    [LINK.SLL2, sll2(0, 1, 6, packet)],
    [LINK.LOOP, [0, 0, 0, 2, ...packet]],
    [LINK.RAW, packet],
  ];
  for (const [link, bytes] of links) {
    const { packet: told } = look(bytes, { link, wire: bytes.length + 1000 });
    assert.equal([told.payloadLength, told.payloadCaptured], [1004, 4], `${link}`);
  }
  const six = ipv6({ payload: 0, body: tcp({ payload: PING }) });
  assert.is(look(six, { wire: six.length + 1000 }).packet.payloadLength, 1004);
});

test('VLAN tags: each known number, eight of them, and none cut in the middle', () => {
  const body = ipv4({ body: tcp() });
  const tagged = (...types: number[]): number[] => {
    const tags = types.slice(1).flatMap((type) => [...word(7), ...word(type)]);
    return ethernet(types[0] ?? 0, [...tags, ...word(7), ...word(0x0800), ...body]);
  };
  const link = LINK.ETHERNET;
  for (const type of [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]) {
    assert.is(say(tagged(type), { link }), 'ok', `${type}`);
  }
  assert.is(say(tagged(0x9400), { link }), 'other');
  assert.is(say(tagged(...Array<number>(8).fill(0x8100)), { link }), 'ok');
  assert.is(say(tagged(...Array<number>(9).fill(0x8100)), { link }), 'malformed');
  const cut = ethernet(0x8100, [0, 7, 8]);
  assert.is(say(cut, { link, after: 60 }), 'malformed');
  assert.is(say(ethernet(0x8100, [0, 7, 8, 6]), { link, after: 60 }), 'other');
});

test('address families of both byte orders, and of nothing that is decoded', () => {
  const four = ipv4({ body: tcp() });
  const six = ipv6({ body: tcp() });
  const link = LINK.NULL;
  for (const before of [0, 9]) {
    assert.is(say([2, 0, 0, 0, ...four], { link, before }), 'ok');
    assert.is(say([0, 0, 0, 2, ...four], { link, before }), 'ok');
    for (const family of [10, 24, 28, 30]) {
      assert.is(say([family, 0, 0, 0, ...six], { link, before }), 'ok');
      assert.is(say([0, 0, 0, family, ...six], { link, before }), 'ok');
    }
    assert.is(say([3, 0, 0, 0, ...four], { link, before }), 'other');
    assert.is(say([2, 1, 0, 0, ...four], { link, before }), 'other');
    assert.is(say([0, 0, 1, 2, ...four], { link, before }), 'other');
  }
});

test('a link type that is not known', () => {
  assert.is(say(ipv4({ body: tcp() }), { link: 9999 }), 'unknown-link');
});

test('raw packets of neither version, and of none', () => {
  assert.is(say([0x50, ...ipv4({ body: tcp() }).slice(1)]), 'malformed');
  assert.is(say([0x70, ...ipv6({ body: tcp() }).slice(1)]), 'malformed');
  assert.is(say([], { after: 0 }), 'malformed');
  const memory = Uint8Array.from(ipv4({ body: tcp() }));
  assert.is(decodeFrame(memory, 0, LINK.RAW, new Packet(), 0, 0), 'malformed');
});

test('an IPv4 header is at least 20 bytes, and all there', () => {
  const body = tcp();
  assert.is(say(ipv4({ headerLength: 4, body })), 'malformed');
  const long = ipv4({ options: Array<number>(40).fill(1), body });
  assert.is(say(long), 'ok');
  assert.is(say(long.slice(0, 59), { wire: long.length, after: 40 }), 'malformed');
  assert.is(say(ipv4({ protocol: 99 }), { before: 9 }), 'other');
  assert.is(say(ipv4({ protocol: 99 }).slice(0, 19), { before: 9, after: 40 }), 'malformed');
});

test('an IPv4 packet is at least as long as its header', () => {
  assert.is(say(ipv4({ protocol: 99, total: 20 })), 'other');
  assert.is(say(ipv4({ protocol: 99, total: 19 })), 'malformed');
});

test('padding behind a short packet is no payload', () => {
  const padded = [...ipv4({ body: tcp({ payload: PING }) }), 0, 0, 0, 0, 0, 0];
  assert.equal([look(padded).packet.payloadLength, look(padded).packet.payloadCaptured], [4, 4]);
});

test('fragments: the first has ports and says that more come, later ones have none, whole ones are whole', () => {
  const body = udp(PING, 3000);
  const facts = (fragment: number): unknown[] => {
    const { decoded, packet } = look(ipv4({ protocol: 17, body, fragment }));
    return [decoded, packet.fragmented];
  };
  const offsetOf = (fragment: number): number | undefined =>
    look(ipv4({ protocol: 17, body: udp(PING), fragment })).packet.piece?.offset;
  const more = 0x2000;
  const dontFragment = 0x4000;
  assert.equal(facts(more), ['ok', true]);
  assert.equal(facts(more | 185), ['fragment', false]);
  assert.equal(facts(185), ['fragment', false]);
  assert.equal(facts(1), ['fragment', false]);
  assert.equal(facts(0x1000), ['fragment', false]);
  const whole = ipv4({ protocol: 17, body: udp(PING), fragment: dontFragment });
  assert.equal([say(whole), look(whole).packet.fragmented], ['ok', false]);
  assert.is(say(ipv4({ protocol: 17, body, fragment: dontFragment })), 'malformed');
  assert.equal([0, dontFragment, more, 185, dontFragment | 185].map(offsetOf), [
    undefined,
    undefined,
    0,
    1480,
    1480,
  ]);
});

const extension = (next: number, units: number): number[] => [
  next,
  units,
  ...Array<number>(6 + units * 8).fill(0),
];
const fragmentHeader = (next: number, field: number): number[] => [
  ...[next, 0, ...word(field), 0, 0, 0, 9],
];

test('IPv6 extension headers are stepped over by their lengths', () => {
  const segment = tcp({ payload: PING });
  for (const kind of [0, 43, 60, 135, 139, 140]) {
    for (const units of [0, 1, 3]) {
      const { decoded, packet } = look(
        ipv6({ next: kind, body: [...extension(6, units), ...segment] }),
      );
      assert.equal([decoded, packet.destinationPort, packet.payloadLength], ['ok', 6379, 4]);
      assert.is(packet.protocol, 6);
    }
  }
  // The authentication header counts in fours, less two.
  for (const units of [1, 4]) {
    const header = [6, units, ...Array<number>((units + 2) * 4 - 2).fill(0)];
    const { decoded, packet } = look(ipv6({ next: 51, body: [...header, ...segment] }));
    assert.equal([decoded, packet.destinationPort, packet.payloadLength], ['ok', 6379, 4]);
  }
  assert.is(say(ipv6({ next: 59 })), 'other');
});

test('fifteen extension headers are read, and sixteen are not', () => {
  const chain = (count: number): number[] => {
    const headers = Array.from({ length: count }, (_, i) => extension(i === count - 1 ? 6 : 60, 0));
    return ipv6({ next: 60, body: [...headers.flat(), ...tcp()] });
  };
  assert.is(say(chain(15)), 'ok');
  assert.is(say(chain(16)), 'malformed');
});

test('IPv6 headers that are cut off', () => {
  const whole = ipv6({ next: 60, body: [...extension(99, 0)] });
  assert.is(say(whole, { before: 5, after: 80 }), 'other');
  assert.is(say(whole.slice(0, -1), { before: 5, after: 80 }), 'malformed');
  assert.is(say(ipv6({ next: 99 }), { before: 50, after: 80 }), 'other');
  assert.is(say(ipv6({ next: 99 }).slice(0, -1), { before: 50, after: 80 }), 'malformed');
  // Extension headers that are longer than the packet says it is.
  const long = ipv6({ next: 60, payload: 8, body: [...extension(6, 1), ...tcp()] });
  assert.is(say(long), 'malformed');
  const exact = ipv6({ next: 60, payload: 16, body: extension(99, 1) });
  assert.is(say(exact), 'other');
});

test('fragments of IPv6', () => {
  const facts = (field: number, body = udp(PING, 3000)): unknown[] => {
    const { decoded, packet } = look(
      ipv6({ next: 44, body: [...fragmentHeader(17, field), ...body] }),
    );
    return [decoded, packet.fragmented, packet.protocol];
  };
  assert.equal(facts(1), ['ok', true, 17]);
  assert.equal(facts(1448 | 1), ['fragment', false, 17]);
  assert.equal(facts(1448), ['fragment', false, 17]);
  assert.equal(facts(8), ['fragment', false, 17]);
  // An atomic fragment is the whole packet; the bits between offset and flag are reserved.
  assert.equal(facts(0, udp(PING)), ['ok', false, 17]);
  assert.equal(facts(6, udp(PING)), ['ok', false, 17]);
  assert.equal(facts(7), ['ok', true, 17]);
});

test('another header of 8 bytes is no fragment header', () => {
  const body = [...[17, 0, ...word(1449), 0, 0, 0, 9], ...udp(PING)];
  assert.equal([say(ipv6({ next: 60, body })), say(ipv6({ next: 44, body }))], ['ok', 'fragment']);
});

test('protocols without ports', () => {
  assert.is(say(ipv4({ protocol: 99, body: [1, 2, 3, 4] })), 'other');
  assert.is(say(ipv6({ next: 99, body: [1, 2, 3, 4] })), 'other');
});

test('TCP: the header is at least 20 bytes and within the segment', () => {
  assert.is(say(ipv4({ body: tcp({ headerLength: 5 }) })), 'ok');
  assert.is(say(ipv4({ body: tcp({ headerLength: 4, payload: PING }) })), 'malformed');
  assert.is(say(ipv4({ body: tcp({ headerLength: 6 }) })), 'malformed');
  assert.is(say(ipv4({ body: tcp({ headerLength: 6, payload: PING }) })), 'ok');
});

test('TCP: options are no payload', () => {
  const { packet } = look(ipv4({ body: tcp({ options: [1, 1, 1, 1], payload: PING }) }), {
    before: 5,
  });
  assert.equal([packet.payloadLength, textAt(packet, packet.payloadAt, 4)], [4, PING.join('.')]);
  assert.is(packet.transportAt, 25);
});

test('TCP cut off by the snap length: known by its flags, refused without them', () => {
  const whole = ipv4({ body: tcp({ payload: PING }) });
  const cut = (length: number): Look => ({ wire: whole.length, before: 9, after: 99 - length });
  assert.is(say(whole.slice(0, 34), cut(34)), 'ok');
  assert.is(say(whole.slice(0, 33), cut(33)), 'malformed');
  const { packet } = look(whole.slice(0, 34), cut(34));
  assert.equal([packet.flags, packet.payloadLength, packet.payloadCaptured], [0x18, 4, 0]);
  assert.is(packet.payloadAt, 43);
  const { packet: half } = look(whole.slice(0, 42), cut(42));
  assert.equal([half.payloadLength, half.payloadCaptured], [4, 2]);
});

test('UDP: lengths that are too short, too long, and left to the packet', () => {
  const facts = (datagram: number[], more = {}): unknown[] => {
    const { decoded, packet } = look(ipv4({ protocol: 17, body: datagram, ...more }), {
      before: 9,
    });
    return [decoded, packet.payloadLength];
  };
  assert.equal(facts(udp([], 8)), ['ok', 0]);
  assert.equal(facts(udp(PING, 7)), ['malformed', 0]);
  assert.equal(facts(udp(PING, 12)), ['ok', 4]);
  assert.equal(facts(udp(PING, 13)), ['malformed', 0]);
  assert.equal(facts(udp(PING, 10)), ['ok', 2]);
  assert.equal(facts(udp(PING, 0)), ['ok', 4]);
  assert.equal(facts(udp(PING, 3008), { fragment: 0x2000 }), ['ok', 3000]);
  const whole = ipv4({ protocol: 17, body: udp() });
  assert.is(say(whole.slice(0, -1), { wire: 28, before: 9, after: 9 }), 'malformed');
  assert.is(look(whole, { before: 9 }).packet.payloadAt, 37);
});

/** Options of a multiple of four bytes, and the timestamp that is read out of them. */
const OPTIONS: readonly (readonly [string, readonly number[], number])[] = [
  ['alone', [8, 10, ...double(256), ...double(0), 0, 0], 256],
  ['after padding', [1, 1, 8, 10, ...double(256), ...double(0)], 256],
  ['after others', [2, 4, 5, 180, 3, 3, 7, 1, 8, 10, ...double(256), ...double(0), 0, 0], 256],
  ['after one of two bytes', [4, 2, 8, 10, ...double(256), ...double(0)], 256],
  ['after the end', [0, 0, 8, 10, ...double(256), ...double(0)], -1],
  ['of another length', [8, 8, ...double(256), 0, 0, 0, 0, 0, 0], -1],
  ['of another kind', [9, 10, ...double(256), ...double(0), 0, 0], -1],
  ['behind one of length 0', [2, 0, 8, 10, ...double(256), ...double(0)], -1],
  ['behind one of length 1', [2, 1, 8, 10, ...double(256), ...double(0)], -1],
  ['beyond the header', [1, 1, 1, 1, 1, 1, 8, 10], -1],
  ['none', [1, 1, 1, 1], -1],
  ['a kind without a length', [1, 1, 1, 8], -1],
];

for (const [name, options, expected] of OPTIONS) {
  test(`the sender's timestamp: ${name}`, () => {
    const padded = [...options, ...Array<number>((4 - (options.length % 4)) % 4).fill(0)];
    const payload = [10, ...double(512), ...double(512), ...double(512)];
    const { packet } = look(ipv4({ body: tcp({ options: padded, payload }) }));
    assert.is(packet.timestamp, expected);
  });
}

test('a timestamp that the snap length cut off is none', () => {
  const whole = ipv4({ body: tcp({ options: [8, 10, ...double(256), ...double(0), 0, 0] }) });
  const cut = (length: number): number =>
    look(whole.slice(0, length), { wire: whole.length, after: 30 }).packet.timestamp;
  assert.equal([cut(50), cut(49), cut(45), cut(41)], [256, -1, -1, -1]);
});

const V4_ERRORS = [3, 4, 5, 11, 12];

test('ICMP: errors and other messages', () => {
  const inner = ipv4({ protocol: 17, body: udp(PING) });
  for (let type = 0; type < 20; type++) {
    const { decoded, packet } = look(
      ipv4({ protocol: 1, body: [type, 13, 0, 0, 0, 0, 0, 0, ...inner] }),
    );
    assert.is(decoded, V4_ERRORS.includes(type) ? 'error' : 'other', `${type}`);
    assert.equal([packet.icmpType, packet.icmpCode], [type, 13]);
  }
  const six = ipv6({ next: 17, body: udp(PING) });
  for (const type of [1, 2, 3, 4, 127, 128, 129, 135]) {
    const { decoded } = look(ipv6({ next: 58, body: [type, 0, 0, 0, 0, 0, 0, 0, ...six] }));
    assert.is(decoded, type < 128 ? 'error' : 'other', `${type}`);
  }
});

test('ICMP: types mean what the version says', () => {
  const inner = ipv4({ protocol: 17, body: udp(PING) });
  const body = [1, 0, 0, 0, 0, 0, 0, 0, ...inner];
  assert.is(say(ipv4({ protocol: 1, body })), 'other');
  assert.is(say(ipv6({ next: 58, body })), 'error');
});

/** An error about `inner`, of which `missing` bytes are not there any more. */
function about(inner: number[], missing = 0): { decoded: Decoded; packet: Packet } {
  const body = [3, 1, 0, 0, 0, 0, 0, 0, ...inner];
  const whole = ipv4({ protocol: 1, body });
  return look(whole.slice(0, whole.length - missing), {
    wire: whole.length,
    after: 60,
    before: 30,
  });
}

test('ICMP: what an error is about', () => {
  for (const [protocol, body, port] of [
    [17, udp(PING), 53],
    [6, tcp(), 6379],
  ] as const) {
    const { decoded, packet } = about(ipv4({ protocol, body, fragment: 0x4000 }));
    assert.is(decoded, 'error');
    assert.equal([packet.about.version, packet.about.protocol], [4, protocol]);
    assert.equal([packet.about.sourcePort, packet.about.destinationPort], [40_000, port]);
    assert.is(textAt(packet, packet.about.sourceAt, 4), '10.0.0.1');
    assert.is(textAt(packet, packet.about.destinationAt, 4), '10.0.0.2');
  }
});

test('ICMP: an error about something without ports, or of which too little is quoted', () => {
  assert.is(about(ipv4({ protocol: 99, body: udp(PING) })).decoded, 'other');
  assert.is(about(ipv4({ protocol: 17, body: udp(PING), fragment: 100 })).decoded, 'other');
  assert.is(about([0x10, ...ipv4({ protocol: 17, body: udp() }).slice(1)]).decoded, 'other');
  const quoted = ipv4({ protocol: 17, body: udp() });
  assert.is(about(quoted, 4).decoded, 'error');
  assert.is(about(quoted, 5).decoded, 'other');
  assert.is(about(quoted, 8).decoded, 'other');
});

test('ICMP: a header of less than 8 bytes is cut off', () => {
  const echo = (length: number): Decoded => {
    const whole = ipv4({ protocol: 1, body: Array<number>(8).fill(0) });
    return say(whole.slice(0, 20 + length), { wire: 28, before: 30, after: 30 });
  };
  assert.equal([echo(8), echo(7), echo(0)], ['other', 'malformed', 'malformed']);
});

test.run();
