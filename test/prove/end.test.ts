/** Who ended a connection and how, and whether what was seen shows its outcome by itself. */
import * as assert from 'uvu/assert';
import type { Leg, LegEvent } from '../../src/correlate/leg.js';
import type { RelayLink } from '../../src/correlate/relays.js';
import {
  TCP,
  TCP_STATE,
  type DropEvent,
  type PacketEvent,
  type StateEvent,
} from '../../src/model/event.js';
import type { Outcome } from '../../src/model/verdict.js';
import type { Observed } from '../../src/prove/observed.js';
import { findEnd, isShown } from '../../src/prove/outcome/end.js';
import { makeLeg } from '../support/legs.js';
import { at, CLIENT, CONTAINER, HOST, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('ends');

const FROM = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#8080');
const { SYN, ACK, FIN, RST } = TCP;
/** First byte of either side. */
const [C, S] = [101, 501];
const NOBODY = 99;

let id = 0;

function packet(request: boolean, more: Partial<PacketEvent> = {}): PacketEvent {
  id += 1;
  const ends = request
    ? { source: FROM, destination: DIALLED, direction: 'in' as const }
    : { source: DIALLED, destination: FROM, direction: 'out' as const };
  return {
    ...new Story().makePacket(ends),
    id,
    time: id * 1_000_000,
    skb: `k${id}`,
    flags: ACK,
    ...(request ? { seq: C, ack: S } : { seq: S, ack: C }),
    ...more,
  };
}

const shake = (): PacketEvent[] => [
  packet(true, { flags: SYN, seq: C - 1, ack: 0 }),
  packet(false, { flags: SYN | ACK, seq: S - 1 }),
  packet(true),
];

function drop(request: boolean, more: Partial<DropEvent> = {}): DropEvent {
  const { protocol, source, destination, skb, seq, ack, flags, time } = packet(request);
  return {
    kind: 'drop',
    id,
    time,
    namespace: HOST,
    ifindex: 2,
    protocol,
    source,
    destination,
    skb,
    seq,
    ack,
    flags,
    length: 0,
    socket: null,
    conntrack: null,
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
    ...more,
  };
}

function state(from: number, to: number): StateEvent {
  id += 1;
  return {
    kind: 'state',
    id,
    time: id * 1_000_000,
    namespace: CLIENT,
    pid: 1,
    tid: 1,
    command: 'x',
    socket: 's',
    local: FROM,
    remote: DIALLED,
    from,
    to,
  };
}

const legOf = (events: readonly LegEvent[], more: Partial<Leg> = {}): Leg =>
  makeLeg({ client: FROM, server: DIALLED, destination: DIALLED, events, ...more });

const ACCEPT = { pid: 1, command: 'nginx' } as unknown as NonNullable<Observed['hostAccept']>;

function subject(
  events: readonly LegEvent[],
  {
    leg = {},
    upstream,
    ...more
  }: Partial<Omit<Observed, 'leg'>> & {
    readonly leg?: Partial<Leg>;
    readonly upstream?: Leg;
  } = {},
): Observed {
  const link = upstream ? ({ upstream } as RelayLink) : null;
  return {
    leg: legOf(events, leg),
    link,
    links: link ? [link] : [],
    topology: new Story().trace().header.topology,
    bytes: { fromClient: 0, fromServer: 0 },
    hostAccept: null,
    relayAccept: null,
    ...more,
  } as Observed;
}

const end = (outcome: Outcome, ...asked: Parameters<typeof subject>): unknown[] => {
  const { by, how, rule, cause } = findEnd(subject(...asked), outcome);
  assert.is(rule, null, 'whoever knows the rules adds it');
  return [by, how, cause];
};

test('answered: whoever said FIN first', () => {
  const fin = (request: boolean): PacketEvent => packet(request, { flags: FIN | ACK });
  assert.equal(end('answered', [...shake(), fin(true), fin(false)]), ['client', 'fin', null]);
  assert.equal(end('answered', [...shake(), fin(false), fin(true)]), ['server', 'fin', null]);
  assert.equal(end('answered', shake()), [null, null, null], 'open still');
  const timeout = state(TCP_STATE.SYN_SENT, TCP_STATE.CLOSE);
  assert.equal(end('unanswered', [shake()[0] as PacketEvent, timeout]), [
    'client',
    'timeout',
    null,
  ]);
  assert.equal(end('answered', [...shake(), state(TCP_STATE.ESTABLISHED, TCP_STATE.CLOSE)]), [
    ...[null, null, null],
  ]);
  assert.equal(end('unanswered', [state(TCP_STATE.SYN_SENT, TCP_STATE.ESTABLISHED)]), [
    ...[null, null, null],
  ]);
});

test('datagrams end nowhere', () => {
  const udp = { leg: { protocol: 'udp' as const } };
  assert.equal(end('answered', [packet(true, { flags: FIN })], udp), [null, null, null]);
  const segment = packet(true, { flags: FIN, protocol: 'udp' });
  assert.equal(end('answered', [...shake(), segment]), [null, null, null]);
  const thrown = drop(true, { flags: FIN | ACK });
  assert.equal(end('answered', [...shake(), thrown]), [null, null, null], 'a drop is no FIN seen');
});

test('behind a relay: the server where its FIN or reset came before, else the relay', () => {
  const mine = shake();
  const early = packet(false, { flags: FIN | ACK });
  const fin = packet(false, { flags: FIN | ACK });
  const behind = (...events: LegEvent[]) => ({ relayAccept: ACCEPT, upstream: legOf(events) });
  const close = [...mine, fin];
  assert.equal(end('answered', close, behind(...shake(), early)), ['server', 'fin', null]);
  assert.equal(end('answered', close, behind(packet(true), early)), ['server', 'fin', null]);
  const reset = { ...early, flags: RST };
  assert.equal(end('answered', close, behind(reset)), ['server', 'fin', null]);
  assert.equal(end('answered', close, behind({ ...early, flags: ACK })), ['relay', 'fin', null]);
  assert.equal(end('answered', close, behind({ ...early, time: fin.time })), [
    'relay',
    'fin',
    null,
  ]);
  const request = packet(true, { flags: FIN | ACK, time: early.time });
  assert.equal(end('answered', close, behind(request)), ['relay', 'fin', null], 'of the relay');
  const thrown = drop(false, { flags: FIN | ACK, time: early.time });
  assert.equal(end('answered', close, behind(thrown)), ['relay', 'fin', null], 'never seen');
  assert.equal(end('answered', close, { relayAccept: ACCEPT }), ['relay', 'fin', null]);
  const upstream = legOf([{ ...early, flags: ACK }]);
  assert.equal(end('answered', close, { upstream }), ['relay', 'fin', null], 'no accept seen');
  const client = [...mine, packet(true, { flags: FIN | ACK })];
  assert.equal(end('answered', client, behind(early)), ['client', 'fin', null]);
});

/** A reset of one side, made in a namespace. */
const reset = (request: boolean, more: Partial<PacketEvent> = {}): PacketEvent =>
  packet(request, { flags: RST | ACK, direction: 'out', ...more });

test('a reset of the server’s side: by the namespace that it was made in', () => {
  const by = (more: Partial<PacketEvent>, about: Partial<Omit<Observed, 'leg'>> = {}) =>
    end('reset', [...shake(), reset(false, more)], about)[0];
  assert.is(by({ namespace: CONTAINER }), 'server');
  assert.is(by({ namespace: HOST }), 'host');
  assert.is(by({ namespace: HOST }, { hostAccept: ACCEPT }), 'server', 'a process of the host');
  assert.is(by({ namespace: HOST }, { relayAccept: ACCEPT }), 'relay');
  assert.is(by({ namespace: CONTAINER }, { relayAccept: ACCEPT }), 'server');
  assert.is(by({ direction: 'in' }), null, 'from beyond what the trace sees');
});

test('where nothing listened the host refused, whoever had accepted before', () => {
  const syn = packet(true, { flags: SYN, seq: C - 1, ack: 0 });
  const refused = reset(false, { seq: 0, ack: C });
  const told = { ...refused, kind: 'reset', socket: null } as unknown as LegEvent;
  const heard = { ...told, ...syn, kind: 'reset', id: 0, time: syn.time } as unknown as LegEvent;
  const about = { hostAccept: ACCEPT };
  assert.equal(end('refused', [syn, heard, refused], about), ['host', 'rst', 'not-listening']);
  const closed = { ...heard, socket: 's' };
  assert.equal(end('refused', [syn, closed, refused], about), ['server', 'rst', 'closed']);
});

test('a reset of the client’s side: the client’s, or the host’s in its name', () => {
  const syn = (more: Partial<PacketEvent>): PacketEvent =>
    packet(true, { flags: SYN, seq: C - 1, ack: 0, ...more });
  const answer = (): PacketEvent[] => shake().slice(1);
  const by = (first: Partial<PacketEvent>, more: Partial<PacketEvent>, leg: Partial<Leg> = {}) =>
    end('reset', [syn(first), ...answer(), reset(true, more)], { leg })[0];
  const elsewhere = { direction: 'in', namespace: HOST } as const;
  assert.is(by(elsewhere, { namespace: CLIENT }), 'client');
  assert.is(by(elsewhere, { namespace: HOST }), 'host', 'its own packets come in there');
  assert.is(by(elsewhere, { direction: 'in' }), 'client', 'from where it is');
  const local = { direction: 'out', namespace: HOST } as const;
  assert.is(by(local, { namespace: HOST }), 'client', 'the client is on the host');
  const inside = { direction: 'out', namespace: CLIENT } as const;
  assert.is(by(inside, { namespace: HOST }), 'host');
  const dialled = (namespace: number) => ({
    dialled: { ...state(TCP_STATE.CLOSE, TCP_STATE.SYN_SENT), namespace },
  });
  assert.is(by(elsewhere, { namespace: HOST }, dialled(HOST)), 'client');
  assert.is(by(local, { namespace: HOST }, dialled(CLIENT)), 'host');
});

test('an event that is no packet does not tell where the client is', () => {
  const first = state(TCP_STATE.CLOSE, TCP_STATE.SYN_SENT);
  const syn = packet(true, { flags: SYN, seq: C - 1, ack: 0, direction: 'out', namespace: HOST });
  const events = [first, syn, ...shake().slice(1), reset(true, { namespace: HOST })];
  assert.is(end('reset', events)[0], 'client');
});

test('a rule’s reset is of whoever’s namespace the rule is in', () => {
  const by = (namespace: number, leg: Partial<Leg> = {}): unknown[] => {
    const syn = packet(true, { flags: SYN, seq: C - 1, ack: 0 });
    const refused = reset(false, { seq: 0, ack: C, namespace });
    const thrown = drop(true, {
      flags: SYN,
      seq: C - 1,
      ack: 0,
      namespace,
      time: refused.time + 9,
    });
    return end('refused', [syn, refused, thrown], { leg });
  };
  assert.equal(by(HOST), ['host', 'rst', 'rejected']);
  assert.equal(by(CONTAINER), ['server', 'rst', 'rejected']);
  assert.equal(by(CLIENT), [null, 'rst', 'rejected'], 'some other namespace');
  assert.equal(by(NOBODY), [null, 'rst', 'rejected']);
  const dialled = { ...state(TCP_STATE.CLOSE, TCP_STATE.SYN_SENT), namespace: CLIENT };
  assert.equal(by(CLIENT, { dialled }), ['client', 'rst', 'rejected']);
});

test('a relay ends its client’s leg after its own was ended: that one tells who', () => {
  const mine = shake();
  const far = shake();
  const first = reset(false, { namespace: CONTAINER });
  const own = reset(false, { namespace: HOST });
  const told = (upstream: LegEvent[], events: LegEvent[] = [...mine, own]) =>
    end('reset', events, { relayAccept: ACCEPT, upstream: legOf(upstream) })[0];
  assert.is(told([...far, first]), 'server');
  assert.is(told([...far, { ...first, time: own.time }]), 'relay', 'not before it');
  assert.is(told(far), 'relay');
  const back = reset(true, { namespace: CLIENT, time: first.time });
  assert.is(told([...far, back]), 'relay', 'one that the relay sent ends nothing of its client');
  assert.is(told([...far, { ...first, namespace: HOST }]), 'host', 'beyond the relay');
  assert.is(told([...far, first], mine), 'server', 'the client’s leg was not reset itself');
});

test('dropped: by whose rules, for want of a neighbour, or too big', () => {
  const syn = packet(true, { flags: SYN, seq: C - 1, ack: 0 });
  const told = (more: Partial<DropEvent>, outcome: Outcome = 'dropped') =>
    end(outcome, [syn, drop(true, { flags: SYN, seq: C - 1, ack: 0, ...more })]);
  assert.equal(told({}), ['host', 'drop', 'filtered']);
  assert.equal(told({ namespace: CONTAINER }), ['server', 'drop', 'filtered']);
  assert.equal(told({ namespace: NOBODY }), [null, 'drop', 'filtered']);
  assert.equal(told({ reason: 'NEIGH_FAILED' }), ['network', 'drop', 'no-neighbour']);
  assert.equal(told({ reason: 'PKT_TOO_BIG' }), ['host', 'drop', 'too-big']);
  assert.equal(told({ reason: 'NO_REASON' }), ['host', 'drop', null]);
  assert.equal(told({}, 'stalled'), ['host', 'drop', 'filtered']);
  assert.equal(told({}, 'unanswered'), [null, null, null], 'no drop explains that');
});

test('a refused datagram: by the host, or the container, that has no socket for it', () => {
  const udp = { leg: { protocol: 'udp' as const } };
  const told = (...events: LegEvent[]) => end('refused', events, udp);
  const ask = packet(true, { protocol: 'udp', flags: 0 });
  const thrown = (namespace: number): DropEvent =>
    drop(true, { protocol: 'udp', flags: 0, reason: 'NO_SOCKET', namespace });
  assert.equal(told(ask, thrown(HOST)), ['host', 'icmp', 'not-listening']);
  assert.equal(told(ask, thrown(CONTAINER)), ['server', 'icmp', 'not-listening']);
  assert.equal(told(ask), [null, 'icmp', 'not-listening']);
});

test('refused without a reset in sight: by whatever closed it', () => {
  assert.equal(end('refused', shake()), [null, null, null]);
  assert.equal(end('refused', [...shake(), packet(false, { flags: FIN | ACK })]), [
    ...['server', 'fin', null],
  ]);
});

const shown = (outcome: Outcome, ...asked: Parameters<typeof subject>): boolean =>
  isShown(subject(...asked), outcome);

test('an answer is shown where all of its bytes are known to be acknowledged', () => {
  const talk = (acked: number): LegEvent[] => [
    ...shake(),
    packet(false, { length: 7 }),
    packet(true, { ack: S + acked }),
  ];
  const bytes = (fromServer: number) => ({ bytes: { fromClient: 0, fromServer } });
  assert.is(shown('answered', talk(7), bytes(7)), true);
  assert.is(shown('answered', talk(8), bytes(7)), true, 'a FIN counts as a byte');
  assert.is(shown('answered', talk(9), bytes(7)), false, 'of another connection');
  assert.is(shown('answered', talk(6), bytes(7)), false);
  assert.is(shown('answered', talk(7), bytes(0)), false, 'no byte is known of');
  const unknown = shake().slice(0, 2);
  assert.is(shown('answered', unknown, bytes(7)), false);
  const counted = (begun: boolean) => ({ ...bytes(7), leg: { unlisted: true, begun } });
  assert.is(shown('answered', shake(), counted(true)), true, 'acknowledgements may be unlisted');
  assert.is(shown('answered', shake(), counted(false)), false, 'and more may have passed before');
  assert.is(shown('answered', [packet(true)], { ...bytes(7), leg: { begun: true } }), true);
  assert.is(shown('answered', [packet(true)], { ...bytes(7), leg: { begun: false } }), false);
});

test('an answer by datagrams is shown where it came to the client and none was thrown away', () => {
  const datagram = (request: boolean): PacketEvent =>
    packet(request, { protocol: 'udp', flags: 0, length: 5 });
  const told = (events: readonly LegEvent[], leg: Partial<Leg> = {}, fromServer = 5): boolean =>
    shown('answered', events, {
      bytes: { fromClient: 5, fromServer },
      leg: { protocol: 'udp', ...leg },
    });
  const exchange = [datagram(true), datagram(false)];
  const dies = (request: boolean): DropEvent => drop(request, { protocol: 'udp', flags: 0 });
  assert.is(told(exchange), true);
  assert.is(told(exchange, { begun: false }), false);
  assert.is(told(exchange, {}, 0), false);
  assert.is(told([...exchange, dies(true)]), true, 'of a request it was the next');
  assert.is(told([...exchange, dies(false)]), false, 'it may be the only one');
  assert.is(told([datagram(true)]), false);
});

test('a drop is shown where it was on its way, and nothing before it may have mattered', () => {
  const syn = packet(true, { flags: SYN, seq: C - 1, ack: 0 });
  const told = (more: Partial<DropEvent>, leg: Partial<Leg> = {}): boolean =>
    shown('dropped', [syn, drop(true, { flags: SYN, seq: C - 1, ack: 0, ...more })], { leg });
  assert.is(told({}), true);
  assert.is(told({ function: 'tcp_v4_rcv' }), false, 'its socket’s refusal has an answer');
  assert.is(told({ function: 'udp_queue_rcv_skb' }), false);
  assert.is(told({ function: 'nf_tcp_drop' }), true, 'only the stack’s own functions');
  assert.is(shown('dropped', [syn]), false, 'none was seen');
  const data = [drop(true, { length: 9 }), drop(true, { length: 9 })];
  assert.is(shown('dropped', [...shake(), ...data]), false, 'it may have stalled');
  const older = drop(true, { length: 9 });
  assert.is(shown('dropped', [older, { ...older, id: 0 }], { leg: { begun: false } }), false);
  const udp = drop(true, { protocol: 'udp', flags: 0, length: 9 });
  assert.is(shown('dropped', [udp], { leg: { protocol: 'udp', begun: false } }), true);
});

test('a refusal is shown where its cause is', () => {
  const syn = packet(true, { flags: SYN, seq: C - 1, ack: 0 });
  const refused = reset(false, { seq: 0, ack: C });
  const asked = drop(true, { flags: SYN, seq: C - 1, ack: 0, time: refused.time + 9 });
  assert.is(shown('refused', [syn, refused, asked]), true, 'a rule rejected it');
  const unheard = { ...asked, reason: 'NO_SOCKET', time: syn.time };
  assert.is(shown('refused', [syn, unheard, refused]), true, 'nothing listens');
  assert.is(shown('refused', [syn, { ...refused, socket: 's' }]), false, 'a process closed it');
  assert.is(shown('refused', [syn, refused]), false);
});

test('what rests on something that did not come is not shown by what was seen', () => {
  for (const outcome of ['reset', 'stalled', 'unanswered'] as const) {
    assert.is(shown(outcome, [...shake(), reset(false)]), false, outcome);
  }
});

test.run();
