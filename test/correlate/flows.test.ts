/** Flows: events of one connection stay together, and similar events of others stay apart. */
import * as assert from 'uvu/assert';
import { gatherFlows } from '../../src/correlate/flows.js';
import type { Endpoint } from '../../src/model/address.js';
import { TCP, type PacketEvent, type StateEvent, type TraceEvent } from '../../src/model/event.js';
import { suite } from '../support/suite.js';

const test = suite('flows');

const HOST = 1;
const CONTAINER = 2;
const CLIENT = 3;

const end = (text: string): Endpoint => {
  const [address = '', port = '0'] = text.split('#');
  return { address, port: Number(port) };
};

const client = '198.51.100.2#40000';
const published = '198.51.100.1#8080';
const container = '172.17.0.2#6379';

let nextId = 0;

function packet(source: string, destination: string, more: Partial<PacketEvent> = {}): PacketEvent {
  nextId += 1;
  return {
    kind: 'packet',
    id: nextId,
    time: nextId * 1000,
    namespace: HOST,
    ifindex: 2,
    direction: 'in',
    skb: 'aa',
    socket: null,
    protocol: 'tcp',
    source: end(source),
    destination: end(destination),
    seq: 100,
    ack: 0,
    flags: TCP.SYN,
    length: 0,
    conntrack: null,
    ...more,
  };
}

function state(local: string, remote: string, more: Partial<StateEvent> = {}): StateEvent {
  nextId += 1;
  return {
    kind: 'state',
    id: nextId,
    time: nextId * 1000,
    namespace: HOST,
    pid: 10,
    tid: 10,
    command: 'redis-cli',
    socket: 'ff',
    local: end(local),
    remote: end(remote),
    from: 7,
    to: 2,
    ...more,
  };
}

const view = {
  id: 'cc',
  status: 0x1a8,
  original: { source: end(client), destination: end(published) },
  reply: { source: end(container), destination: end(client) },
};

/** Events of each flow, by number. */
function numbers(events: readonly TraceEvent[]): number[][] {
  const first = events[0]?.id ?? 0;
  return gatherFlows(events).map((flow) => flow.events.map(({ id }) => id - first + 1));
}

test('one skb over namespaces and NAT is one flow', () => {
  const events = [
    packet(client, published, { namespace: CLIENT, direction: 'out' }),
    packet(client, published),
    packet(client, container, { direction: 'out', ifindex: 3, conntrack: view }),
    packet(client, container, { namespace: CONTAINER }),
  ];
  assert.equal(numbers(events), [[1, 2, 3, 4]]);
});

test('without skb addresses, conntrack ties both sides of NAT and the SYN both namespaces', () => {
  const bare = { skb: null };
  const events = [
    packet(client, published, { ...bare, namespace: CLIENT, direction: 'out' }),
    packet(client, published, bare),
    packet(client, container, { ...bare, direction: 'out', conntrack: view }),
    packet(client, container, { ...bare, namespace: CONTAINER }),
  ];
  assert.equal(numbers(events), [[1, 2, 3, 4]]);
});

test('the same addresses in two namespaces that nothing ties are two flows', () => {
  const events = [
    packet('127.0.0.1#40000', '127.0.0.1#6379', { skb: 'aa', seq: 1 }),
    packet('127.0.0.1#40000', '127.0.0.1#6379', { skb: 'bb', seq: 2, namespace: CONTAINER }),
  ];
  assert.equal(numbers(events), [[1], [2]]);
});

test('a client port used again is another flow, on both sides of NAT', () => {
  const once = (seq: number, skb: string): PacketEvent[] => [
    packet(client, published, { seq, skb }),
    packet(client, container, { seq, skb, direction: 'out', conntrack: view }),
  ];
  assert.equal(numbers([...once(100, 'aa'), ...once(200, 'aa')]), [
    [1, 2],
    [3, 4],
  ]);
});

test('a port that a process chose and used again is another flow from the dial on', () => {
  const once = (seq: number): TraceEvent[] => [
    state(client, published),
    packet(client, published, { seq, direction: 'out', socket: 'ff' }),
    state(client, published, { from: 2, to: 1 }),
    packet(client, published, { seq: seq + 1, flags: TCP.ACK, direction: 'out', socket: 'ff' }),
  ];
  assert.equal(numbers([...once(100), ...once(200)]), [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ]);
});

test('a SYN sent again belongs to the same flow', () => {
  const events = [packet(client, published), packet(client, published, { skb: 'bb' })];
  assert.equal(numbers(events), [[1, 2]]);
});

test('the memory of one datagram used for another does not make them one', () => {
  const datagram = { protocol: 'udp' as const, flags: 0, seq: 0, length: 5 };
  const events = [
    packet(client, container, datagram),
    packet('198.51.100.1#50000', container, datagram),
  ];
  assert.equal(numbers(events), [[1], [2]]);
});

test('resets that answer different SYNs are told apart by what they acknowledge', () => {
  const reset = { flags: TCP.RST | TCP.ACK, seq: 0 };
  const events = [
    packet(container, '198.51.100.2#40000', { ...reset, ack: 101 }),
    packet(container, '198.51.100.2#40001', { ...reset, ack: 201 }),
  ];
  assert.equal(numbers(events), [[1], [2]]);
});

test('a dial and the packet that its socket sends are one flow, whatever NAT did before it was seen', () => {
  const events = [
    state('198.51.100.1#0', published),
    packet('198.51.100.1#40000', container, { direction: 'out', socket: 'ff' }),
    state('198.51.100.1#40000', published, { from: 2, to: 1 }),
  ];
  assert.equal(numbers(events), [[1, 2, 3]]);
});

test('a socket address used again is another flow', () => {
  const dial = (port: number, seq: number): TraceEvent[] => [
    state('198.51.100.1#0', published),
    packet(`198.51.100.1#${port}`, container, {
      direction: 'out',
      socket: 'ff',
      seq,
      skb: String(seq),
    }),
  ];
  assert.equal(numbers([...dial(40000, 1), ...dial(40001, 2)]), [
    [1, 2],
    [3, 4],
  ]);
});

test('a listener is no flow', () => {
  assert.equal(numbers([state('0.0.0.0#6379', '0.0.0.0#0', { to: 10 })]), []);
});

/** A packet that waits for its neighbour's address leaves no device, so nothing but conntrack names its flow. */
function waiting(seq: number, time: number): TraceEvent {
  const drop = { kind: 'drop', reason: 'NEIGH_FAILED', function: 'neigh_invalidate' } as const;
  return { ...packet(client, container, { seq, skb: `${time}` }), ...drop, time, conntrack: view };
}

test('a packet that waited in vain for a neighbour is of the flow that conntrack names', () => {
  const events = [packet(client, published), waiting(100, 3_100_000_000)];
  assert.equal(numbers(events), [[1, 2]]);
});

test('of another SYN, or much later, it is not', () => {
  assert.equal(numbers([packet(client, published), waiting(101, 3_100_000_000)]), [[1], [2]]);
  assert.equal(numbers([packet(client, published), waiting(100, 60_000_000_000)]), [[1], [2]]);
});

test('the same memory with another acknowledgement, other flags or another length is another packet', () => {
  const base = { flags: TCP.ACK, seq: 100, ack: 5, length: 3 };
  const other = '198.51.100.1#50000';
  const tie = (change: Partial<PacketEvent>): number =>
    numbers([packet(client, container, base), packet(other, container, { ...base, ...change })])
      .length;
  assert.is(tie({}), 1);
  for (const change of [
    { seq: 101 },
    { ack: 6 },
    { flags: TCP.ACK | TCP.FIN },
    { length: 4 },
    { skb: 'bb' },
    { skb: null },
  ]) {
    assert.is(tie(change), 2, JSON.stringify(change));
  }
});

test('one end stays as it is between two hops', () => {
  const tie = (source: string, destination: string): number =>
    numbers([packet(client, container), packet(source, destination)]).length;
  assert.equal([tie('198.51.100.1#50000', container), tie(client, '172.17.0.9#1')], [1, 1]);
  assert.is(tie('198.51.100.1#50000', '172.17.0.9#1'), 2);
});

test('the same memory two seconds later is another packet', () => {
  const later = (time: number): number => {
    const first = packet(client, published, { flags: TCP.ACK });
    return numbers([first, packet(client, container, { flags: TCP.ACK, time: first.time + time })])
      .length;
  };
  assert.equal([later(1_999_999_999), later(2_000_000_000)], [1, 2]);
});

test('a conntrack entry of another connection’s time ties nothing: its addresses were another’s then', () => {
  const tied = (after: number): number => {
    const first = packet(client, published, { skb: null });
    const second = packet(client, container, {
      skb: null,
      seq: 200,
      direction: 'out',
      conntrack: view,
      flags: TCP.ACK,
      time: first.time + after,
    });
    return numbers([first, second]).length;
  };
  assert.equal([tied(1_999_999_999), tied(2_000_000_000)], [1, 2]);
});

test('conntrack ties addresses of its own namespace only', () => {
  const away = { skb: null, namespace: CONTAINER, conntrack: view, flags: TCP.ACK };
  const events = [packet(client, published, { skb: null }), packet(client, container, away)];
  assert.equal(numbers(events), [[1], [2]]);
});

test('a silent pair of datagrams is a new flow after ninety seconds', () => {
  const again = (after: number): number => {
    const datagram = { protocol: 'udp' as const, flags: 0, seq: 0, length: 5, skb: null };
    const first = packet(client, container, datagram);
    return numbers([first, packet(client, container, { ...datagram, time: first.time + after })])
      .length;
  };
  assert.equal([again(90_000_000_000), again(90_000_000_001)], [1, 2]);
});

test('a SYN after packets without one begins another flow, a dial before it does not', () => {
  assert.equal(
    numbers([
      packet(client, published, { flags: TCP.ACK, skb: null }),
      packet(client, published, { skb: null }),
    ]),
    [[1], [2]],
  );
  assert.equal(numbers([state(client, published), packet(client, published, { skb: null })]), [
    [1, 2],
  ]);
});

test('a packet that is dropped is of the flow that its memory was seen in, within the time that it may wait', () => {
  const drop = (change: Partial<PacketEvent>, after = 1): number => {
    const first = packet(client, published);
    const lost = packet('198.51.100.9#1', published, { ...change, time: first.time + after });
    const event = {
      ...lost,
      kind: 'drop',
      reason: 'NETFILTER_DROP',
      function: 'nf_hook_slow',
    } as TraceEvent;
    return numbers([first, event]).length;
  };
  assert.equal([drop({}), drop({}, 9_999_999_999), drop({}, 10_000_000_000)], [1, 1, 2]);
  assert.equal([drop({ seq: 7 }), drop({ skb: 'bb' }), drop({ skb: null })], [2, 2, 2]);
});

test('a socket that ends and whose address is used again begins another flow', () => {
  const dial = state('198.51.100.1#0', published);
  const syn = packet('198.51.100.1#40000', published, { direction: 'out', socket: 'ff' });
  const again = state('198.51.100.1#0', '198.51.100.1#9090');
  const other = packet('198.51.100.1#40001', '198.51.100.1#9090', {
    direction: 'out',
    socket: 'ff',
    seq: 9,
    skb: 'bb',
  });
  assert.equal(numbers([dial, syn, again, other]), [
    [1, 2],
    [3, 4],
  ]);
});

test('a socket of another namespace sends nothing here', () => {
  const dial = state('198.51.100.1#0', published, { namespace: CLIENT });
  const syn = packet('198.51.100.1#40000', container, { direction: 'out', socket: 'ff' });
  assert.equal(numbers([dial, syn]), [[1], [2]]);
  const own = state('198.51.100.1#0', published);
  const arrives = packet('198.51.100.1#40000', container, { direction: 'in', socket: 'ff' });
  assert.equal(numbers([own, arrives]), [[1], [2]]);
});

/** A segment that dies before it comes to any device: its socket is on it. */
function unsent(change: Partial<PacketEvent> = {}, destination = container): TraceEvent {
  const lost = packet(client, destination, {
    ifindex: null,
    socket: 'ff',
    skb: 'zz',
    direction: 'out',
    conntrack: view,
    ...change,
  });
  return {
    ...lost,
    kind: 'drop',
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
  };
}

test('what dies before any device is of the socket that dialled there, in its own namespace', () => {
  const dialled = (drop: TraceEvent, more: Partial<StateEvent> = {}): number =>
    numbers([state('198.51.100.2#0', published, more), drop]).length;
  const elsewhere = { ...view, original: { ...view.original, destination: end('198.51.100.9#1') } };
  assert.is(dialled(unsent()), 1);
  assert.is(
    dialled(unsent({ conntrack: null }, published)),
    1,
    'without an entry, as it was dialled',
  );
  assert.is(dialled(unsent({ conntrack: null })), 2, 'without an entry, to elsewhere');
  assert.is(dialled(unsent({ conntrack: elsewhere })), 2, 'rewritten from elsewhere');
  assert.is(dialled(unsent({ ifindex: 2 })), 2, 'at a device');
  assert.is(dialled(unsent({ socket: 'ee' })), 2, 'of another socket');
  assert.is(dialled(unsent({ socket: null })), 2, 'of none');
  assert.is(dialled(unsent(), { namespace: CLIENT }), 2, 'of another namespace');
  const reset = { ...unsent(), kind: 'reset' } as TraceEvent;
  assert.is(dialled(reset), 2, 'a reset is no drop');
  const known = numbers([
    state('198.51.100.2#0', published),
    packet('198.51.100.2#40001', published, { socket: 'ff', direction: 'out', seq: 7 }),
    unsent({ seq: 8 }),
  ]);
  assert.equal(known, [[1, 2], [3]], 'another SYN than the one that it sent');
});

test('a socket that is told its port joins its own SYN, and none that was there before it dialled', () => {
  const bare = { skb: null };
  const connected = (): TraceEvent => state(client, published, { from: 2, to: 1 });
  const fresh = [state('198.51.100.2#0', published), packet(client, published, bare), connected()];
  assert.equal(numbers(fresh), [[1, 2, 3]]);
  const reused = [packet(client, published, bare), state('198.51.100.2#0', published), connected()];
  assert.equal(numbers(reused), [[1], [2, 3]]);
});

test('a socket’s address that comes back with another peer is another socket', () => {
  const open = { from: 1, to: 8 };
  const events = (second: string): number =>
    numbers([state(client, published, open), state('198.51.100.2#40001', second, open)]).length;
  assert.is(events('198.51.100.1#9090'), 2);
  assert.is(events('198.51.100.9#8080'), 2);
  assert.is(events(published), 1, 'the same peer');
});

test.run();
