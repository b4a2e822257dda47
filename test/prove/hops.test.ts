/** Hops: both sides of a rewriting are told, and which bytes of the stream a packet carries. */
import * as assert from 'uvu/assert';
import type { Leg } from '../../src/correlate/leg.js';
import { CONNTRACK, TCP, type PacketEvent } from '../../src/model/event.js';
import type { Hop } from '../../src/model/report.js';
import { listHops } from '../../src/prove/hops/hops.js';
import { namePlaces } from '../../src/prove/hops/places.js';
import { tellMove, type PlacedMove } from '../../src/prove/hops/tell-hop.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('hops');

const end = (address: string, port: number) => ({ address, port });
const [client, gateway] = [end('172.17.0.2', 40_000), end('172.17.0.1', 45_000)];
const [published, container] = [end('198.51.100.1', 8080), end('172.17.0.2', 6379)];
const { topology } = readSample('dnat-outside').header;
const context = { epoch: 0n, topology, places: namePlaces(topology) };

let id = 0;
function packet(more: Partial<PacketEvent>): PacketEvent {
  id += 1;
  return {
    kind: 'packet',
    id,
    time: id,
    namespace: topology.host,
    ifindex: 2,
    direction: 'in',
    skb: 'a',
    socket: null,
    conntrack: null,
    protocol: 'tcp',
    ack: 0,
    source: client,
    destination: published,
    seq: 99,
    flags: TCP.SYN,
    length: 0,
    ...more,
  };
}

const view = {
  id: 'c',
  status: CONNTRACK.DST_NAT | CONNTRACK.SRC_NAT,
  original: { source: client, destination: published },
  reply: { source: container, destination: gateway },
};

function legOf(events: PacketEvent[]): Leg {
  const nat = { view, hook: 'PREROUTING', sourceRewritten: true, event: events[0] };
  const leg = { protocol: 'tcp', client, server: published, destination: container, nat, events };
  return leg as unknown as Leg;
}

function tell(leg: Leg): Hop[] {
  return listHops({ leg, links: [], received: null }, context).map((hop) => hop.tell());
}

test('a masqueraded hairpin: destination and source between the same two hops', () => {
  const leg = legOf([
    packet({}),
    packet({ direction: 'out', source: gateway, destination: container, conntrack: view }),
  ]);
  const [, second] = tell(leg);
  assert.equal(second?.rewrite, {
    hook: 'PREROUTING',
    field: 'destination',
    from: '198.51.100.1:8080',
    to: '172.17.0.2:6379',
  });
  assert.equal(second?.secondRewrite, {
    hook: 'POSTROUTING',
    field: 'source',
    from: '172.17.0.2:40000',
    to: '172.17.0.1:45000',
  });
});

test('bytes count from the one after the SYN, over the end of the sequence numbers', () => {
  const seq = 2 ** 32 - 5;
  const leg = legOf([
    packet({ seq, skb: 'b' }),
    packet({ seq: seq + 1, length: 3, flags: TCP.ACK, skb: 'c' }),
    packet({ seq: 6, length: 4, flags: TCP.ACK, skb: 'd' }),
  ]);
  const streams = tell(leg).map(({ stream }) => stream);
  assert.equal(streams, [undefined, { from: 0, to: 3 }, { from: 10, to: 14 }]);
});

test('without the start of a stream its bytes have no numbers', () => {
  const leg = legOf([packet({ flags: TCP.ACK, length: 3 })]);
  assert.is(tell(leg)[0]?.stream, undefined);
});

test('the bytes that a relay moved have their place in the stream, unless a recording claims more in one call than in all', () => {
  const tell = (total: number, bytes: number): Hop['stream'] => {
    const event = { kind: 'copy', id: 1, pid: 7, command: 'relay', total, bytes };
    const ends = { from: { remote: client }, to: { remote: container } };
    const move = { event, ...ends, protocol: 'tcp', bytes, request: true };
    const placed = { move, relayNumber: 1, time: 5 } as unknown as PlacedMove;
    return tellMove(placed, context).stream;
  };
  assert.equal(tell(14, 14), { from: 0, to: 14 });
  assert.equal(tell(21, 7), { from: 14, to: 21 });
  assert.is(tell(6, 7), undefined);
});

test.run();
