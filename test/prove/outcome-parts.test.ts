/** The parts of an outcome one by one: the exchange of a leg, its resets, drops, times and retransmissions. */
import * as assert from 'uvu/assert';
import type { Leg, LegEvent } from '../../src/correlate/leg.js';
import type { RelayLink } from '../../src/correlate/relays.js';
import {
  TCP,
  TCP_STATE,
  type DropEvent,
  type PacketEvent,
  type ResetEvent,
  type StateEvent,
} from '../../src/model/event.js';
import type { Observed } from '../../src/prove/observed.js';
import { findDrop, findLastHop, findUndelivered } from '../../src/prove/outcome/drops.js';
import { readExchange } from '../../src/prove/outcome/exchange.js';
import { isAnswerDelivered } from '../../src/prove/outcome/datagram-answer.js';
import { listResets } from '../../src/prove/outcome/resets.js';
import { countRetransmits, findTiming } from '../../src/prove/timing/timing.js';
import { findUnclaimed } from '../../src/prove/outcome/no-listener.js';
import { makeLeg } from '../support/legs.js';
import { at, CLIENT, CONTAINER, HOST, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('parts of outcomes');

const FROM = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#8080');
const MS = 1_000_000;
const { SYN, ACK, FIN, RST } = TCP;
/** First byte of either side. */
const [C, S] = [101, 501];

let id = 0;

/** Between one event and the next: more than between copies of one packet. */
const STEP = 2 * MS;

function packet(request: boolean, more: Partial<PacketEvent> = {}): PacketEvent {
  id += 1;
  const ends = request
    ? { source: FROM, destination: DIALLED, direction: 'in' as const }
    : { source: DIALLED, destination: FROM, direction: 'out' as const };
  return {
    ...new Story().makePacket(ends),
    id,
    time: id * STEP,
    skb: `k${id}`,
    flags: ACK,
    ...(request ? { seq: C, ack: S } : { seq: S, ack: C }),
    ...more,
  };
}

const syn = (more: Partial<PacketEvent> = {}) =>
  packet(true, { flags: SYN, seq: C - 1, ack: 0, ...more });
const agree = (more: Partial<PacketEvent> = {}) =>
  packet(false, { flags: SYN | ACK, seq: S - 1, ...more });
const ack = (more: Partial<PacketEvent> = {}) => packet(true, more);
const shake = (): PacketEvent[] => [syn(), agree(), ack()];

function drop(request: boolean, more: Partial<DropEvent> = {}): DropEvent {
  const { direction, ...fields } = packet(request, more as unknown as Partial<PacketEvent>);
  void direction;
  return { ...fields, kind: 'drop', reason: 'NETFILTER_DROP', function: 'f', ...more };
}

function told(request: boolean, more: Partial<ResetEvent> = {}): ResetEvent {
  const { direction, ...fields } = packet(request, more as unknown as Partial<PacketEvent>);
  void direction;
  return { ...fields, kind: 'reset', ...more } as unknown as ResetEvent;
}

function state(from: number, to: number, more: Partial<StateEvent> = {}): StateEvent {
  id += 1;
  return {
    kind: 'state',
    id,
    time: id * STEP,
    namespace: CLIENT,
    pid: 1,
    tid: 1,
    command: 'x',
    socket: 's',
    local: FROM,
    remote: DIALLED,
    from,
    to,
    ...more,
  };
}

const legOf = (events: readonly LegEvent[], more: Partial<Leg> = {}): Leg =>
  makeLeg({ client: FROM, server: DIALLED, destination: DIALLED, events, ...more });

const completed = (...events: LegEvent[]): boolean => readExchange(legOf(events)).completed;

test('a handshake is completed by the client’s acknowledgement of the SYN+ACK', () => {
  assert.is(completed(...shake()), true);
  assert.is(completed(syn(), agree()), false);
  assert.is(completed(syn(), agree(), packet(false)), false, 'the server’s own says nothing');
  assert.is(completed(syn(), agree(), ack({ ack: S - 1 })), false, 'nothing of it is acknowledged');
  assert.is(completed(syn(), agree(), ack({ flags: RST | ACK })), false);
  assert.is(completed(syn(), agree(), ack({ flags: 0 })), false);
  assert.is(completed(syn(), ack()), true, 'without a SYN+ACK in sight any will do');
  const other = agree({ seq: S + 5000 });
  assert.is(completed(syn(), agree({ seq: S + 9000 }), other, ack({ ack: S + 5001 })), true);
});

test('a socket that was established, or accepted, tells the same', () => {
  const { SYN_SENT, SYN_RECV, ESTABLISHED, CLOSE, CLOSE_WAIT } = TCP_STATE;
  assert.is(completed(syn(), state(SYN_SENT, ESTABLISHED)), true);
  assert.is(completed(syn(), state(SYN_RECV, ESTABLISHED)), true);
  assert.is(completed(syn(), state(SYN_SENT, CLOSE)), false);
  assert.is(completed(syn(), state(ESTABLISHED, CLOSE_WAIT)), false);
  const accept: LegEvent = {
    ...state(0, 0),
    kind: 'accept',
    fd: 3,
    namespace: HOST,
    local: DIALLED,
    remote: FROM,
  };
  assert.is(completed(syn(), accept), true);
  assert.is(completed(syn({ length: 5 }), accept), false, 'fast open is accepted before it ends');
  assert.is(completed(syn(), packet(true, { length: 5, ack: 0, flags: 0 }), accept), true);
});

test('what each side sent: its SYNs by the place that saw most, its first byte, its FIN, what was acknowledged', () => {
  const far = { namespace: CLIENT, direction: 'out' } as const;
  const first = syn(far);
  const again = syn({ time: first.time + 5 * MS });
  const { client, server, replied } = readExchange(
    legOf([
      first,
      syn({ time: first.time + 1 }),
      again,
      agree(),
      ack({ length: 4 }),
      packet(false, { ack: C + 4 }),
    ]),
  );
  assert.equal([client.syns, client.syn, client.start, client.acked], [2, C - 1, C, C + 4]);
  assert.equal([server.syns, server.syn, server.start, server.acked], [1, S - 1, S, S]);
  assert.equal([client.fin, server.fin, replied], [null, null, true]);
  assert.is(readExchange(legOf([syn()])).replied, false);
  const fins = [packet(true, { flags: FIN | ACK }), packet(true, { flags: FIN | ACK })];
  assert.is(readExchange(legOf([...shake(), ...fins])).client.fin, fins[0]?.time);
});

test('a SYN at one place within a millisecond is a copy of the same packet', () => {
  const count = (apart: number): number => {
    const first = syn();
    return readExchange(legOf([first, syn({ time: first.time + apart })])).client.syns;
  };
  assert.equal([count(MS), count(MS + 1)], [1, 2]);
});

test('of several SYN+ACKs the one that was acknowledged counts', () => {
  const [one, two] = [agree({ seq: 7000 }), agree({ seq: 9000 })];
  const chosen = (ackd: number): number | null =>
    readExchange(legOf([syn(), one, two, ack({ ack: ackd })])).server.syn;
  assert.equal([chosen(7001), chosen(9001)], [7000, 9000]);
  assert.is(readExchange(legOf([syn(), one, two])).server.syn, 9000, 'without one the last');
});

const data = (seq: number, length = 10, more: Partial<PacketEvent> = {}) =>
  packet(true, { seq, length, ...more });
const stalled = (events: readonly LegEvent[], more: Partial<Leg> = {}) =>
  readExchange(legOf([...shake(), ...events], more)).client.stalled;

test('a segment that was sent three times and never acknowledged has stalled', () => {
  assert.is(stalled([data(C), data(C)]), null);
  assert.equal(stalled([data(C), data(C), data(C)]), {
    seq: C,
    length: 10,
    sent: 3,
    unheard: false,
    passed: null,
  });
  const acked = packet(false, { ack: C + 10 });
  assert.is(stalled([data(C), data(C), data(C), acked]), null);
  const partly = packet(false, { ack: C });
  assert.is(stalled([data(C), data(C), data(C), partly])?.sent, 3);
  assert.is(stalled([data(C), data(C), data(C)], { unlisted: true }), null);
});

test('copies of one packet, and another place, are not sent again', () => {
  const close = (apart: number): unknown => {
    const first = data(C);
    return stalled([first, ...[1, 2].map((n) => data(C, 10, { time: first.time + n * apart }))]);
  };
  assert.is(close(MS), null);
  assert.is.not(close(MS + 1), null);
  for (const change of [
    { ifindex: 9 },
    { namespace: CLIENT },
    { direction: 'out' as const },
    { source: { ...FROM, address: '10.0.0.1' }, destination: DIALLED },
  ]) {
    assert.is(stalled([data(C), data(C, 10, change), data(C)]), null, JSON.stringify(change));
  }
});

test('a segment that went on being sent after it was acknowledged: its sender never heard of that', () => {
  const acked = packet(false, { ack: C + 10 });
  assert.is(stalled([data(C), acked, data(C)]), null);
  assert.equal(stalled([data(C), acked, data(C), data(C)]), {
    seq: C,
    length: 10,
    sent: 3,
    unheard: true,
    passed: null,
  });
  assert.is(stalled([data(C), acked, data(C), data(C), data(C + 10)]), null, 'it went on');
});

test('the longest that passed before the segment that stalled', () => {
  const big = [1, 2, 3].map(() => data(C + 70, 1400));
  const before = [data(C, 50), data(C + 50, 20), packet(false, { ack: C + 70 })];
  assert.equal(
    [stalled([...before, ...big])?.passed, stalled([...before, ...big])?.length],
    [50, 1400],
  );
  const reply = packet(false, { length: 900, seq: 5, ack: C + 70 });
  assert.is(
    stalled([...before, reply, ...big])?.passed,
    50,
    'what the other side sent is no measure',
  );
});

const resets = (...events: LegEvent[]) => listResets(legOf(events));
const reset = (more: Partial<PacketEvent> = {}) =>
  packet(false, { flags: RST | ACK, seq: 0, ack: C, ...more });

test('a reset counts once, however often it was seen, and comes from where it was made', () => {
  const sight = reset();
  const far = reset({ namespace: CLIENT, direction: 'in', time: sight.time + 1 });
  assert.equal(
    resets(syn(), sight, far).map(({ request, event, origin }) => [request, event, origin]),
    [[false, sight, HOST]],
  );
  assert.is(resets(syn(), sight, reset({ ack: C + 1 })).length, 1, 'no answer to this SYN');
  const torn = packet(false, { flags: RST, seq: S, ack: 0 });
  assert.is(resets(...shake(), torn, reset({ seq: S })).length, 2);
  assert.is(resets(syn(), reset({ direction: 'in' }))[0]?.origin, null);
  assert.is(resets(syn(), reset({ skb: null }))[0]?.origin, null);
  assert.is(resets(...shake(), packet(true, { flags: RST }))[0]?.request, true);
  assert.is(resets(...shake()).length, 0);
});

test('who sent a reset: the stack that found no socket, a socket, or a rule; null where nothing shows it', () => {
  const cause = (...events: LegEvent[]): unknown => resets(...events).at(-1)?.cause;
  assert.is(cause(syn(), reset()), null);
  assert.is(cause(syn(), reset({ socket: 's' })), 'closed');
  const asked = { seq: C - 1, ack: 0, flags: SYN };
  assert.is(cause(syn(), told(true, { ...asked, socket: null }), reset()), 'not-listening');
  assert.is(cause(syn(), told(true, { ...asked, socket: 's' }), reset()), 'closed');
  const late = reset();
  assert.is(cause(syn(), late, told(true, { ...asked, socket: null })), null, 'told later');
  assert.is(cause(syn(), drop(true, { ...asked, reason: 'NO_SOCKET' }), reset()), 'not-listening');
  assert.is(cause(syn(), reset(), drop(true, asked)), 'rejected');
  assert.is(cause(syn(), reset({ socket: 's' }), drop(true, asked)), 'closed');
  assert.is(cause(syn(), drop(true, asked), reset()), null, 'it died before');
  assert.is(cause(syn(), reset(), drop(true, { ...asked, reason: 'OTHER' })), null);
  assert.is(cause(syn(), reset(), drop(true, { ...asked, namespace: CONTAINER })), null);
  assert.is(cause(syn(), reset(), drop(true, { ...asked, seq: C })), null, 'it answers another');
  const first = reset();
  const slow = (after: number): unknown =>
    cause(syn(), first, drop(true, { ...asked, time: first.time + after }));
  assert.equal([slow(0), slow(100 * MS - 1), slow(100 * MS)], ['rejected', 'rejected', null]);
});

test('a reset answers a segment by its numbers', () => {
  const rejects = (segment: Partial<DropEvent>, answer: Partial<PacketEvent>): boolean =>
    resets(...shake(), reset(answer), drop(true, segment))[0]?.cause === 'rejected';
  const bytes = { seq: C, length: 10, flags: ACK, ack: S };
  assert.is(rejects(bytes, { flags: RST, seq: S, ack: 0 }), true);
  assert.is(rejects(bytes, { flags: RST, seq: S + 1, ack: 0 }), false);
  const bare = { ...bytes, flags: 0, ack: 0 };
  const rejectsBare = (segment: Partial<DropEvent>, ack: number, flags = RST | ACK): boolean => {
    const sent = packet(true, { seq: ack - 10, length: 10, flags: 0, ack: 0 });
    const events = [syn(), sent, reset({ flags, seq: 0, ack }), drop(true, segment)];
    return resets(...events)[0]?.cause === 'rejected';
  };
  assert.is(rejectsBare(bare, C + 10), true);
  assert.is(rejectsBare(bare, C + 11), false);
  assert.is(rejectsBare({ ...bare, flags: FIN }, C + 11), true);
  assert.is(rejectsBare({ ...bare, flags: SYN }, C + 11), true);
  assert.is(rejectsBare(bare, C + 10, RST), false);
});

test('a reset that its receiver has no socket for is not heard', () => {
  const sent = reset();
  const unheard = drop(false, {
    reason: 'NO_SOCKET',
    flags: sent.flags,
    seq: sent.seq,
    ack: sent.ack,
  });
  assert.is(resets(syn(), sent, unheard).length, 0);
  const later = { seq: S };
  assert.is(
    resets(syn(), agree(), reset(later), { ...unheard, ...later }).length,
    1,
    'it had agreed before',
  );
  for (const more of [{ reason: 'OTHER' }, { flags: RST }, { seq: 1 }, { ack: 1 }]) {
    assert.is(resets(syn(), sent, { ...unheard, ...more }).length, 1, JSON.stringify(more));
  }
});

const NOTHING = { fromClient: 0, fromServer: 0 };
const subject = (events: readonly LegEvent[], more: Partial<Leg> = {}, bytes = NOTHING) => ({
  leg: legOf(events, more),
  links: [] as RelayLink[],
  bytes,
});

test('before the server has agreed a drop of the SYN decides; afterwards one of the SYN+ACK', () => {
  const lost = drop(true, { flags: SYN, seq: C - 1, ack: 0 });
  assert.is(findDrop(subject([syn(), lost])), lost);
  const other = drop(true, { length: 3, flags: 0 });
  assert.is(findDrop(subject([syn(), other, lost])), lost);
  assert.is(findDrop(subject([syn(), other])), other);
  assert.is(findDrop(subject([syn(), drop(true, { flags: RST })])), null);
  const answer = drop(false, { flags: SYN | ACK, seq: S - 1 });
  assert.is(findDrop(subject([syn(), agree(), lost, answer])), answer);
  assert.is(findDrop(subject([syn(), agree(), lost])), null, 'a SYN sent again is not needed');
  const acknowledgement = drop(true, { ack: 1 });
  assert.is(findDrop(subject([syn(), agree(), acknowledgement])), acknowledgement);
  assert.is(findDrop(subject([syn(), drop(true, { flags: SYN, reason: 'OTHERHOST' })])), null);
});

test('after the handshake a segment that never arrived decides: sent again, or of a request without an answer', () => {
  const lost = (more: Partial<DropEvent> = {}) => drop(true, { length: 10, ...more });
  const first = lost();
  const answered = { fromClient: 10, fromServer: 5 };
  assert.is(findUndelivered(subject([...shake(), first])), first);
  assert.is(findUndelivered(subject([...shake(), first], {}, answered)), null);
  assert.is(findUndelivered(subject([...shake(), first, lost()], {}, answered)), first);
  assert.is(
    findUndelivered(subject([...shake(), first, lost({ seq: C + 10 })], {}, answered)),
    null,
  );
  assert.is(findUndelivered(subject([...shake(), first, packet(false, { ack: C + 10 })])), null);
  assert.is(
    findUndelivered(subject([...shake(), first]), false),
    null,
    'its answer may be missing',
  );
  assert.is(findUndelivered(subject([...shake(), lost({ length: 0 })])), null);
  assert.is(findUndelivered(subject([...shake(), lost({ reason: 'TCP_ZEROWINDOW' })])), null);
  assert.is(findUndelivered(subject([...shake(), first], { unlisted: true })), null);
  assert.is(findUndelivered(subject([syn(), lost({ flags: 0 })])), null, 'not yet connected');
  assert.is(findUndelivered(subject([first], { begun: false })), first);
  const reply = drop(false, { length: 10 });
  assert.is(findUndelivered(subject([...shake(), reply])), null);
  assert.is(findUndelivered(subject([...shake(), reply, drop(false, { length: 10 })])), reply);
});

test('what comes for an end that has closed is not missed', () => {
  const closing = (flags: number, reason: string): unknown =>
    findUndelivered(
      subject([...shake(), packet(false, { flags }), drop(true, { length: 10, reason })]),
    );
  assert.is(closing(RST, 'NETFILTER_DROP'), null);
  assert.is.not(closing(FIN | ACK, 'NETFILTER_DROP'), null);
  assert.is(closing(FIN | ACK, 'NO_SOCKET'), null);
  assert.is(closing(FIN | ACK, 'TCP_ABORT_ON_DATA'), null);
  const early = drop(true, { length: 10 });
  assert.is(findUndelivered(subject([...shake(), early, packet(false, { flags: RST })])), early);
});

test('of datagrams the request’s drop decides, else the answer’s', () => {
  const udp = { protocol: 'udp' } as const;
  const [there, back] = [drop(true, udp), drop(false, udp)];
  assert.is(findDrop(subject([back, there], udp)), there);
  assert.is(findDrop(subject([back], udp)), back);
  assert.is(findDrop(subject([], udp)), null);
});

test('where a dropped packet was seen last: by its skb, else by its numbers; nowhere if it had no device', () => {
  const [one, two] = [data(C, 10, { skb: 'x' }), data(C, 10, { skb: 'y', ifindex: 3 })];
  const dead = (more: Partial<DropEvent>) => drop(true, { seq: C, length: 10, ...more });
  const last = (more: Partial<DropEvent>): unknown => findLastHop(legOf([one, two]), dead(more));
  assert.equal([last({ skb: 'x' }), last({ skb: 'y' }), last({ skb: 'z' })], [one, two, two]);
  assert.is(last({ ifindex: null }), null);
  assert.is(last({ ifindex: null, namespace: null }), two, 'a socket has no place at all');
  for (const more of [{ seq: C + 1 }, { ack: 1 }, { flags: FIN }, { length: 9 }, { time: 1 }]) {
    assert.is(last(more), null, JSON.stringify(more));
  }
});

test('a first packet for which the host’s stack found no socket', () => {
  const refused = (more: Partial<DropEvent>, leg: Partial<Leg> = {}): boolean => {
    const event = drop(true, { reason: 'NO_SOCKET', flags: SYN, ...more });
    return findUnclaimed(legOf([event], leg), HOST) === event;
  };
  assert.is(refused({}), true);
  assert.is(refused({ namespace: CONTAINER }), false);
  assert.is(refused({ reason: 'NETFILTER_DROP' }), false);
  assert.is(refused({ flags: ACK }), false);
  assert.is(refused({ flags: SYN | ACK }), false);
  assert.is(refused({ flags: 0, protocol: 'udp' }), true);
  assert.is(refused({ destination: at('198.51.100.1#1') }), false);
  assert.is(refused({}, { server: null }), false);
  const unclaimed = (socket: string | null): boolean => {
    const event = told(true, { flags: SYN, socket });
    return findUnclaimed(legOf([event]), HOST) === event;
  };
  assert.equal([unclaimed(null), unclaimed('s')], [true, false]);
  const nat = { destinationRewritten: true } as unknown as Leg['nat'];
  assert.is(refused({}, { nat }), false);
});

const delivered = (...events: LegEvent[]): boolean =>
  isAnswerDelivered(legOf(events, { protocol: 'udp' }));
const udp = (request: boolean, more: Partial<PacketEvent> = {}) =>
  packet(request, { protocol: 'udp', flags: 0, seq: 0, ack: 0, length: 5, ...more });

test('a datagram’s answer came back: to where the request was first seen, and did not die there', () => {
  const [ask, answer] = [udp(true), udp(false)];
  assert.is(delivered(ask), false);
  assert.is(delivered(ask, answer), true);
  assert.is(delivered(ask, udp(false, { namespace: CONTAINER })), false);
  assert.is(delivered(ask, udp(false, { direction: 'in' })), false);
  assert.is(delivered(ask, udp(false, { destination: at('10.0.0.1#1') })), false);
  assert.is(delivered(ask, udp(false, { skb: null, namespace: CONTAINER })), true, 'a capture');
  assert.is(
    delivered(udp(false, { namespace: CONTAINER })),
    true,
    'the request was before the trace',
  );
});

test('an answer that dies where it was seen last did not come back, unless its memory was another’s by then', () => {
  const [ask, answer] = [udp(true), udp(false, { skb: 'm' })];
  const dies = (more: Partial<DropEvent> = {}) =>
    drop(false, { protocol: 'udp', flags: 0, seq: 0, length: 5, skb: 'm', ...more });
  assert.is(delivered(ask, answer, dies()), false);
  assert.is(delivered(ask, answer, dies({ length: 6 })), true);
  assert.is(delivered(ask, answer, dies({ reason: 'NO_SOCKET' })), true);
  assert.is(delivered(ask, answer, dies({ skb: 'n' })), true);
  assert.is(delivered(ask, answer, dies({ time: answer.time - 1 })), true);
  assert.is(delivered(ask, answer, udp(true, { skb: 'm' }), dies()), true);
});

const timing = (
  events: readonly LegEvent[],
  more: Partial<Leg> = {},
  upstream: Leg | null = null,
) =>
  findTiming(
    {
      ...subject(events, more),
      link: upstream && ({ upstream } as unknown as RelayLink),
    } as unknown as Observed,
    1_700_000_000_000_000_000n,
  );

test('times: from the SYN to the ACK, from the request to the answer, from the first to the last', () => {
  const [one, two, three] = shake() as [PacketEvent, PacketEvent, PacketEvent];
  const ask = data(C, 10);
  const answer = packet(false, { length: 7 });
  const { start, connect, firstReply, duration, relay } = timing([one, two, three, ask, answer]);
  assert.is(start, `2023-11-14T22:13:20.${String(one.time).padStart(9, '0')}Z`);
  assert.equal([connect, firstReply, duration, relay], [2 * STEP, STEP, 4 * STEP, null]);
  const empty = timing([]);
  assert.equal([empty.start, empty.connect, empty.duration], [null, null, null]);
});

test('the socket’s own word on when it was connected comes first', () => {
  const [one, two, three] = shake() as [PacketEvent, PacketEvent, PacketEvent];
  const { SYN_SENT, SYN_RECV, ESTABLISHED } = TCP_STATE;
  const told = state(SYN_SENT, ESTABLISHED, { time: one.time + 7 });
  assert.is(timing([one, two, three, told]).connect, 7);
  const other = state(SYN_RECV, ESTABLISHED, { time: one.time + 7 });
  assert.is(timing([one, two, three, other]).connect, 2 * STEP);
  assert.is(timing([one, two]).connect, null);
  assert.is(timing([one, two, three], { begun: false }).connect, null);
  assert.is(timing([two, three]).connect, null);
});

test('an answer is timed at the device where the request was first seen', () => {
  const ask = data(C, 10);
  const answers = (more: Partial<PacketEvent>): number | null =>
    timing([ask, packet(false, { length: 7, ...more })]).firstReply;
  assert.is.not(answers({}), null);
  assert.is(answers({ ifindex: 9 }), null);
  assert.is(answers({ namespace: CONTAINER }), null);
  assert.is(answers({ direction: 'in' }), null);
  assert.is(answers({ length: 0 }), null);
  assert.is(answers({ time: ask.time - 1 }), null);
  const bare = { ...ask, skb: null };
  assert.is.not(timing([bare, packet(false, { length: 7, ifindex: 9 })]).firstReply, null);
});

test('how long it was depends on its last packet, which may not be listed unless its end was seen', () => {
  const events = [...shake(), data(C)];
  assert.is(timing(events).duration, 3 * STEP);
  assert.is(timing(events, { unlisted: true }).duration, null);
  assert.is(
    timing([...events, packet(true, { flags: FIN | ACK })], { unlisted: true }).duration,
    4 * STEP,
  );
  const look = state(TCP_STATE.ESTABLISHED, TCP_STATE.ESTABLISHED);
  assert.is(timing([...events, look]).duration, 3 * STEP, 'a look at a socket is no event of it');
});

test('what a relay takes: from the last sight of the client’s first bytes to the first of its own', () => {
  const ask = data(C, 10, { skb: 'q' });
  const inside = data(C, 10, { skb: 'q', ifindex: 9 });
  const copy = data(C, 10, { skb: 'other' });
  const own = packet(true, {
    length: 10,
    source: at('172.17.0.1#5'),
    destination: at('172.17.0.2#6379'),
  });
  const upstream = makeLeg({
    client: at('172.17.0.1#5'),
    server: at('172.17.0.2#6379'),
    events: [own],
  });
  assert.is(timing([ask, inside, copy], {}, upstream).relay, own.time - inside.time);
  assert.is(timing([ask, data(C + 1, 10, { skb: 'q' })], {}, upstream).relay, own.time - ask.time);
  assert.is(timing([ask], {}, makeLeg()).relay, null);
  assert.is(timing([], {}, upstream).relay, null);
});

const RETRANSMITS = 'tracepoint:tcp:tcp_retransmit_skb';

function again(
  events: readonly LegEvent[],
  more: Partial<Leg> = {},
  lossless = true,
): number | null {
  return countRetransmits(subject(events, more) as unknown as Observed, [RETRANSMITS], lossless);
}

test('what was sent again: before the furthest byte at one place, or a SYN or FIN of the same number', () => {
  assert.is(again([...shake(), data(C), data(C + 10)]), 0);
  assert.is(again([...shake(), data(C), data(C + 10), data(C)]), 1);
  assert.is(again([...shake(), data(C), data(C, 10, { ifindex: 9 })]), 0);
  assert.is(again([syn(), syn(), agree(), agree()]), 2);
  assert.is(again([syn(), syn({ seq: 9 })]), 0);
  const fin = { flags: FIN | ACK };
  assert.is(again([packet(true, fin), packet(true, fin), packet(false, fin)]), 1);
  assert.is(again([packet(true, { flags: FIN | RST }), packet(true, { flags: FIN | RST })]), 0);
  assert.is(again([packet(true), packet(true)]), 0);
  assert.is(again([...shake(), data(C), data(C)], {}, false), null);
  assert.is(again([data(C)], { protocol: 'udp' }), null);
});

test('where packets may be unlisted the sender’s socket is asked, if it is on this kernel', () => {
  const sent: LegEvent = {
    ...state(0, 0),
    kind: 'retransmit',
    namespace: CLIENT,
    local: FROM,
    remote: DIALLED,
  } as unknown as LegEvent;
  const ends = [state(2, 1), state(3, 1, { local: DIALLED, remote: FROM, namespace: HOST })];
  const more = { unlisted: true };
  assert.is(again([...ends, sent], more), 1);
  assert.is(again([ends[0] as LegEvent, sent], more), null, 'nobody tells of the server');
  assert.is(
    countRetransmits(subject([...ends, sent], more) as unknown as Observed, [], true),
    null,
  );
  assert.is(again([...ends, sent]), 1);
  assert.is(again([...ends, ...shake(), data(C), data(C), data(C), sent]), 2);
  const by = (probe: string): number | null =>
    countRetransmits(subject([...ends, sent], more) as unknown as Observed, [probe], true);
  assert.is(by('rawtracepoint:tcp_retransmit_skb'), 1, 'the raw tracepoint tells it as well');
  assert.is(by('rawtracepoint:tcp_send_reset'), null, 'no probe tells it');
});

test.run();
