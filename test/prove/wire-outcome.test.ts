/**
 * How a captured connection ended: by its handshake, retransmissions and ICMP errors, and by what the file would have
 * shown.
 */
import * as assert from 'uvu/assert';
import type { CapturedLeg } from '../../src/correlate/capture/legs.js';
import type { WireLeg } from '../../src/correlate/capture/wire-leg.js';
import type { CapturedPacket } from '../../src/model/captured-packet.js';
import type {
  ByteStream,
  CaptureWitness,
  Conversation,
  IcmpError,
} from '../../src/model/conversation.js';
import { TCP } from '../../src/model/event.js';
import type { ObservedOnWire } from '../../src/prove/observed-wire.js';
import { findWireOutcome, type WireOutcome } from '../../src/prove/outcome/wire-outcome.js';
import { makeLeg } from '../support/legs.js';
import { at, PUBLISHED, Story, TARGET } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('outcomes of captured connections');

const { SYN, ACK, FIN, RST } = TCP;
const MS = 1_000_000;
const CLIENT = at('198.51.100.2#40000');
const SERVER = at(PUBLISHED);
const BEHIND = at(TARGET);
const [NEAR, FAR] = [1, 2];

interface Sent extends Partial<CapturedPacket> {
  readonly at: number;
}

let id = 0;

function packet(request: boolean, { at: ms, ...more }: Sent): CapturedPacket {
  const [source, destination] = request ? [CLIENT, SERVER] : [SERVER, CLIENT];
  return {
    ...new Story().makePacket({ source, destination }),
    ...(request ? { seq: 101, ack: 501 } : { seq: 501, ack: 101 }),
    id: (id += 1),
    time: ms * MS,
    namespace: -1,
    flags: ACK,
    damaged: false,
    conversation: NEAR,
    skb: null,
    direction: request ? 'in' : 'out',
    ...more,
  } as unknown as CapturedPacket;
}

const dial = (ms = 0, more: Partial<CapturedPacket> = {}): CapturedPacket =>
  packet(true, { at: ms, flags: SYN, seq: 100, ack: 0, ...more });
const agree = (ms = 1, more: Partial<CapturedPacket> = {}): CapturedPacket =>
  packet(false, { at: ms, flags: SYN | ACK, seq: 500, ...more });

const stream = (from = CLIENT, more: Partial<ByteStream> = {}): ByteStream =>
  ({ from, lost: false, repeats: 0, length: 0, ...more }) as ByteStream;

function talk(more: Partial<Conversation> = {}): Conversation {
  const streams = [stream(), stream(SERVER)] as const;
  const times = { first: 0, last: 1_000 * MS, closed: false };
  return { id: NEAR, file: 0, completed: false, streams, ...times, ...more } as Conversation;
}

interface Shape {
  readonly packets?: readonly CapturedPacket[];
  readonly protocol?: 'tcp' | 'udp';
  readonly begun?: boolean;
  readonly first?: Partial<Conversation>;
  /** Behind a rewriting; the same conversation when left out. */
  readonly last?: Partial<Conversation>;
  readonly upstream?: Partial<Conversation>;
  readonly link?: { readonly client: string; readonly server: string };
  readonly fromServer?: number;
  readonly errors?: readonly IcmpError[];
  readonly witness?: object | null;
}

const REWRITTEN = { destinationRewritten: true } as unknown as WireLeg['nat'];

function tell(shape: Shape): WireOutcome {
  const { packets = [], protocol = 'tcp', begun = true, fromServer = 0, errors = [] } = shape;
  const first = talk(shape.first);
  const last = shape.last ? talk({ id: FAR, ...shape.last }) : first;
  const leg = makeLeg({
    protocol,
    begun,
    client: CLIENT,
    server: SERVER,
    events: [...packets],
    destination: shape.last ? BEHIND : SERVER,
    nat: shape.last ? REWRITTEN : null,
  });
  const wire = Object.assign(leg, {
    range: { list: () => [...packets] },
    split: () => ({
      requests: packets.filter(({ source }) => source.port === CLIENT.port),
      replies: packets.filter(({ source }) => source.port !== CLIENT.port),
    }),
  }) as unknown as WireLeg;
  const captured = { leg: wire, first, last, clientWay: 0 } as unknown as CapturedLeg;
  const { link } = shape;
  const upstream = link && makeLeg({ client: at(link.client), server: at(link.server) });
  const subject = {
    leg: wire,
    captured,
    links: [],
    bytes: { fromClient: 0, fromServer },
    relayAccept: null,
    link: upstream ? { upstream } : null,
    pairing: shape.upstream ? { upstream: { first: talk(shape.upstream) } } : null,
  } as unknown as ObservedOnWire;
  const { witness } = shape;
  const seen = { acks: true, lossy: false, until: 60_000 * MS };
  const witnessOf = (): CaptureWitness | undefined =>
    witness === null ? undefined : { ...seen, ...witness };
  return findWireOutcome(subject, { errors, witnessOf });
}

const outcome = (shape: Shape): string => {
  const { outcome: told, halfOpen } = tell(shape);
  return halfOpen ? `${told}, half open` : told;
};

test('the server did not agree: unanswered, refused by its reset, or answered where the file lacks packets', () => {
  assert.is(outcome({ packets: [dial()] }), 'unanswered');
  const refused = packet(false, { at: 1, flags: RST | ACK, seq: 0, ack: 101 });
  assert.is(outcome({ packets: [dial(), refused] }), 'refused');
  assert.is(outcome({ packets: [dial()], fromServer: 5 }), 'answered', 'bytes came all the same');
  const lost = [stream(), stream(SERVER, { lost: true })] as const;
  assert.is(outcome({ packets: [dial()], first: { streams: lost } }), 'answered');
  const mine = [stream(CLIENT, { lost: true }), stream(SERVER)] as const;
  assert.is(outcome({ packets: [dial()], first: { streams: mine } }), 'unanswered');
});

test('the server agreed, and the client never acknowledged it, though the file would show that', () => {
  const open = (witness: object | null = {}, more: readonly CapturedPacket[] = []): string =>
    outcome({ packets: [dial(), agree(), ...more], witness });
  assert.is(open(), 'unanswered, half open');
  assert.is(open({ acks: false }), 'answered', 'a filter may have left acknowledgements out');
  assert.is(open({ lossy: true }), 'answered', 'the capture lacks packets');
  assert.is(open(null), 'answered', 'nothing is known of the file');
  assert.is(open({ until: 1_001 * MS }), 'answered', 'the file ended before it could come');
  assert.is(open({ until: 1_001 * MS + 1 }), 'unanswered, half open');
  const reset = packet(true, { at: 2, flags: RST, seq: 101, ack: 0 });
  assert.is(open({}, [reset]), 'reset, half open', 'the client answered by a reset');
  assert.is(outcome({ packets: [agree()] }), 'answered', 'of the client nothing is in the file');
});

test('what was sent again shows that nobody acknowledged it, whatever the file lacks', () => {
  const lossy = { lossy: true };
  const again = (...packets: CapturedPacket[]): string => outcome({ packets, witness: lossy });
  assert.is(again(dial(), agree(1), agree(151)), 'unanswered, half open');
  assert.is(again(dial(), agree(1), agree(150)), 'answered', 'a copy of the same packet');
  assert.is(again(dial(0), agree(1), dial(1_000)), 'unanswered, half open', 'dialled again behind');
  assert.is(again(dial(0), dial(1), agree(1)), 'answered', 'dialled again before');
  const acknowledged = packet(true, { at: 900 });
  assert.is(again(dial(), agree(1), acknowledged), 'answered', 'another packet is no dial');
});

test('damaged packets, and those of another conversation, say nothing of the handshake', () => {
  const damaged = agree(1, { damaged: true });
  assert.is(outcome({ packets: [dial(), damaged], first: {} }), 'answered');
  assert.is(tell({ packets: [dial(), damaged] }).halfOpen, false);
  const other = dial(1_000, { conversation: FAR });
  assert.is(outcome({ packets: [agree(1), other], witness: { lossy: true } }), 'answered');
});

test('a handshake that was completed, or that is older than the capture, is none to look at', () => {
  const packets = [dial(), agree()];
  assert.is(outcome({ packets, first: { completed: true } }), 'answered');
  assert.is(outcome({ packets, begun: false }), 'answered');
});

test('behind the rewriting only what the server itself says shows that it heard the client', () => {
  const packets = [dial(), agree()];
  const last = { completed: true };
  assert.is(outcome({ packets, last }), 'unanswered, half open');
  assert.is(
    outcome({ packets: [...packets, packet(false, { at: 5, length: 7 })], last }),
    'answered',
  );
  const fin = packet(false, { at: 5, flags: FIN | ACK });
  assert.is(outcome({ packets: [...packets, fin], last }), 'answered');
  const heard = packet(false, { at: 5 });
  assert.is(outcome({ packets: [...packets, heard], last }), 'unanswered, half open');
  assert.is(outcome({ packets: [...packets, fin], last: {} }), 'unanswered, half open');
  assert.is(outcome({ packets: [...packets, fin] }), 'unanswered, half open');
});

test('bytes that were sent again and again stall it, on either side of a relay', () => {
  const completed = { packets: [dial(), agree(), packet(true, { at: 2 })] };
  const repeated = (repeats: number) => ({
    completed: true,
    streams: [stream(), stream(SERVER, { repeats })] as const,
  });
  assert.is(outcome({ ...completed, first: repeated(1) }), 'answered');
  assert.is(outcome({ ...completed, first: repeated(2) }), 'stalled');
  const first = { completed: true };
  assert.is(outcome({ ...completed, first, upstream: repeated(2) }), 'stalled');
  assert.is(outcome({ ...completed, first, upstream: repeated(1) }), 'answered');
});

const error = (type: number, code: number, more: Partial<IcmpError> = {}): IcmpError => ({
  time: 1,
  file: 0,
  from: '198.51.100.1',
  protocol: 'tcp',
  source: CLIENT,
  destination: SERVER,
  message: { version: 4, type, code },
  ...more,
});

const six = (type: number, code: number): IcmpError =>
  error(type, code, { message: { version: 6, type, code } });

test('an ICMP error: no port there refuses, anything else lost it', () => {
  const told = (one: IcmpError): string => outcome({ packets: [dial()], errors: [one] });
  assert.is(told(error(3, 3)), 'refused');
  assert.is(told(error(3, 1)), 'dropped');
  assert.is(told(error(11, 3)), 'dropped');
  assert.is(told(six(1, 4)), 'refused');
  assert.is(told(six(1, 3)), 'dropped');
  assert.is(told(six(3, 4)), 'dropped');
  assert.is(told(six(3, 3)), 'dropped', 'IPv6 has other numbers');
});

test('that a packet was too big ends nothing: a smaller one may follow', () => {
  const told = (one: IcmpError): string => outcome({ packets: [dial()], errors: [one] });
  assert.is(told(error(3, 4)), 'unanswered');
  assert.is(told(six(2, 0)), 'unanswered');
  assert.is(told(error(4, 4)), 'dropped');
  assert.is(told(error(2, 0)), 'dropped');
  const errors = [error(3, 4), error(3, 3)];
  assert.is(outcome({ packets: [dial()], errors }), 'refused', 'another error does');
});

test('an error is about the connection whose ends it quotes', () => {
  const told = (more: Partial<IcmpError>, shape: Shape = {}): string => {
    const about = { packets: [dial()], errors: [error(3, 3, more)], ...shape };
    const { error: found, outcome: ended } = tell(about);
    assert.is(found === null, ended !== 'refused');
    return ended;
  };
  assert.is(told({}), 'refused');
  assert.is(told({ source: at('198.51.100.3#40000') }), 'unanswered');
  assert.is(told({ destination: at('198.51.100.1#8081') }), 'unanswered');
  assert.is(told({ destination: BEHIND }), 'unanswered');
  assert.is(told({ destination: BEHIND }, { last: {} }), 'refused', 'under the rewritten address');
  const link = { client: '172.17.0.1#50000', server: TARGET };
  const quoted = { source: at(link.client), destination: BEHIND };
  assert.is(told(quoted), 'unanswered');
  assert.is(told(quoted, { link }), 'refused', 'of the relay’s own leg');
  assert.is(told({}, { link }), 'refused');
});

test('an error of another time is about another connection between the same ports', () => {
  const told = (time: number, first: Partial<Conversation> = {}): string =>
    outcome({ packets: [dial()], errors: [error(3, 1, { time })], first });
  assert.is(told(0), 'dropped');
  assert.is(told(-1), 'unanswered', 'before it began');
  assert.is(told(61_000 * MS), 'dropped', 'a minute after its last packet');
  assert.is(told(61_000 * MS + 1), 'unanswered');
  assert.is(told(3_000 * MS, { closed: true }), 'dropped');
  assert.is(told(3_000 * MS + 1, { closed: true }), 'unanswered', 'it had ended');
  assert.is(told(-1, { file: 7 }), 'dropped', 'of another file the clock may not be known');
});

test('an error ends a handshake that was half open as well; one that was completed it does not', () => {
  const packets = [dial(), agree()];
  assert.is(outcome({ packets, errors: [error(3, 1)] }), 'dropped, half open');
  assert.is(outcome({ packets, errors: [error(3, 3)] }), 'refused, half open');
  assert.is(outcome({ packets, errors: [error(3, 1)], first: { completed: true } }), 'answered');
});

test('datagrams: answered, refused by an error, or silent; they have no handshake', () => {
  const ask = packet(true, { at: 0, protocol: 'udp', flags: 0, length: 5 });
  const answer = packet(false, { at: 1, protocol: 'udp', flags: 0, length: 5 });
  const udp = (more: Shape): string => outcome({ protocol: 'udp', ...more });
  assert.is(udp({ packets: [ask] }), 'unanswered');
  assert.is(udp({ packets: [ask], errors: [error(3, 3)] }), 'refused');
  assert.is(udp({ packets: [ask, answer], fromServer: 5 }), 'answered');
});

test('an answer under another address than the one that was dialled is none, where it came back to the client', () => {
  const ask = packet(true, { at: 0, protocol: 'udp', flags: 0, ifindex: 2 });
  const wrong = (more: Partial<CapturedPacket> = {}): CapturedPacket =>
    packet(false, {
      at: 1,
      protocol: 'udp',
      flags: 0,
      ifindex: 2,
      source: BEHIND,
      conversation: FAR,
      ...more,
    });
  const udp = (more: Shape): string =>
    outcome({ protocol: 'udp', fromServer: 5, last: {}, ...more });
  assert.is(udp({ packets: [ask, wrong()] }), 'unanswered');
  assert.is(udp({ packets: [ask, wrong({ ifindex: 3 })] }), 'answered', 'seen on its way there');
  const right = packet(false, { at: 2, protocol: 'udp', flags: 0, ifindex: 2 });
  assert.is(udp({ packets: [ask, wrong(), right] }), 'answered', 'it came as dialled, too');
  const plain: Shape = { protocol: 'udp', fromServer: 5, packets: [ask, wrong()] };
  assert.is(outcome(plain), 'answered', 'nothing was rewritten');
  const inner = packet(true, { at: 0, ifindex: 3, conversation: FAR });
  assert.is(udp({ packets: [ask, inner, wrong({ ifindex: 3 })] }), 'answered');
});

test.run();
