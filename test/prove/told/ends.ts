/**
 * Stories of ends: connections that were dropped, refused, reset, not answered or not acknowledged, at each possible
 * place.
 */
import { TCP, TCP_STATE } from '../../../src/model/event.js';
import type { TraceTail } from '../../../src/model/trace.js';
import { LiveScene, type Death, type Segment } from '../../support/live-scene.js';
import type { Stories, ToldStory } from '../../support/told.js';

const C = 1000;
const S = 9000;

const syn: Segment = { flags: TCP.SYN, seq: C };
const synAck: Segment = { flags: TCP.SYN | TCP.ACK, seq: S, ack: C + 1 };
const ack = (from = 0, to = 0): Segment => ({ flags: TCP.ACK, seq: C + 1 + from, ack: S + 1 + to });
const ask: Segment = { ...ack(), flags: TCP.ACK | TCP.PSH, length: 14 };
const answer: Segment = { flags: TCP.ACK | TCP.PSH, seq: S + 1, ack: C + 15, length: 7 };
const heard: Segment = { flags: TCP.ACK, seq: S + 1, ack: C + 15 };
const refusal: Segment = { flags: TCP.RST | TCP.ACK, seq: 0, ack: C + 1 };
const datagram: Segment = { flags: 0, seq: 0, length: 6 };

type Way = 'dnat' | 'host';
type Act = (scene: LiveScene) => unknown;

const start = (way: Way): LiveScene => new LiveScene(way);
const opened = (way: Way): LiveScene => start(way).request(syn).reply(synAck).request(ack());
const asked = (way: Way): LiveScene => opened(way).request(ask).reply(heard);

function times(count: number, act: Act): Act {
  return (scene) => {
    for (let time = 0; time < count; time += 1) act(scene.wait(200));
  };
}

function told(
  is: string,
  make: () => LiveScene,
  act: Act = () => undefined,
  tail: Partial<TraceTail> = {},
): ToldStory {
  return {
    is: [is],
    tell: () => {
      const scene = make();
      act(scene);
      return scene.trace(tail);
    },
  };
}

const died = (reason: string, where: string, after: number, more: Partial<Death> = {}): Death => ({
  reason,
  function: where,
  after,
  ...more,
});

const FILTER = (after: number, more: Partial<Death> = {}): Death =>
  died('NETFILTER_DROP', 'nft_do_chain', after, more);
const NEIGHBOUR = (after: number): Death => died('NEIGH_FAILED', 'neigh_invalidate', after);
const NO_SOCKET = (after: number): Death => died('NO_SOCKET', 'tcp_v4_rcv', after);

/** Conntrack says that NAT was asked, and rewrote nothing. */
const NAT_DONE = 0x188;

const SKIPPED = { skippedRuns: 2 };
const LOST = { lostEvents: 3, sealed: false, notes: ['3 events were lost'] };

const sends =
  (segment: Segment, dies?: Death): Act =>
  (scene) =>
    scene.request(dies ? { ...segment, dies } : segment);
const replies =
  (segment: Segment, dies?: Death): Act =>
  (scene) =>
    scene.reply(dies ? { ...segment, dies } : segment);

const all =
  (...acts: readonly Act[]): Act =>
  (scene) => {
    for (const act of acts) act(scene);
  };

const udp = (way: Way = 'dnat'): LiveScene => new LiveScene(way, 'udp').request(datagram).wait(1);

export const ENDS: Stories = {
  answered: {
    ...told('dnat proven answered', () => asked('dnat'), all(replies(answer), sends(ack(14, 7)))),
    hops: true,
  },
  'only shaken hands': told('dnat proven answered', () => opened('dnat')),
  'only shaken hands, while runs are skipped': told(
    'dnat likely answered',
    () => opened('dnat'),
    undefined,
    SKIPPED,
  ),
  'a SYN that nobody answers': told('dnat proven unanswered', () => start('dnat'), sends(syn)),
  'SYNs that nobody answers': told(
    'dnat proven unanswered',
    () => start('dnat'),
    times(3, sends(syn)),
  ),
  'a SYN that nobody answers, while runs are skipped': told(
    'dnat likely unanswered',
    () => start('dnat'),
    sends(syn),
    SKIPPED,
  ),
  'a SYN+ACK that is never acknowledged': told(
    'dnat proven unanswered',
    () => start('dnat'),
    all(sends(syn), replies(synAck)),
  ),
  'SYN+ACKs that are never acknowledged': told(
    'dnat proven unanswered',
    () => start('dnat'),
    all(sends(syn), times(3, replies(synAck))),
  ),
  'a request that nobody answers': told('dnat proven unanswered', () => opened('dnat'), sends(ask)),
  'an answer that is never acknowledged': told(
    'dnat proven unanswered',
    () => asked('dnat'),
    replies(answer),
  ),
  'a SYN filtered at the outer device': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, FILTER(1)),
  ),
  'a SYN filtered behind the bridge': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, FILTER(2)),
  ),
  'a SYN filtered in the container': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, FILTER(4)),
  ),
  'a SYN filtered, while runs are skipped': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, FILTER(2)),
    SKIPPED,
  ),
  'a SYN filtered, while events are lost': told(
    'dnat likely dropped',
    () => start('dnat'),
    sends(syn, FILTER(2)),
    LOST,
  ),
  'a SYN whose neighbour does not answer': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, NEIGHBOUR(3)),
  ),
  'a SYN too big for the way': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, died('PKT_TOO_BIG', 'ip_forward', 1, { mtu: 900 })),
  ),
  'a SYN that dies of what is not known': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, died('NOT_SPECIFIED', 'ip_rcv', 1)),
  ),
  'a SYN that dies at the socket': told(
    'dnat proven dropped',
    () => start('dnat'),
    sends(syn, died('TCP_LISTEN_OVERFLOW', 'tcp_v4_syn_recv_sock', 4)),
  ),
  'a SYN that dies at the socket, while runs are skipped': told(
    'dnat likely dropped',
    () => start('dnat'),
    sends(syn, died('TCP_LISTEN_OVERFLOW', 'tcp_v4_syn_recv_sock', 4)),
    SKIPPED,
  ),
  'a SYN+ACK whose neighbour does not answer': told(
    'dnat proven dropped',
    () => start('dnat'),
    all(sends(syn), replies(synAck, NEIGHBOUR(3))),
  ),
  'a SYN+ACK filtered in the container': told(
    'dnat proven dropped',
    () => start('dnat'),
    all(sends(syn), replies(synAck, FILTER(1))),
  ),
  'a SYN+ACK that dies on its way to a device': told(
    'unknown inconclusive dropped',
    () => start('host'),
    all(sends(syn), replies(synAck, FILTER(0))),
  ),
  'a request filtered again and again': told(
    'dnat proven stalled',
    () => opened('dnat'),
    times(4, sends(ask, FILTER(2))),
  ),
  'an answer filtered again and again': told(
    'dnat proven stalled',
    () => asked('dnat'),
    times(4, replies(answer, FILTER(2))),
  ),
  'a request filtered once': told(
    'dnat proven dropped',
    () => opened('dnat'),
    sends(ask, FILTER(2)),
  ),
  'answers that are never acknowledged': told(
    'dnat proven stalled',
    () => asked('dnat'),
    times(4, replies(answer)),
  ),
  'answers that are never acknowledged, while runs are skipped': told(
    'dnat likely stalled',
    () => asked('dnat'),
    times(4, replies(answer)),
    SKIPPED,
  ),
  'segments too big for the way': told(
    'dnat proven stalled',
    () => asked('dnat'),
    times(
      4,
      sends(
        { ...ask, seq: C + 15, length: 1448 },
        died('PKT_TOO_BIG', 'ip_forward', 1, { mtu: 900 }),
      ),
    ),
  ),
  'segments too big for the way, before any passed': told(
    'dnat proven stalled',
    () => opened('dnat'),
    times(4, sends({ ...ask, length: 1448 }, died('PKT_TOO_BIG', 'ip_forward', 1, { mtu: 900 }))),
  ),
  'nothing listens in the container': told(
    'dnat proven refused',
    () => start('dnat'),
    all(sends(syn, NO_SOCKET(4)), replies(refusal)),
  ),
  'nothing listens on the host': told(
    'host proven refused',
    () => start('host'),
    all(sends(syn, NO_SOCKET(1)), replies(refusal)),
  ),
  'nothing listens on the host, while runs are skipped': told(
    'host proven refused',
    () => start('host'),
    all(sends(syn, NO_SOCKET(1)), replies(refusal)),
    SKIPPED,
  ),
  'nothing listens on the host, while events are lost': told(
    'host likely refused',
    () => start('host'),
    all(sends(syn, NO_SOCKET(1)), replies(refusal)),
    LOST,
  ),
  'a refusal that nobody explains': told(
    'unknown inconclusive refused',
    () => start('host'),
    all(sends(syn), replies(refusal)),
  ),
  'a SYN that a rule of the host drops': told(
    'host proven dropped',
    () => start('host'),
    sends(syn, FILTER(1, { status: NAT_DONE })),
  ),
  'a SYN that a rule of the host drops before NAT': told(
    'unknown inconclusive dropped',
    () => start('host'),
    sends(syn, FILTER(1, { status: 0 })),
  ),
  'a segment that a rule rejects': told(
    'dnat proven reset',
    () => opened('dnat'),
    (scene) => scene.forged({ flags: TCP.RST, seq: S + 1 }).request({ ...ask, dies: FILTER(1) }),
  ),
  'the server resets': told(
    'dnat proven reset',
    () => opened('dnat'),
    replies({ flags: TCP.RST, seq: S + 1, socket: 'ff01' }),
  ),
  'the server of the host resets': told(
    'unknown inconclusive reset',
    () => opened('host'),
    replies({ flags: TCP.RST, seq: S + 1, socket: 'ff01' }),
  ),
  'the client resets': told(
    'dnat proven answered',
    () => opened('dnat'),
    sends({ flags: TCP.RST, seq: C + 1 }),
  ),
  'the client resets the SYN+ACK': told(
    'dnat proven reset',
    () => start('dnat'),
    all(sends(syn), replies(synAck), sends({ flags: TCP.RST, seq: C + 1 })),
  ),
  'the client resets, while runs are skipped': told(
    'dnat likely answered',
    () => opened('dnat'),
    sends({ flags: TCP.RST, seq: C + 1 }),
    SKIPPED,
  ),
  'the server ends first': told(
    'dnat proven answered',
    () => asked('dnat'),
    all(
      replies(answer),
      sends(ack(14, 7)),
      replies({ flags: TCP.FIN | TCP.ACK, seq: S + 8, ack: C + 15 }),
    ),
  ),
  'the client ends first': told(
    'dnat proven answered',
    () => asked('dnat'),
    all(replies(answer), sends({ ...ack(14, 7), flags: TCP.FIN | TCP.ACK })),
  ),
  'the server’s socket was established': told(
    'dnat proven answered',
    () => start('dnat'),
    (scene) => scene.request(syn).reply(synAck).state(TCP_STATE.SYN_RECV, TCP_STATE.ESTABLISHED),
  ),
  'packets that were only counted': told(
    'dnat proven unanswered',
    () => asked('dnat'),
    (scene) => scene.counted(true).counted(false),
  ),
  'a datagram that nobody answers': told('dnat proven unanswered', () => udp()),
  'a datagram that is answered': {
    ...told('dnat proven answered', () => udp(), replies(datagram)),
    hops: true,
  },
  'a datagram filtered on its way': told(
    'dnat proven dropped',
    () => new LiveScene('dnat', 'udp'),
    sends(datagram, FILTER(2)),
  ),
  'an answer in a datagram, filtered': told(
    'dnat proven dropped',
    () => udp(),
    replies(datagram, FILTER(3)),
  ),
  'an answer in a datagram, filtered while runs are skipped': told(
    'dnat likely answered',
    () => udp(),
    replies(datagram, FILTER(3)),
    SKIPPED,
  ),
  'nobody listens for a datagram on the host': told(
    'host proven refused',
    () => new LiveScene('host', 'udp'),
    sends(datagram, died('NO_SOCKET', '__udp4_lib_rcv', 1)),
  ),
  'nobody listens for a datagram in the container': told(
    'dnat proven refused',
    () => new LiveScene('dnat', 'udp'),
    sends(datagram, died('NO_SOCKET', '__udp4_lib_rcv', 4)),
  ),
  'a datagram that a rule of the host drops': told(
    'host proven dropped',
    () => new LiveScene('host', 'udp'),
    sends(datagram, FILTER(1, { status: NAT_DONE })),
  ),
};
