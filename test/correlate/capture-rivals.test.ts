/** Other legs that may have carried a pair's bytes: rivals in time, habits of a service, and the quick check before. */
import * as assert from 'uvu/assert';
import { Candidates } from '../../src/correlate/capture/candidates.js';
import { compareLegs, type Edge } from '../../src/correlate/capture/edges.js';
import type { CapturedLeg } from '../../src/correlate/capture/legs.js';
import { Prints, takePrint } from '../../src/correlate/capture/prints.js';
import { nameService, Rivals } from '../../src/correlate/capture/rivals.js';
import { Services, sketchService } from '../../src/correlate/capture/services.js';
import { suite } from '../support/suite.js';
import { Capture, CLIENT_LEG, UPSTREAM_LEG, type Shape } from '../support/captured-leg.js';

const test = suite('rivals of captured pairs');

/** Client and relay's own leg number `n`, a millisecond after the one before. */
function shift(shape: Shape, n: number, more: Partial<Shape> = {}): Shape {
  const by = n * 1_000_000;
  const { synTime = 1_000, established = 3_000, asked = 5_000, answered = 50_000 } = shape;
  const moved = (time: number | null): number | null => (time === null ? null : time + by);
  return {
    ...shape,
    client: shape.client.replace(/0$/, String(n)),
    syn: (shape.syn ?? 100) + n * 10_000,
    synAck: (shape.synAck ?? 500) + n * 10_000,
    synTime: moved(synTime),
    established: moved(established),
    asked: asked + by,
    answered: answered + by,
    ...more,
  };
}

function pair(capture: Capture, n: number, more: Partial<Shape> = {}): Edge {
  const client = capture.leg(shift(CLIENT_LEG, n, more));
  const edge = compareLegs(client, capture.leg(shift(UPSTREAM_LEG, n, more)));
  if (!edge) throw new RangeError('no pair');
  return edge;
}

const sides = (edges: readonly Edge[]): CapturedLeg[] =>
  edges.flatMap(({ client, upstream }) => [client, upstream]);

test('the quick look: legs differ whose lengths or beginnings differ, of those seen from their beginning', () => {
  const long = 'a question of which there is more than sixteen bytes';
  const differ = (one: Partial<Shape>, two: Partial<Shape>): boolean => {
    const capture = new Capture();
    const [a, b] = [
      capture.leg({ ...CLIENT_LEG, ...one }),
      capture.leg({ ...UPSTREAM_LEG, ...two }),
    ];
    const other = capture.leg({
      ...UPSTREAM_LEG,
      client: '172.17.0.1#50001',
      asks: 'x',
      answers: '',
    });
    // The leg is found by its place among others.
    const prints = new Prints([other, a, other]);
    assert.is(prints.differ(1, takePrint(b)), new Prints([b]).differ(0, takePrint(a)), 'both ways');
    return prints.differ(1, takePrint(b, new Float64Array(7).fill(3)));
  };
  const cases: readonly (readonly [string, Partial<Shape>, Partial<Shape>, boolean])[] = [
    ['the same', {}, {}, false],
    ['other requests of one length', { asks: 'one' }, { asks: 'two' }, true],
    ['other answers of one length', { answers: 'one' }, { answers: 'two' }, true],
    ['other short lengths', { asks: 'one' }, { asks: 'three' }, false],
    ['one is empty', { asks: long }, { asks: '' }, false],
    ['more of the same', { asks: long }, { asks: `${long} and more` }, false],
    ['another beginning', { asks: long }, { asks: `not ${long}` }, true],
    ['answers of another beginning', { answers: long }, { answers: `not ${long}` }, true],
    ['not known of one', { asks: 'one', unhashed: true }, { asks: 'two' }, false],
    [
      'a beginning that is not known',
      { asks: long, unhashed: true },
      { asks: `not ${long}` },
      false,
    ],
    ['one from before the capture', { asks: 'one', syn: null }, { asks: 'two' }, false],
    ['the other from before the capture', { asks: 'one' }, { asks: 'two', syn: null }, false],
    ['datagrams', { asks: 'one', protocol: 'udp' }, { asks: 'two', protocol: 'udp' }, false],
  ];
  for (const [name, one, two, is] of cases) assert.is(differ(one, two), is, name);
});

test('candidates: legs that began while the client’s lasted, in order, but from its address and to the one that it dialled', () => {
  const capture = new Capture();
  const client = capture.leg({
    ...CLIENT_LEG,
    synTime: 2_000_000,
    asked: 2_100_000,
    answered: 3_000_000,
  });
  const times = [1_499_999, 1_500_000, 2_500_000, 3_500_000, 3_500_001];
  const inTime = [...times].reverse().map((synTime, n) =>
    capture.leg({
      ...UPSTREAM_LEG,
      client: `172.17.0.1#5000${n}`,
      synTime,
      established: synTime,
      syn: 9_000 + n,
      asked: synTime + 1_000,
      answered: synTime + 2_000,
    }),
  );
  const within = {
    synTime: 2_600_000,
    established: 2_600_000,
    asked: 2_700_000,
    answered: 2_800_000,
  };
  const own = [1, 2].map((n) =>
    capture.leg({ ...UPSTREAM_LEG, ...within, client: `198.51.100.2#5000${n}` }),
  );
  const back = [1, 2].map((n) =>
    capture.leg({
      ...UPSTREAM_LEG,
      ...within,
      client: `172.17.0.1#6000${n}`,
      server: '198.51.100.1#6379',
    }),
  );
  const last = capture.leg({ ...UPSTREAM_LEG, ...within, client: '172.17.0.9#50000' });
  const routed = capture.leg({
    ...UPSTREAM_LEG,
    ...within,
    client: '172.17.0.8#5',
    request: { ttl: 63 },
  });
  const unlike = capture.leg({
    ...UPSTREAM_LEG,
    ...within,
    client: '172.17.0.7#5',
    asks: 'ask me something' + '!',
  });
  const other = capture.leg({
    ...UPSTREAM_LEG,
    ...within,
    client: '172.17.0.6#5',
    asks: 'ask me somethin.',
  });
  const all = new Candidates([routed, last, ...own, ...back, ...inTime, unlike, other]);
  const visited = (most = Infinity): string[] => {
    const found: string[] = [];
    all.visit(client, ({ leg, first }) => {
      found.push(`${leg.client.address} ${first.first}`);
      return found.length < most;
    });
    return found;
  };
  const expected = [
    ...['172.17.0.1 1500000', '172.17.0.1 2500000', '172.17.0.9 2600000'],
    ...['172.17.0.7 2600000', '172.17.0.1 3500000'],
  ];
  assert.equal(visited(), expected);
  assert.equal(visited(2), expected.slice(0, 2));
  // Who dialled its own machine may be relayed from there.
  const looped = capture.leg({
    ...CLIENT_LEG,
    server: '198.51.100.2#8080',
    synTime: 2_550_000,
    asked: 2_560_000,
    answered: 2_650_000,
  });
  const found: string[] = [];
  all.visit(looped, ({ leg }) => found.push(leg.client.address) > 0);
  assert.equal(found.filter((address) => address === '198.51.100.2').length, 2);
});

test('a rival carried the same bytes at the same time, and nothing else explains it', () => {
  const clear = (shape: Partial<Shape> | null, own: Partial<Shape> = {}): boolean => {
    const capture = new Capture();
    const edge = pair(capture, 0, own);
    const more = shape ? [capture.leg({ ...shift(CLIENT_LEG, 1), ...shape })] : [];
    return new Rivals([...more, edge.upstream, edge.client], [edge]).accountsFor(edge);
  };
  const now = { synTime: 10_000, established: 11_000, asked: 12_000, answered: 45_000 };
  const later = (by: number): Partial<Shape> => ({
    synTime: 50_000 + by,
    established: 50_000 + by,
    asked: 50_100 + by,
    answered: 50_200 + by,
  });
  const table: readonly (readonly [string, boolean, Partial<Shape> | null, Partial<Shape>?])[] = [
    ['nobody else', true, null],
    ['another with the same bytes', false, now],
    ['another with other bytes', true, { ...now, asks: 'ask me otherwise' }],
    ['half a millisecond later', false, later(500_000)],
    ['later than that', true, later(500_001)],
    ['datagrams', true, { ...now, protocol: 'udp' }],
    [
      'from before the capture, with the same bytes',
      false,
      { ...now, syn: null, synTime: null, established: null },
    ],
    ['its bytes are not known', false, { ...now, headless: true }],
    // Where bytes of the pair are missing, whoever was there within a second may be the one.
    [
      'another with other bytes, where some are missing',
      false,
      { ...now, asks: 'ask me otherwise' },
      { lost: true },
    ],
    ['a second later, where some are missing', false, later(1_000_000_000), { lost: true }],
    [
      'more than a second later, where some are missing',
      true,
      later(1_000_000_001),
      { lost: true },
    ],
    ['datagrams, where some are missing', true, { ...now, protocol: 'udp' }, { lost: true }],
    ['datagrams with the same bytes', false, { ...now, protocol: 'udp' }, { protocol: 'udp' }],
    [
      'datagrams with other bytes',
      true,
      { ...now, protocol: 'udp', asks: 'otherwise', answers: 'so' },
      { protocol: 'udp' },
    ],
    [
      'datagrams of which the request is the same',
      false,
      { ...now, protocol: 'udp', answers: 'so' },
      { protocol: 'udp' },
    ],
  ];
  for (const [name, is, shape, own] of table) assert.is(clear(shape, own), is, name);
});

test('a container’s hardware address sets a rival aside only where it cannot have dialled the machine for other reasons', () => {
  const relay = 0x0242_ac11_0005;
  const capture = new Capture();
  const client = capture.leg({ ...CLIENT_LEG, server: '172.17.0.5#8080' });
  const upstream = capture.leg({
    ...UPSTREAM_LEG,
    client: '172.17.0.5#50000',
    request: { hardware: relay },
  });
  const edge = compareLegs(client, upstream);
  assert.ok(edge && upstream.ofContainer);
  const now = { synTime: 500, established: 1_500, asked: 12_000, answered: 45_000 };
  const clear = (server: string, address: string, hardware: number | null): boolean => {
    const rival = capture.leg({
      ...shift(CLIENT_LEG, 1),
      ...now,
      client: `${address}#41000`,
      server,
      request: { hardware },
    });
    return new Rivals([rival, upstream, client], [edge]).accountsFor(edge);
  };
  const own = 0x0242_ac11_0009;
  assert.is(clear('10.9.0.5#8080', '172.17.0.9', own), false, 'the relay’s other network, maybe');
  assert.is(clear('10.9.0.5#8080', '172.17.0.9', null), false);
  assert.is(clear('172.17.0.2#6379', '172.17.0.9', own), true, 'it dialled what the relay dials');
  assert.is(clear('172.17.0.2#6379', '172.17.0.9', null), false, 'or is the relay itself');
});

test('a rival that ended before, behind one that lasts, is found in time', () => {
  const capture = new Capture();
  const edge = pair(capture, 5);
  const long = capture.leg({
    ...shift(CLIENT_LEG, 1),
    asks: 'ask me otherwise',
    answered: 9_000_000,
  });
  const over = capture.leg(shift(CLIENT_LEG, 2));
  const same = { asked: 5_010_000, answered: 5_030_000 };
  const lasting = capture.leg({ ...shift(CLIENT_LEG, 3), ...same });
  const rivals = (...legs: CapturedLeg[]): boolean =>
    new Rivals([...sides([edge]), ...legs], [edge]).accountsFor(edge);
  assert.is(rivals(long, over), true);
  assert.is(rivals(over, lasting), false);
  assert.is(rivals(lasting, over, long), false);
});

test('a rival that is a side of a pair of the same service is accounted for', () => {
  const capture = new Capture();
  const one = pair(capture, 0);
  assert.is(new Rivals(sides([one]), [one]).accountsFor(one), true);
  const near = capture.leg({ ...CLIENT_LEG, client: '198.51.100.3#42000', syn: 50_100, synAck: 9 });
  const far = capture.leg({ ...UPSTREAM_LEG, client: '172.17.0.1#52000', syn: 60_100, synAck: 8 });
  const same = compareLegs(near, far);
  assert.ok(same);
  assert.is(new Rivals([...sides([one]), near, far], [one]).accountsFor(one), false);
  assert.is(new Rivals([...sides([one]), near, far], [one, same]).accountsFor(one), true);
  const elsewhere = capture.leg({
    ...UPSTREAM_LEG,
    client: '172.17.0.1#53000',
    server: '172.17.0.3#6379',
    syn: 70_100,
    synAck: 7,
  });
  const other = compareLegs(near, elsewhere);
  assert.ok(other);
  assert.is(
    new Rivals([...sides([one]), near, elsewhere], [one, other]).accountsFor(one),
    false,
    'of another service',
  );
  assert.is(nameService(one), '8080|172.17.0.2|6379');
});

test('why it is no coincidence: content that nobody else carried, its course, or that its service always does so', () => {
  const long = Array.from({ length: 90 }, (_, i) => String.fromCharCode(33 + i)).join('');
  const explain = (
    own: Partial<Shape>,
    others: readonly Partial<Shape>[] = [],
    count = 1,
  ): string | null => {
    const capture = new Capture();
    const edges = Array.from({ length: count }, (_, n) => pair(capture, n, own));
    const more = others.map((shape, n) =>
      capture.leg({ ...CLIENT_LEG, client: `198.51.100.7#4100${n}`, ...shape }),
    );
    const [edge] = edges;
    if (!edge) return null;
    const services = new Services();
    // In two pieces, as of a file that is looked at while it is read.
    services.take(sides(edges), edges);
    services.take(more, []);
    return services.explain(sketchService(edge));
  };
  const ended = { clientEnds: 60_000 };
  const much = { asks: long, answers: long };
  const little = { asks: 'PING', answers: '+PONG' };
  const elsewhere = { server: '198.51.100.9#9090' };
  assert.is(explain(much), 'content');
  assert.is(explain(much, [{ ...much, ...elsewhere }]), null, 'another carried it too');
  assert.is(
    explain(much, [{ asks: 'x', ...elsewhere }]),
    'content',
    'another carried something else',
  );
  assert.is(explain(much, [{ ...much, ...elsewhere, unhashed: true }]), 'content', 'not known');
  assert.is(explain({ ...much, protocol: 'udp' }), null, 'one datagram there and back');
  assert.is(explain({ asks: long, answers: `${long}.`, protocol: 'udp' }), 'content', 'datagrams');
  assert.is(explain(little), null);
  assert.is(explain({ ...little, ...ended, synTime: 4_000 }), 'course', 'everything in turn');
  assert.is(explain({ ...little, ...ended }, [{ ...little, ...elsewhere }]), null, 'another too');
  assert.is(explain(little, [], 7), null, 'seven pairs');
  assert.is(explain(little, [], 8), 'service', 'eight pairs');
  assert.is(
    explain(little, [{ asks: 'x', server: '198.51.100.3#8080' }], 8),
    null,
    'one left over',
  );
  assert.is(
    explain(little, [{ asks: 'x', client: '172.17.0.1#9', server: '172.17.0.2#6379' }], 8),
    null,
    'one of the relay’s own left over',
  );
  assert.is(
    explain({ asks: 'PING ME NOW', answers: 'PONG TO YOU', protocol: 'udp' }, [], 8),
    null,
    'datagrams have no course',
  );
});

test.run();
