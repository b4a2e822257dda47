/** Flows of datagrams, which have neither SYN nor FIN: a port that is used again by another socket, another entry, or much later. */
import * as assert from 'uvu/assert';
import { gatherFlows } from '../../src/correlate/flows.js';
import type { ConntrackView, PacketEvent } from '../../src/model/event.js';
import { at, CLIENT, HOST, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('flows of datagrams');

const FROM = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#5300');
const BEHIND = at('172.17.0.2#53');
const OTHER = at('172.17.0.3#53');
const CONFIRMED = 0x8;

let id = 0;

function datagram(more: Partial<PacketEvent> = {}): PacketEvent {
  id += 1;
  return {
    ...new Story().makePacket({ source: FROM, destination: DIALLED }),
    protocol: 'udp',
    id,
    time: id * 1000,
    seq: 0,
    ack: 0,
    flags: 0,
    length: 20,
    ...more,
  };
}

/** The client's end, where its socket is told. */
const sent = (socket: string | null, more: Partial<PacketEvent> = {}): PacketEvent =>
  datagram({ namespace: CLIENT, direction: 'out', socket, ...more });

const answer = (more: Partial<PacketEvent> = {}): PacketEvent =>
  datagram({ source: DIALLED, destination: FROM, direction: 'out', ...more });

/** Positions of the datagrams of each flow. */
function flows(...events: readonly PacketEvent[]): string {
  return gatherFlows(events)
    .map((flow) =>
      flow.events.map((event) => events.findIndex(({ id: own }) => own === event.id) + 1).join('-'),
    )
    .join(' ');
}

test('one socket, one flow; another socket with the same port began another', () => {
  assert.is(flows(sent('s'), sent('s')), '1-2');
  assert.is(flows(sent('s'), sent('t')), '1 2');
  assert.is(flows(sent('s'), sent(null), sent('s')), '1-2-3');
  assert.is(flows(sent(null), sent('s'), sent('t')), '1-2 3');
});

test('whose socket sends the answer, and whose takes a datagram in, says nothing of the client', () => {
  const back = { namespace: CLIENT, source: DIALLED, destination: FROM } as const;
  assert.is(
    flows(sent('s'), datagram({ ...back, direction: 'out', socket: 't' }), sent('s')),
    '1-2-3',
  );
  assert.is(flows(sent('s'), sent('t', { direction: 'in' })), '1-2');
});

function entry(more: Partial<ConntrackView> = {}): ConntrackView {
  return {
    id: 'ct1',
    status: CONFIRMED,
    original: { source: FROM, destination: DIALLED },
    reply: { source: BEHIND, destination: FROM },
    ...more,
  };
}

const tracked = (view: ConntrackView | null): PacketEvent => datagram({ conntrack: view });

test('another conntrack entry is another flow, once the first was kept', () => {
  const again = (first: Partial<ConntrackView>, second: Partial<ConntrackView>): string =>
    flows(tracked(entry(first)), tracked(entry(second)));
  assert.is(again({}, {}), '1-2');
  assert.is(again({}, { id: 'ct2' }), '1 2');
  assert.is(again({ status: 0 }, { id: 'ct2' }), '1-2', 'one that was thrown away and made again');
  assert.is(again({}, { reply: { source: OTHER, destination: FROM } }), '1 2');
  assert.is(again({}, { reply: { source: BEHIND, destination: at('172.17.0.1#9') } }), '1-2');
  assert.is(again({}, { original: { source: OTHER, destination: DIALLED } }), '1 2');
  assert.is(again({}, { original: { source: FROM, destination: OTHER } }), '1 2');
  assert.is(flows(tracked(entry()), tracked(null), tracked(entry({ id: 'ct2' }))), '1-2 3');
  assert.is(flows(tracked(null), tracked(entry())), '1-2');
});

/** One datagram at the client's device, then at the host's. */
function pass(skb: string, near: Partial<PacketEvent>, far: Partial<PacketEvent>): PacketEvent[] {
  return [sent(null, { skb, ...near }), datagram({ skb, ...far })];
}

test('what began anew at one place begins anew at the next', () => {
  const first = pass('a', { socket: 's' }, {});
  const second = pass('b', { socket: 't' }, {});
  assert.is(flows(...first, ...second), '1-2 3-4');
  assert.is(flows(...first, ...pass('b', { socket: 's' }, {})), '1-2-3-4');
});

test('what shows only later that it is of a new flow takes along where it was before', () => {
  const first = pass('a', {}, { conntrack: entry() });
  assert.is(flows(...first, ...pass('b', {}, { conntrack: entry({ id: 'ct2' }) })), '1-2 3-4');
  assert.is(flows(...first, ...pass('b', {}, { conntrack: entry() })), '1-2-3-4');
});

test('an skb whose memory was used for another datagram takes nothing along', () => {
  const first = pass('a', {}, { conntrack: entry() });
  const anew = { conntrack: entry({ id: 'ct2' }) };
  const later = (near: Partial<PacketEvent>, far: Partial<PacketEvent>): string =>
    flows(...first, ...pass('b', near, { ...anew, ...far }));
  assert.is(later({ length: 21 }, {}), '1-2-3 4');
  assert.is(later({ skb: null }, {}), '1-2-3 4');
  assert.is(later({}, { skb: null }), '1-2-3 4');
  assert.is(later({ time: 100_000 }, { time: 2_000_100_000 }), '1-2-3 4');
  assert.is(later({ time: 100_000 }, { time: 2_000_099_999 }), '1-2 3-4');
});

test('behind NAT it is the same datagram where its entry made these addresses of those', () => {
  const behind = { destination: BEHIND, ifindex: 3, direction: 'out' } as const;
  const whole = (view: ConntrackView | null, more: Partial<PacketEvent> = {}): string =>
    flows(datagram({ skb: 'a' }), datagram({ skb: 'a', ...behind, conntrack: view, ...more }));
  assert.is(whole(entry()), '1-2');
  assert.is(whole(null), '1 2');
  const apart = entry({ original: { source: OTHER, destination: DIALLED } });
  assert.is(whole(apart, { destination: OTHER }), '1 2');
});

test('answers belong to what they answer', () => {
  assert.is(flows(datagram(), answer(), datagram()), '1-2-3');
  assert.is(flows(datagram({ namespace: HOST }), answer({ destination: OTHER })), '1 2');
});

test('behind NAT the addresses of another entry are another flow’s, though they were dialled at the same place', () => {
  const behind = (id: string): PacketEvent =>
    datagram({
      destination: BEHIND,
      direction: 'out',
      ifindex: 3,
      conntrack: entry({ id }),
    });
  assert.is(flows(tracked(entry()), behind('ct1')), '1-2');
  assert.is(flows(tracked(entry()), behind('ct2')), '1 2');
  assert.is(flows(tracked(null), behind('ct2')), '1-2', 'no entry was seen before');
});

test.run();
