/** Legs: what may be unlisted, until when a connection may have been open, and bytes by the sockets' own sums. */
import * as assert from 'uvu/assert';
import { Budgets } from '../../src/correlate/budgets.js';
import { countBytes } from '../../src/correlate/bytes.js';
import { gatherFlows } from '../../src/correlate/flows.js';
import type { Leg } from '../../src/correlate/leg.js';
import { buildLeg } from '../../src/correlate/legs.js';
import type { Endpoint } from '../../src/model/address.js';
import {
  TCP,
  TCP_STATE,
  type PacketEvent,
  type SocketSums,
  type StateEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import { suite } from '../support/suite.js';

const test = suite('legs of which not all is listed');

const HOST = 1;
const CLIENT: Endpoint = { address: '198.51.100.2', port: 40000 };
const SERVER: Endpoint = { address: '198.51.100.1', port: 8080 };
const NONE: SocketSums = {
  sent: 0,
  sentAgain: 0,
  acknowledged: 0,
  received: 0,
  segmentsSent: 0,
  segmentsReceived: 0,
  retransmits: 0,
};

/** Events in order, a microsecond apart. */
class Story {
  readonly events: TraceEvent[] = [];

  packet(from: Endpoint, more: Partial<PacketEvent> = {}): this {
    const to = from === CLIENT ? SERVER : CLIENT;
    return this.#add({
      kind: 'packet',
      namespace: HOST,
      ifindex: 2,
      direction: from === CLIENT ? 'in' : 'out',
      skb: `skb${this.events.length}`,
      socket: null,
      protocol: 'tcp',
      source: from,
      destination: to,
      seq: 100,
      ack: 0,
      flags: TCP.ACK,
      length: 0,
      conntrack: null,
      ...more,
    });
  }

  state(local: Endpoint, more: Partial<StateEvent> = {}): this {
    return this.#add({
      kind: 'state',
      namespace: HOST,
      pid: 10,
      tid: 10,
      command: 'server',
      socket: 'ff',
      local,
      remote: local === CLIENT ? SERVER : CLIENT,
      from: TCP_STATE.ESTABLISHED,
      to: TCP_STATE.CLOSE,
      ...more,
    });
  }

  #add(event: Omit<PacketEvent, 'id' | 'time'> | Omit<StateEvent, 'id' | 'time'>): this {
    const id = this.events.length + 1;
    this.events.push({ ...event, id, time: id * 1000 });
    return this;
  }

  leg(budget?: number): Leg {
    const [flow, ...more] = gatherFlows(this.events);
    assert.is(more.length, 0, 'one flow');
    const leg =
      flow && buildLeg(flow, { host: HOST, ports: new Set([8080]), budgets: new Budgets(budget) });
    if (!leg) throw new Error('no leg');
    return leg;
  }
}

const begin = (): Story =>
  new Story()
    .packet(CLIENT, { flags: TCP.SYN, seq: 99 })
    .packet(SERVER, { flags: TCP.SYN | TCP.ACK, seq: 499, ack: 100 })
    .packet(CLIENT);

test('packets may be unlisted as soon as one device has listed its budget in one direction', () => {
  assert.is(begin().leg(3).unlisted, false);
  assert.is(begin().packet(CLIENT).leg(3).unlisted, true);
  assert.is(begin().packet(SERVER).leg(3).unlisted, false, 'the other direction');
  assert.is(begin().packet(CLIENT, { ifindex: 3 }).leg(3).unlisted, false, 'another device');
  assert.is(begin().packet(CLIENT).leg().unlisted, false, 'a recording that counts them');
});

test('the smallest budget of its life counts, and an open connection lives on', () => {
  const fin = { flags: TCP.FIN | TCP.ACK };
  const low = new Budgets(16, [{ kind: 'budget', id: 99, time: 5_000_000_000, budget: 1 }]);
  const leg = (story: Story) => {
    const [flow] = gatherFlows(story.events);
    return flow && buildLeg(flow, { host: HOST, ports: new Set([8080]), budgets: low });
  };
  assert.is(leg(begin())?.unlisted, true, 'open');
  assert.is(leg(begin().packet(CLIENT, fin))?.unlisted, true, 'half closed');
  assert.is(
    leg(begin().packet(CLIENT, { flags: TCP.RST }))?.unlisted,
    true,
    'a reset may be stray',
  );
  assert.is(leg(begin().packet(CLIENT, fin).packet(SERVER, fin))?.unlisted, false);
  assert.is(leg(begin().state(SERVER))?.unlisted, false);
});

test('a connection is open until both ends have said FIN, or it is reset', () => {
  const fin = { flags: TCP.FIN | TCP.ACK };
  assert.is(begin().leg().until, Infinity);
  assert.is(begin().packet(CLIENT, fin).leg().until, Infinity, 'half closed');
  assert.is(begin().packet(CLIENT, fin).packet(CLIENT, fin).leg().until, Infinity, 'sent again');
  const closed = begin().packet(CLIENT, fin).packet(SERVER, fin).leg();
  assert.is(closed.until, closed.events.at(-1)?.time);
  const reset = begin().packet(SERVER, { flags: TCP.RST }).leg();
  assert.is(reset.until, reset.events.at(-1)?.time);
  assert.is(begin().state(CLIENT).leg().until, Infinity, 'one socket of two');
});

test('a connection whose packets nobody lists is open until its socket closes', () => {
  const dial = { from: TCP_STATE.CLOSE, to: TCP_STATE.SYN_SENT };
  const open = new Story().state(CLIENT, dial);
  assert.is(open.leg().until, Infinity);
  assert.is(open.state(CLIENT).leg().until, 2000);
});

test('the sums of either socket stand in for packets that were left out', () => {
  const at = (local: Endpoint, sums: Partial<SocketSums>): Leg =>
    begin()
      .state(local, { sums: { ...NONE, ...sums } })
      .leg(3);
  assert.equal(countBytes(at(SERVER, { sent: 7000, received: 14 })), {
    fromClient: 14,
    fromServer: 7000,
  });
  assert.equal(countBytes(at(CLIENT, { sent: 14, received: 7000 })), {
    fromClient: 14,
    fromServer: 7000,
  });
});

test('beyond 4 GiB the sums say how often the sequence number has wrapped', () => {
  const more = 2 ** 32 + 5;
  const story = begin()
    .packet(SERVER, { flags: TCP.FIN | TCP.ACK, seq: (500 + more) % 2 ** 32 })
    .state(SERVER, { sums: { ...NONE, sent: more } });
  assert.is(countBytes(story.leg()).fromServer, more);
});

test('a socket that was only looked at belongs to the connection with its ends, and to no other', () => {
  const sums = { ...NONE, sent: 7000 };
  const looked = { socket: '', from: TCP_STATE.ESTABLISHED, to: TCP_STATE.ESTABLISHED, sums };
  assert.is(countBytes(begin().state(SERVER, looked).leg()).fromServer, 7000);
  const stranger = begin().state(SERVER, { ...looked, remote: { ...CLIENT, port: 40001 } });
  assert.is(countBytes(stranger.leg()).fromServer, 0);
});

test.run();
