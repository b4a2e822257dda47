/** Whether the answer of a UDP server reached the client: its host saw it come in or go on, and nothing dropped it. */
import * as assert from 'uvu/assert';
import type { DropEvent, PacketEvent } from '../../src/model/event.js';
import type { Leg, LegEvent } from '../../src/correlate/leg.js';
import { isAnswerDelivered } from '../../src/prove/outcome/datagram-answer.js';
import { suite } from '../support/suite.js';
import { at } from '../support/story.js';

const test = suite('answers of datagrams');

const HOST = 1;
const OTHER = 2;
const CLIENT = at('198.51.100.2#40000');
const SERVER = at('198.51.100.1#53');

/** One flow of datagrams, packet by packet. */
class Flow {
  readonly events: LegEvent[] = [];

  packet(request: boolean, more: Partial<PacketEvent> = {}): this {
    const [source, destination] = request ? [CLIENT, SERVER] : [SERVER, CLIENT];
    const direction = request ? 'in' : 'out';
    const skb = request ? 'aa' : 'bb';
    this.events.push({
      kind: 'packet',
      ...this.#next(),
      namespace: HOST,
      ifindex: 2,
      direction,
      protocol: 'udp',
      seq: 0,
      ack: 0,
      flags: 0,
      length: 40,
      skb,
      socket: null,
      conntrack: null,
      source,
      destination,
      ...more,
    });
    return this;
  }

  drop(more: Partial<DropEvent> = {}): this {
    this.events.push({
      kind: 'drop',
      ...this.#next(),
      namespace: HOST,
      ifindex: 2,
      protocol: 'udp',
      seq: 0,
      ack: 0,
      flags: 0,
      length: 40,
      skb: 'bb',
      socket: null,
      conntrack: null,
      source: SERVER,
      destination: CLIENT,
      reason: 'NETFILTER_DROP',
      function: 'nft',
      ...more,
    });
    return this;
  }

  counter(source: PacketEvent['source'], destination: PacketEvent['source']): this {
    this.events.push({
      kind: 'counter',
      ...this.#next(),
      namespace: HOST,
      ifindex: 2,
      direction: 'out',
      protocol: 'udp',
      source,
      destination,
      packets: 3,
      bytes: 120,
    });
    return this;
  }

  get delivered(): boolean {
    const leg: Leg = {
      protocol: 'udp',
      events: this.events,
      client: CLIENT,
      server: SERVER,
      begun: true,
      destination: SERVER,
      dialled: null,
      accepted: null,
      nat: null,
      conntracked: false,
      unlisted: false,
      until: Infinity,
    };
    return isAnswerDelivered(leg);
  }

  #next(): { id: number; time: number } {
    const id = this.events.length + 1;
    return { id, time: id * 1_000 };
  }
}

const asked = (): Flow => new Flow().packet(true);

test('an answer that leaves by where the request came in is delivered; no answer is not', () => {
  assert.equal([asked().packet(false).delivered, asked().delivered], [true, false]);
  assert.is(new Flow().delivered, false);
});

test('where only the server’s side saw it, it may not have come', () => {
  assert.is(asked().packet(false, { namespace: OTHER }).delivered, false);
  // It goes the way that the request came, and not the same way once more.
  assert.is(asked().packet(false, { direction: 'in' }).delivered, false);
  assert.is(asked().packet(false, { destination: at('198.51.100.3#40000') }).delivered, false);
});

test('an answer that was thrown away behind that place is none', () => {
  assert.is(asked().packet(false).drop().delivered, false);
  // Another one came through.
  assert.is(asked().packet(false).drop().packet(false, { skb: 'cc' }).delivered, true);
});

test('the memory of a packet is used again: what another packet does with it says nothing', () => {
  assert.is(asked().packet(false).packet(true, { skb: 'bb' }).drop().delivered, true);
  assert.is(asked().packet(false).drop({ skb: 'dd' }).delivered, true);
  assert.is(asked().packet(false).drop({ length: 41 }).delivered, true);
  assert.is(asked().drop().packet(false).delivered, true, 'dropped before');
});

test('no socket of the client wanted it any more: it was delivered all the same', () => {
  assert.is(asked().packet(false).drop({ reason: 'NO_SOCKET' }).delivered, true);
});

test('what tells no way is believed: a capture, what was counted, a flow whose request was not seen', () => {
  assert.is(asked().packet(false, { skb: null, namespace: null }).delivered, true);
  assert.is(asked().counter(SERVER, CLIENT).delivered, true);
  assert.is(new Flow().packet(false).delivered, true);
});

test('counted requests are no answer', () => {
  assert.is(asked().counter(CLIENT, SERVER).delivered, false);
});

test.run();
