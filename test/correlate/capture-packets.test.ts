/** Sightings of a capture: which are one packet, on which side of a machine each was, and what two devices show together. */
import * as assert from 'uvu/assert';
import { findNearer } from '../../src/correlate/capture/nearness.js';
import {
  compareTimes,
  identityKey,
  isMarked,
  isSame,
} from '../../src/correlate/capture/same-packet.js';
import { findCrossing, listSightings } from '../../src/correlate/capture/sightings.js';
import { alignTwins, type Twin } from '../../src/correlate/capture/twins.js';
import { PacketRange } from '../../src/correlate/capture/packet-range.js';
import { TCP } from '../../src/model/event.js';
import { suite } from '../support/suite.js';
import { listTwins, Rows, type Row } from '../support/wire-rows.js';

const test = suite('packets of captures');

const MILLISECOND = 1_000_000;
const SECOND = 1_000_000_000;
const BEHIND = { address: '172.17.0.2', port: 6379 };
const OTHER = { address: '198.51.100.9', port: 9 };

function twin(a: Partial<Row>, b: Partial<Row>, rows = new Rows()): Twin {
  return { a: rows.add(a), b: rows.add(b) };
}

const same = (a: Partial<Row>, b: Partial<Row>): boolean => {
  const { a: one, b: two } = twin(a, b);
  return isSame(one.table, one.row, two.row);
};

/** The same packet behind a router that gave it another destination. */
const ROUTED = { destination: BEHIND, ttl: 63 };

test('one packet keeps its numbers, its payload and its marks, whatever NAT did', () => {
  assert.is(same({}, ROUTED), true);
  assert.is(same({}, { ...ROUTED, source: OTHER }), true);
  for (const other of [
    { seq: 101 },
    { ack: 201 },
    { flags: TCP.ACK | TCP.FIN },
    { length: 6 },
    { digest: 10 },
    { ipId: 8 },
    { protocol: 'udp' as const },
  ]) {
    assert.is(same({}, { ...ROUTED, ...other }), false, JSON.stringify(other));
  }
  assert.is(same({ timestamp: 5 }, { ...ROUTED, timestamp: 6 }), false);
  assert.is(same({ ipId: null, timestamp: 5 }, { ...ROUTED, ipId: null, timestamp: 5 }), true);
});

test('a packet takes two seconds at most from one device to the next, whichever clock is ahead', () => {
  const after = (time: number, file = 0): string => {
    const { a, b } = twin({ time: 9 * SECOND }, { ...ROUTED, time: 9 * SECOND + time, file });
    return compareTimes(a.table, a.row, b.row);
  };
  assert.equal(
    [after(2 * SECOND), after(2 * SECOND + 1), after(-2 * SECOND), after(-2 * SECOND - 1)],
    ['passing', 'never', 'passing', 'never'],
  );
  const day = 14 * 3600 * SECOND;
  assert.equal(
    [after(2 * SECOND, 1), after(2 * SECOND + 1, 1), after(-day, 1), after(day + 1000, 1)],
    ['passing', 'late', 'late', 'never'],
    'the clock of another file may be wrong',
  );
});

test('what one device does not tell contradicts nothing', () => {
  assert.is(same({ timestamp: 5 }, ROUTED), true);
  assert.is(same({}, { ...ROUTED, digest: null }), true);
  assert.is(same({ ipId: null, timestamp: 5 }, { ...ROUTED, timestamp: 5 }), true);
});

const BARE = { ipId: 0, timestamp: null };

test('without a mark of the sender: content, one end kept, and a TTL that went down', () => {
  assert.is(same(BARE, { ...BARE, ...ROUTED }), true);
  assert.is(same(BARE, { ...BARE, ...ROUTED, ttl: 64 }), false);
  assert.is(same(BARE, { ...BARE, ...ROUTED, source: OTHER }), false);
  assert.is(
    same(BARE, { ...BARE, ttl: 63, source: OTHER }),
    true,
    'the source may be rewritten as well',
  );
  const empty = { ...BARE, length: 0, digest: null };
  assert.is(same(empty, { ...empty, ...ROUTED }), false, 'a bare acknowledgement may be any');
  const syn = { ...empty, flags: TCP.SYN };
  assert.is(same(syn, { ...syn, ...ROUTED }), true, 'a SYN has a number of its own');
  assert.is(same(BARE, { ...BARE, ...ROUTED, digest: null }), false);
});

test('a mark is an identification that is not zero, or a timestamp', () => {
  const marked = (a: Partial<Row>, b: Partial<Row>): boolean => {
    const { a: one, b: two } = twin(a, b);
    return isMarked(one, two);
  };
  assert.is(marked({}, {}), true);
  assert.is(marked({ ipId: 0 }, { ipId: 0 }), false);
  assert.is(marked({ ipId: null }, { ipId: null }), false);
  assert.is(marked({ ipId: 7 }, { ipId: 8 }), false);
  assert.is(marked({ ...BARE, timestamp: 3 }, { ...BARE, timestamp: 3 }), true);
  assert.is(marked({ ...BARE, timestamp: 3 }, { ...BARE, timestamp: 4 }), false);
});

test('a datagram keeps one of its ends, and its payload', () => {
  const udp = { protocol: 'udp', seq: 0, ack: 0, flags: 0 } as const;
  assert.is(same(udp, { ...udp, ...ROUTED }), true);
  assert.is(same(udp, { ...udp, ...ROUTED, source: OTHER }), false, 'both ends are others');
  assert.is(same(udp, { ...udp, ...ROUTED, digest: 10 }), false);
  assert.is(same(udp, { ...udp, ...ROUTED, length: 6 }), false);
  // Its numbers are no numbers.
  assert.is(same(udp, { ...udp, ...ROUTED, seq: 5 }), true);
});

test('packets that may be the same have the same key, most others another', () => {
  const keys = (a: Partial<Row>, b: Partial<Row>): boolean => {
    const rows = new Rows();
    const [one, two] = [rows.add(a), rows.add(b)];
    return identityKey(rows.table, one.row) === identityKey(rows.table, two.row);
  };
  const udp = { protocol: 'udp' } as const;
  assert.is(keys({}, { ...ROUTED, device: 2, time: 5, hardware: 9 }), true);
  assert.is(keys(udp, { ...udp, ...ROUTED, seq: 9, ack: 9, flags: 9 }), true);
  assert.is(keys({ ...udp, ipId: null }, { ...udp, ipId: 0 }), true);
  for (const other of [{ seq: 101 }, { ack: 201 }, { flags: TCP.FIN }, { length: 6 }]) {
    assert.is(keys({}, { ...ROUTED, ...other }), false, JSON.stringify(other));
  }
  for (const other of [{ digest: 8 }, { length: 6 }, { ipId: 8 }]) {
    assert.is(keys(udp, { ...udp, ...ROUTED, ...other }), false, JSON.stringify(other));
  }
});

const nearer = (...twins: readonly Twin[]): unknown => {
  const found = findNearer(listTwins(twins));
  return found === null || found === 'contradiction' ? found : found.nearer;
};

test('a router took one off the TTL: where it is higher is nearer to the sender', () => {
  assert.is(nearer(twin({ ttl: 64 }, { ttl: 63, time: 2_000_000 })), 'a');
  assert.is(nearer(twin({ ttl: 63, time: 2_000_000 }, { ttl: 64 })), 'b');
  assert.is(
    nearer(twin({ ttl: 64 }, { ttl: 63 }), twin({ ttl: 63 }, { ttl: 64 })),
    'contradiction',
  );
  assert.is(nearer(), null);
  const routed = findNearer(listTwins([twin({ ttl: 64 }, { ttl: 63 })]));
  assert.is(routed !== null && routed !== 'contradiction' && routed.routed, true);
});

test('what is nearer was seen earlier, but for what two clocks may differ', () => {
  const late = (by: number, file = 0): unknown =>
    nearer(twin({ ttl: 64, time: SECOND + by }, { ttl: 63, time: SECOND, file }));
  assert.equal([late(20_000), late(20_001)], ['a', 'contradiction']);
  assert.equal([late(50 * MILLISECOND, 1), late(50 * MILLISECOND + 1, 1)], ['a', 'contradiction']);
});

test('one packet that cannot be the same makes all of them look-alikes', () => {
  const fine = twin({ ttl: 64 }, { ttl: 63, time: 2_000_000, device: 2 });
  const late = twin({ ttl: 64, time: SECOND }, { ttl: 63, time: 1 });
  const sentTwice = twin({ ttl: 64, hardware: 1 }, { ttl: 63, hardware: 1, time: 2_000_000 });
  assert.equal([nearer(fine, fine), nearer(fine, late)], ['a', 'contradiction']);
  assert.is(nearer(fine, sentTwice), 'contradiction');
});

test('without a router the order in time tells, between two places of one file', () => {
  const [early, late] = [{ time: 1000 }, { time: 2000 }];
  const apart = { device: 2 };
  assert.is(nearer(twin(early, { ...late, ...apart })), 'a');
  assert.is(nearer(twin(late, { ...early, ...apart })), 'b');
  assert.is(nearer(twin(early, { ...early, ...apart })), null);
  assert.is(nearer(twin(early, { ...late, ...apart }), twin(late, { ...early, ...apart })), null);
  assert.is(nearer(twin(early, late)), null, 'at one device');
  assert.is(nearer(twin(early, { ...late, ...apart, file: 1 })), null, 'in two files');
  assert.is(nearer(twin({ ...early, way: 'in' }, { ...late, way: 'out' })), 'a');
  assert.is(nearer(twin({ ...early, way: 'in' }, { ...late, way: 'in' })), null);
  assert.is(nearer(twin({ ...early, way: 'out' }, late)), null);
  assert.is(nearer(twin(early, { ...late, ...apart }), twin(early, late)), null);
  const level = findNearer(listTwins([twin(early, { ...late, ...apart })]));
  assert.is(level !== null && level !== 'contradiction' && level.routed, false);
});

test('a router sends under its own hardware address', () => {
  const sent = (near: number | null, far: number | null, ttl = 63): unknown =>
    nearer(twin({ ttl: 64, hardware: near }, { ttl, hardware: far, time: 2_000_000, device: 2 }));
  assert.equal([sent(1, 2), sent(1, 1)], ['a', 'contradiction']);
  assert.equal([sent(null, null), sent(null, 1)], ['a', 'a']);
  assert.is(sent(0, 0), 'a', 'loopback devices have none');
  assert.is(sent(1, 1, 64), 'a', 'nothing was routed');
});

test('a packet that was seen behind the router under its first addresses was not rewritten there', () => {
  const steps = (...ttls: readonly (readonly [number, number])[]): unknown =>
    nearer(
      ...ttls.map(([near, far]) => twin({ ttl: near }, { ttl: far, time: 2_000_000, device: 2 })),
    );
  assert.is(steps([64, 63], [63, 63]), 'contradiction');
  assert.is(steps([64, 63], [64, 64]), 'a');
  assert.is(steps([64, 63], [63, 62]), 'a');
});

test('one machine saw it come in, and go out on the other side', () => {
  const crosses = (...twins: readonly Twin[]): unknown => {
    const found = findNearer(listTwins(twins));
    return found !== null && found !== 'contradiction' && found.crosses;
  };
  const near = { ttl: 64, way: 'in', device: 1 } as const;
  const far = { ttl: 63, way: 'out', device: 2, time: 2_000_000 } as const;
  assert.is(crosses(twin(near, far)), true);
  assert.is(crosses(twin(near, far), twin(near, { ...far, way: 'in' })), true);
  assert.is(crosses(twin(near, { ...far, way: 'in' })), false);
  assert.is(crosses(twin(near, far), twin({ ...near, way: 'out' }, far)), false);
  assert.is(crosses(twin({ ...near, way: null }, far)), false);
  assert.is(crosses(twin(near, { ...far, way: null })), false);
  assert.is(crosses(twin(near, { ...far, file: 1 })), false);
});

const BACK = { source: BEHIND, destination: { address: '198.51.100.2', port: 40_000 } };

/** What devices show of requests and replies; each as device, way and TTL. */
function crossing(
  requests: readonly (readonly [number, Row['way'], number])[],
  replies: readonly (readonly [number, Row['way'], number])[],
): unknown {
  const rows = new Rows();
  const add = (fields: Partial<Row>, [device, way, ttl]: readonly [number, Row['way'], number]) =>
    rows.add({ ...fields, device, way, ttl });
  const asked = requests.map((one) => add({}, one).row);
  for (const one of replies) add(BACK, one);
  const { table } = rows;
  const all = Uint32Array.from({ length: table.size }, (_, row) => row);
  const range = new PacketRange(table, all, 0, all.length);
  return findCrossing(listSightings({ range, isRequest: (row) => asked.includes(row) }));
}

test('requests fresh at one device and routed at another, replies the other way: straight across a router', () => {
  const [NEAR, FAR] = [1, 2];
  assert.is(
    crossing(
      [
        [NEAR, null, 64],
        [FAR, null, 63],
      ],
      [
        [FAR, null, 64],
        [NEAR, null, 63],
      ],
    ),
    'routed',
  );
  // Each of the four, as it must not be.
  const routed = (near: number, far: number, back: number, out: number): unknown =>
    crossing(
      [
        [NEAR, null, near],
        [FAR, null, far],
      ],
      [
        [FAR, null, back],
        [NEAR, null, out],
      ],
    );
  assert.equal(
    [
      routed(63, 63, 64, 63),
      routed(64, 64, 64, 63),
      routed(64, 63, 63, 63),
      routed(64, 63, 64, 64),
    ],
    [null, null, null, null],
  );
  assert.is(routed(128, 127, 255, 254), 'routed');
});

test('a device that saw requests with several TTLs saw them before and behind a router', () => {
  const mixed = crossing(
    [
      [1, null, 64],
      [1, null, 63],
      [2, null, 63],
    ],
    [
      [2, null, 64],
      [1, null, 63],
    ],
  );
  assert.is(mixed, null);
  const answers = crossing(
    [
      [1, null, 64],
      [2, null, 63],
    ],
    [
      [2, null, 64],
      [1, null, 64],
      [1, null, 63],
    ],
  );
  assert.is(answers, null);
});

test('in at one port of a bridge and out at another, replies the other way: straight across a bridge', () => {
  const bridged = (...ways: readonly Row['way'][]): unknown => {
    const [first = null, second = null, third = null, fourth = null] = ways;
    return crossing(
      [
        [1, first, 64],
        [2, second, 64],
      ],
      [
        [2, third, 64],
        [1, fourth, 64],
      ],
    );
  };
  assert.is(bridged('in', 'out', 'in', 'out'), 'bridged');
  for (const ways of [
    ['out', 'out', 'in', 'out'],
    ['in', 'in', 'in', 'out'],
    ['in', 'out', 'out', 'out'],
    ['in', 'out', 'in', 'in'],
    [null, 'out', 'in', 'out'],
    ['in', null, 'in', 'out'],
  ] as const) {
    assert.is(bridged(...ways), null, ways.join());
  }
  assert.is(
    crossing(
      [
        [1, 'in', 64],
        [1, 'out', 64],
        [2, 'out', 64],
      ],
      [
        [2, 'in', 64],
        [1, 'out', 64],
      ],
    ),
    null,
    'a device that shows requests both ways is no side',
  );
  assert.is(
    crossing(
      [
        [1, 'in', 63],
        [2, 'out', 63],
      ],
      [
        [2, 'in', 64],
        [1, 'out', 64],
      ],
    ),
    null,
    'what was routed before may have been rewritten there',
  );
  assert.is(crossing([[1, 'in', 64]], [[2, 'in', 64]]), null);
});

const order = (twins: readonly Twin[]): string[] =>
  [...alignTwins(listTwins(twins))].map(({ a, b }) => `${a.time}-${b.time}`);

test('of packets that nothing tells apart the first at one device is the first at another', () => {
  const rows = new Rows();
  const [a1, a2] = [rows.add({ time: 10 }), rows.add({ time: 20 })];
  const [b1, b2] = [rows.add({ time: 11, device: 2 }), rows.add({ time: 21, device: 2 })];
  const all = [a2, a1].flatMap((a) => [b2, b1].map((b) => ({ a, b })));
  assert.equal(order(all), ['10-11', '20-21']);
  const [x, y] = [rows.add({ seq: 5 }), rows.add({ seq: 5 })];
  const [z, w] = [rows.add({ seq: 5, device: 2 }), rows.add({ seq: 5, device: 2 })];
  const level = [y, x].flatMap((a) => [w, z].map((b) => ({ a, b })));
  assert.equal(
    [...alignTwins(listTwins(level))].map(({ a, b }) => [a.row, b.row]),
    [
      [x.row, z.row],
      [y.row, w.row],
    ],
    'at one time, the one that was read first',
  );
});

test('one that was seen more often at one device: the nearest in time, and none of several', () => {
  const rows = new Rows();
  const times = (device: number, ...list: number[]) =>
    list.map((time) => rows.add({ time, device }));
  const cross = (a: ReturnType<typeof times>, b: ReturnType<typeof times>): Twin[] =>
    a.flatMap((one) => b.map((two) => ({ a: one, b: two })));
  assert.equal(order(cross(times(1, 100), times(2, 10, 90, 150))), ['100-90']);
  assert.equal(order(cross(times(1, 10, 90, 150), times(2, 100))), ['90-100']);
  assert.equal(order(cross(times(1, 10, 20), times(2, 11, 21, 31))), []);
});

test('each place has an order of its own', () => {
  const rows = new Rows();
  const a = rows.add({ time: 10 });
  const far = [
    rows.add({ time: 12, device: 2, way: 'in' }),
    rows.add({ time: 13, device: 2, way: 'out' }),
    rows.add({ time: 14, device: 3, way: 'in' }),
  ];
  assert.equal(order(far.map((b) => ({ a, b }))), ['10-12', '10-13', '10-14']);
});

test('packets that differ in anything that NAT leaves alone are not mistaken for each other', () => {
  for (const other of [
    { source: OTHER },
    { seq: 101 },
    { ack: 201 },
    { flags: TCP.FIN },
    { length: 6 },
    { ipId: 8 },
    { timestamp: 4 },
    { digest: 8 },
  ]) {
    const rows = new Rows();
    const first = { a: rows.add({ time: 10 }), b: rows.add({ time: 30, device: 2 }) };
    const second = {
      a: rows.add({ time: 20, ...other }),
      b: rows.add({ time: 25, device: 2, ...other }),
    };
    assert.equal(order([first, second]), ['10-30', '20-25'], JSON.stringify(other));
  }
});

test.run();
