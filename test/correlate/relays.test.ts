/** The parts that pair a relay's legs: pieces that were read and written, sums of calls, requests, and TLS by its lengths. */
import * as assert from 'uvu/assert';
import { addsNothing } from '../../src/correlate/accounts.js';
import { countExchanges } from '../../src/correlate/exchanges.js';
import { findRelay, isRelayProcess } from '../../src/correlate/known-relays.js';
import { isTlsRelay } from '../../src/correlate/tls.js';
import { findTransfers } from '../../src/correlate/transfers.js';
import type { CopyEvent } from '../../src/model/event.js';
import { isPortDriver } from '../../src/model/port-drivers.js';
import type { Topology } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';
import { at, Story, TARGET } from '../support/story.js';

const test = suite('parts of relays');
const story = new Story();

function call(
  operation: 'read' | 'write',
  socket: string,
  more: Partial<CopyEvent> = {},
): CopyEvent {
  return {
    ...story.stamp(),
    kind: 'copy',
    namespace: 1,
    protocol: 'tcp',
    pid: 30,
    tid: 30,
    command: 'socat',
    operation,
    socket,
    fd: 5,
    bytes: 14,
    total: 14,
    calls: 1,
    local: at('10.0.0.1#80'),
    remote: at(`10.0.0.2#${socket.length}`),
    buffer: 'b1',
    mark: 7,
    tail: 9,
    life: 1,
    ...more,
  };
}

const exactness = (...events: CopyEvent[]): (boolean | undefined)[] =>
  findTransfers(events).map(({ exact }) => exact);

test('what is written from where it was read to came from there', () => {
  const [read, write] = [call('read', 'a'), call('write', 'bb')];
  const [transfer] = findTransfers([read, write]);
  assert.equal(
    [transfer?.exact, transfer?.read, transfer?.event, transfer?.bytes],
    [true, read, write, 14],
  );
  assert.equal(exactness(write, read), []);
});

test('from another place it is only alike, and nothing where it is not alike', () => {
  const read = call('read', 'a');
  assert.equal(exactness(read, call('write', 'bb', { buffer: 'b2' })), [false]);
  for (const other of [
    { bytes: 15 },
    { mark: 8 },
    { tail: 8 },
    { pid: 31 },
    { protocol: 'udp' as const },
  ]) {
    assert.equal(
      exactness(read, call('write', 'bb', { buffer: 'b2', ...other })),
      [],
      JSON.stringify(other),
    );
    assert.equal(exactness(read, call('write', 'bb', other)), [], JSON.stringify(other));
  }
});

test('what goes back to the socket that it came from is an echo and no relaying', () => {
  assert.equal(exactness(call('read', 'a'), call('write', 'a')), []);
  // One socket of datagrams counts as one for each peer.
  assert.equal(exactness(call('read', 'a'), call('write', 'a', { remote: at('10.0.0.9#9') })), [
    true,
  ]);
});

test('like pieces of several sockets are nobody’s; of one socket the oldest comes first, each once', () => {
  const [one, two] = [call('read', 'a', { buffer: 'x' }), call('read', 'ccc', { buffer: 'y' })];
  assert.equal(exactness(one, two, call('write', 'bb', { buffer: 'z' })), []);
  const more = call('read', 'a', { buffer: 'y' });
  const written = [
    call('write', 'bb', { buffer: 'z' }),
    call('write', 'bb', { buffer: 'z' }),
    call('write', 'bb', { buffer: 'z' }),
  ];
  const found = findTransfers([one, more, ...written]);
  assert.equal(
    found.map(({ read }) => read),
    [one, more],
  );
});

test('sendfile writes what comes from a file', () => {
  const read = call('read', 'a', { buffer: '0' });
  assert.equal(
    exactness(read, call('write', 'bb', { buffer: '0', mark: 7 })).filter((exact) => !exact),
    [],
  );
  assert.equal(exactness(call('read', 'a'), call('write', 'bb', { buffer: '0' })), []);
  assert.equal(exactness(call('read', 'a'), call('write', 'bb', { buffer: '' })), []);
});

test('who gives more than it took adds bytes of its own; of untold calls nobody knows', () => {
  const flow = (taken: number | null, given: number | null): boolean =>
    addsNothing({ taken, given, moved: 0, followed: true });
  assert.equal([flow(7, 7), flow(8, 7), flow(7, 8)], [true, true, false]);
  assert.equal([flow(null, 7), flow(7, null), flow(null, null)], [false, false, false]);
});

test('requests of one connection, and those with a call elsewhere before their answer ended', () => {
  const at4 = (operation: 'read' | 'write', time: number): CopyEvent =>
    call(operation, 'a', { time });
  const two = [
    at4('read', 10),
    at4('read', 20),
    at4('write', 30),
    at4('read', 50),
    at4('write', 60),
  ];
  const count = (...times: number[]): unknown => countExchanges(two, times);
  assert.equal(count(), { all: 2, elsewhere: 0 });
  assert.equal([count(25), count(10), count(30)], Array(3).fill({ all: 2, elsewhere: 1 }));
  assert.equal([count(9), count(40), count(61)], Array(3).fill({ all: 2, elsewhere: 0 }));
  assert.equal(count(20, 55), { all: 2, elsewhere: 2 });
  assert.equal(countExchanges([], [5]), { all: 0, elsewhere: 0 });
  // A greeting is an answer to nobody.
  assert.equal(countExchanges([at4('write', 1), at4('read', 2)], [1]), { all: 1, elsewhere: 0 });
});

const FACTOR = 0x5851f42d4c957f2dn;

/** As the probes digest the first eight bytes. */
function digest(bytes: number[]): number {
  const word = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return Number((BigInt.asUintN(64, word * FACTOR) >> 32n) & 0xffffffffn);
}

const HELLO = 300;
const LENGTH = HELLO - 5;
/** Type, version, length, type of handshake and the same length again inside. */
const greeting = (type: number, minor: number, length = LENGTH, inner = 1): number =>
  digest([type, 3, minor, length >> 8, length & 255, inner, 0, (LENGTH - 4) >> 8]);
const hello = (): number => greeting(0x16, 1);

/** A relay that takes TLS from its client, and speaks plainly upstream. */
function terminate(change: { mark?: number; there?: number; back?: number } = {}): boolean {
  const { mark = hello(), there = 30, back = 30 } = change;
  const client = [call('read', 'a', { bytes: HELLO, mark })];
  const upstream: CopyEvent[] = [];
  client.push(call('read', 'a', { bytes: 100 }));
  upstream.push(call('write', 'bb', { bytes: 100 - there }));
  upstream.push(call('read', 'bb', { bytes: 500 }));
  client.push(call('write', 'a', { bytes: 500 + back }));
  return isTlsRelay({ client, upstream });
}

test('TLS on the client’s leg: a handshake there, and each piece longer there than beyond', () => {
  assert.is(terminate(), true);
  assert.is(terminate({ mark: greeting(0x16, 3) }), true);
  assert.is(terminate({ mark: greeting(0x17, 1) }), false);
  assert.is(terminate({ mark: greeting(0x16, 4) }), false);
  assert.is(terminate({ mark: greeting(0x16, 1, LENGTH - 1) }), false);
  assert.is(terminate({ mark: greeting(0x16, 1, LENGTH, 2) }), false);
});

test('TLS adds 16 to 96 bytes, in both directions', () => {
  assert.equal(
    [
      terminate({ there: 16 }),
      terminate({ there: 15 }),
      terminate({ there: 96 }),
      terminate({ there: 97 }),
    ],
    [true, false, true, false],
  );
  assert.equal(
    [
      terminate({ back: 16 }),
      terminate({ back: 15 }),
      terminate({ back: 96 }),
      terminate({ back: 97 }),
    ],
    [true, false, true, false],
  );
  assert.equal([terminate({ there: -30 }), terminate({ back: -30 })], [false, false]);
});

test('TLS beyond the relay: it greets upstream, and pieces are longer there', () => {
  const speak = (mark: number, more: number): boolean => {
    const client = [call('read', 'a', { bytes: 70 })];
    const upstream = [call('write', 'bb', { bytes: HELLO, mark })];
    upstream.push(call('write', 'bb', { bytes: 70 + more }));
    upstream.push(call('read', 'bb', { bytes: 500 + more }));
    client.push(call('write', 'a', { bytes: 500 }));
    return isTlsRelay({ client, upstream });
  };
  assert.equal([speak(hello(), 30), speak(hello(), -30), speak(7, 30)], [true, false, false]);
});

/** A relay that takes TLS: each of `pieces` goes on upstream, and as many answers come back; null is one that does not fit. */
function speakOn(pieces: readonly (number | null)[], answers: readonly (number | null)[]): boolean {
  const client = [call('read', 'a', { bytes: HELLO, mark: hello() })];
  const upstream: CopyEvent[] = [];
  for (const bytes of pieces) {
    client.push(call('read', 'a', { bytes: (bytes ?? 50) + 22 }));
    upstream.push(call('write', 'bb', { bytes: bytes ?? 200 }));
  }
  for (const bytes of answers) {
    upstream.push(call('read', 'bb', { bytes: bytes ?? 200 }));
    client.push(call('write', 'a', { bytes: (bytes ?? 50) + 22 }));
  }
  return isTlsRelay({ client, upstream });
}

test('one piece of the plain leg that has no longer one on the other is enough to say no', () => {
  assert.equal(
    [speakOn([10, 50, 90], [500, 700]), speakOn([10, null, 90], [500]), speakOn([10], [500, null])],
    [true, false, false],
  );
  // Each piece has a partner of its own: an answer that is written twice came from somewhere else.
  assert.equal([speakOn([10], []), speakOn([], [500])], [false, false]);
});

test('two pieces that share one longer piece do not fit', () => {
  const client = [call('read', 'a', { bytes: HELLO, mark: hello() })];
  client.push(call('read', 'a', { bytes: 100 }));
  const upstream = [call('write', 'bb', { bytes: 70 }), call('write', 'bb', { bytes: 71 })];
  upstream.push(call('read', 'bb', { bytes: 500 }));
  client.push(call('write', 'a', { bytes: 530 }));
  const more = call('read', 'a', { bytes: 100 });
  assert.is(isTlsRelay({ client: [...client, more], upstream }), false);
});

test('what was not told any more of the sealed leg is not asked for', () => {
  const client = [call('read', 'a', { bytes: HELLO, mark: hello() })];
  client.push(call('read', 'a', { bytes: 100 }));
  const upstream = [call('write', 'bb', { bytes: 70 }), call('read', 'bb', { bytes: 500 })];
  client.push(call('write', 'a', { bytes: 530 }));
  // The budget of the client's socket is spent; the plain one goes on being told.
  upstream.push(call('read', 'bb', { bytes: 600 }), call('write', 'bb', { bytes: 80 }));
  assert.is(isTlsRelay({ client, upstream }), true);
});

test('no calls, no TLS', () => {
  assert.is(isTlsRelay({ client: [], upstream: [] }), false);
});

test('relays by name, and by the arguments of the process with that number', () => {
  const topology = {
    relays: [
      {
        pid: 40,
        command: 'rootless-forwarder',
        arguments: [],
        protocol: 'tcp',
        listens: at('0.0.0.0#8080'),
        target: at(TARGET),
      },
    ],
  } as unknown as Topology;
  assert.is(findRelay(topology, { pid: 40, command: 'rootless-forwarder' })?.pid, 40);
  // The kernel cuts names to fifteen characters; a number that was given again has another name.
  assert.is(findRelay(topology, { pid: 40, command: 'rootless-forwar' })?.pid, 40);
  assert.equal(
    [
      findRelay(topology, { pid: 40, command: 'nginx' }),
      findRelay(topology, { pid: 41, command: 'rootless-forwarder' }),
    ],
    [null, null],
  );
  const isRelay = (pid: number, command: string): boolean =>
    isRelayProcess({ pid, command }, topology);
  assert.equal(
    [
      isRelay(1, 'docker-proxy'),
      isRelay(1, 'pasta'),
      isRelay(40, 'rootless-forwarder'),
      isRelay(1, 'nginx'),
    ],
    [true, true, true, false],
  );
  for (const command of [
    'rootlesskit',
    'rootlessport',
    'slirp4netns',
    'pasta',
    'pasta.avx2',
    'passt',
  ]) {
    assert.is(isPortDriver({ command }), true);
  }
  assert.is(isPortDriver({ command: 'docker-proxy' }), false);
});

test.run();
