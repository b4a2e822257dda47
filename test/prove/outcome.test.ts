/** How a connection ended, in events whose truth is known by construction; what could not be seen stays unknown. */
import * as assert from 'uvu/assert';
import { TCP, TCP_STATE } from '../../src/model/event.js';
import {
  CLIENT,
  CONTAINER,
  LiveScene,
  PUBLISHED,
  type Death,
  type Segment,
} from '../support/live-scene.js';
import { isAfter } from '../../src/prove/outcome/sequence.js';
import { suite } from '../support/suite.js';

const test = suite('outcome');

/** Both close to the wrap of sequence numbers. */
const C = 2 ** 32 - 5;
const S = 2 ** 32 - 3;

const syn: Segment = { flags: TCP.SYN, seq: C };
const synAck: Segment = { flags: TCP.SYN | TCP.ACK, seq: S, ack: C + 1 };
const ack = (bytes = 0, more: Partial<Segment> = {}): Segment => ({
  flags: TCP.ACK,
  seq: C + 1,
  ack: S + 1 + bytes,
  ...more,
});
const ask = (length = 14): Segment => ({
  ...ack(),
  flags: TCP.ACK | TCP.PSH,
  length,
});
const answer = (length = 7, acked = 14): Segment => ({
  flags: TCP.ACK | TCP.PSH,
  seq: S + 1,
  ack: C + 1 + acked,
  length,
});
const heard = (acked = 14): Segment => ({
  flags: TCP.ACK,
  seq: S + 1,
  ack: C + 1 + acked,
});

const opened = (way: 'dnat' | 'host' = 'dnat'): LiveScene =>
  new LiveScene(way).request(syn).reply(synAck).request(ack());

/** Memory of the last packet. */
const lastSkb = ({ events }: LiveScene): string | null => {
  const last = events.findLast((event) => event.kind === 'packet');
  return last?.kind === 'packet' ? last.skb : null;
};

const again = (scene: LiveScene, times: number, send: (scene: LiveScene) => unknown): LiveScene => {
  for (let time = 0; time < times; time += 1) send(scene.wait(200));
  return scene;
};

const NO_SOCKET: Death = {
  reason: 'NO_SOCKET',
  function: 'tcp_v4_rcv',
  after: 1,
};

const SKIPPED = { skippedRuns: 2 };
const LOST = { lostEvents: 3, sealed: false };

test('answered: the client acknowledged the handshake and the bytes', () => {
  const one = opened()
    .request(ask())
    .reply(answer())
    .request(ack(7, { seq: C + 15 }))
    .tell();
  assert.equal([one.path, one.proof, one.outcome], ['dnat', 'proven', 'answered']);
  assert.equal(one.handshake, { syn: 1, synAck: 1, completed: true });
  assert.equal(one.acknowledged, { fromClient: 14, fromServer: 7 });
  assert.equal(one.end, { by: null, how: null, rule: null, cause: null });
});

test('a port check is answered by the handshake alone', () => {
  assert.is(opened().tell().outcome, 'answered');
});

const halfOpen = (): LiveScene =>
  again(new LiveScene().request(syn).reply(synAck), 4, (scene) => scene.reply(synAck));

test('a SYN+ACK that is never acknowledged answers nobody', () => {
  const one = halfOpen().tell();
  assert.equal([one.outcome, one.proof], ['unanswered', 'proven']);
  assert.equal(one.handshake, { syn: 1, synAck: 5, completed: false });
  assert.match(one.reason, 'SYN+ACK was sent 5 times');
});

test('where the acknowledgement may not have been seen, none is missed', () => {
  const changes: [string, LiveScene, object][] = [
    ['lost', halfOpen(), LOST],
    ['skipped', halfOpen(), SKIPPED],
    ['counted', halfOpen().counted(true), {}],
  ];
  for (const [name, scene, change] of changes) {
    const one = scene.tell(change);
    assert.is(one.outcome, 'answered', name);
    assert.is(one.handshake?.completed, null, name);
    if (name !== 'counted') assert.is.not(one.proof, 'proven', name);
  }
});

test('a socket that is established completes the handshake as well as an ACK', () => {
  const { SYN_RECV, ESTABLISHED, LISTEN } = TCP_STATE;
  assert.is(halfOpen().state(SYN_RECV, ESTABLISHED).tell().handshake?.completed, true);
  assert.is(halfOpen().state(LISTEN, SYN_RECV).tell().handshake?.completed, false);
});

test('the client’s reset acknowledges nothing', () => {
  const one = new LiveScene()
    .request(syn)
    .reply(synAck)
    .request({ flags: TCP.RST, seq: C + 1 })
    .tell();
  assert.is(one.outcome, 'reset');
  assert.equal([one.end.by, one.end.how], ['client', 'rst']);
  assert.is(one.handshake?.completed, false);
  const numbered = new LiveScene().request(syn).reply(synAck);
  const abort: Segment = { flags: TCP.RST | TCP.ACK, seq: C + 1, ack: S + 1 };
  assert.is(numbered.request(abort).tell().handshake?.completed, false);
});

/** Answers go another way than by this host: the client's packets alone pass. */
const unseen = (): LiveScene => new LiveScene().request(syn).request(ack()).request(ask());
const took = (bytes: number): Segment => ack(bytes, { seq: C + 15 });

test('an answer that did not pass here is known by the client that acknowledged it', () => {
  const one = unseen().request(took(7)).tell();
  assert.is(one.outcome, 'answered');
  assert.is(one.bytes.fromServer, 0, 'none of it was seen');
  const chat = unseen().request(took(7)).request(took(2_000)).tell();
  assert.is(chat.outcome, 'answered');
});

test('an acknowledgement of the handshake or of a FIN is none of an answer that did not pass here', () => {
  assert.is(unseen().tell().outcome, 'unanswered');
  assert.is(unseen().request(took(0)).tell().outcome, 'unanswered');
  assert.is(unseen().request(took(1)).tell().outcome, 'unanswered', 'a FIN');
  const aborts: Segment = { ...took(7), flags: TCP.RST | TCP.ACK };
  assert.is.not(unseen().request(aborts).tell().outcome, 'answered');
});

test('what stalls after an answer that did not pass here is stalled', () => {
  const big = { ...took(7), length: 1_400 };
  const one = again(unseen().request(took(7)).request(big), 4, (scene) =>
    scene.request(big),
  ).tell();
  assert.is(one.outcome, 'stalled');
});

test('numbers wrap: what comes after the end of the numbers is later', () => {
  assert.is(isAfter(5, 2 ** 32 - 5), true);
  assert.is(isAfter(2 ** 32 - 5, 5), false);
  assert.is(isAfter(7, 7), false);
});

test('bytes that are never acknowledged are no answer, however often they were sent', () => {
  for (const times of [0, 1]) {
    const scene = again(opened().request(ask()).reply(answer()), times, (one) =>
      one.reply(answer()),
    );
    const one = scene.tell();
    assert.is(one.outcome, 'unanswered', `${times}`);
    assert.equal(one.acknowledged, { fromClient: 14, fromServer: 0 });
    assert.is(one.stall, null);
  }
});

const stalled = (): LiveScene =>
  again(opened().request(ask()).reply(answer()), 3, (scene) => scene.reply(answer()));

test('stalled: sent again and again, and never acknowledged', () => {
  const one = stalled().tell();
  assert.equal([one.outcome, one.proof], ['stalled', 'proven']);
  const { leg, flow, length, sent, mtu } = one.stall ?? {};
  assert.equal(
    { leg, flow, length, sent, mtu },
    {
      leg: 'client',
      flow: 'reply',
      length: 7,
      sent: 4,
      mtu: null,
    },
  );
  assert.equal(one.acknowledged, { fromClient: 14, fromServer: 0 });
});

test('not stalled: acknowledged at last, only counted, or turned away for want of room', () => {
  assert.is(stalled().request(ack(7)).tell().outcome, 'answered');
  const counted = stalled().counted(true).tell();
  assert.is(counted.outcome, 'answered');
  assert.equal(counted.acknowledged, { fromClient: 14, fromServer: null });
  const dies: Death = {
    reason: 'TCP_ZEROWINDOW',
    function: 'tcp_data_queue',
    after: 4,
  };
  const full = again(opened().request(ask()), 3, (scene) => scene.request({ ...ask(), dies }));
  assert.is(full.tell().outcome, 'unanswered');
});

test('stalled, where runs were skipped: likely at most', () => {
  assert.is.not(stalled().tell(SKIPPED).proof, 'proven');
});

test('an acknowledgement that its sender never hears stalls it too', () => {
  const silent = again(opened().request(ask()).reply(heard()), 3, (scene) => {
    scene.request(ask()).reply(heard());
  });
  const one = silent.tell();
  assert.is(one.outcome, 'stalled');
  assert.equal([one.stall?.flow, one.acknowledged?.fromClient], ['request', 14]);
  const late = again(opened().request(ask()).reply(heard()), 1, (scene) => scene.request(ask()));
  assert.is(late.tell().outcome, 'unanswered');
  const more: Segment = { ...ask(3), seq: C + 15 };
  const went = silent
    .request(more)
    .reply(answer(7, 17))
    .request(ack(7, { seq: C + 18 }))
    .tell();
  assert.equal([went.outcome, went.stall], ['answered', null]);
});

test('too big: the MTU and the sizes that passed', () => {
  const dies: Death = {
    reason: 'PKT_TOO_BIG',
    function: 'ip_forward',
    after: 1,
    mtu: 900,
  };
  const big: Segment = { ...ask(1448), seq: C + 15, dies };
  const scene = again(opened().request(ask(14)).reply(heard()).request(big), 2, (one) => {
    one.request(big);
  });
  const one = scene.tell();
  assert.is(one.outcome, 'stalled');
  assert.equal([one.stall?.length, one.stall?.passed, one.stall?.mtu], [1448, 14, 900]);
  assert.equal(
    [one.drop?.reason, one.drop?.flow, one.drop?.packet],
    ['PKT_TOO_BIG', 'request', 'data'],
  );
  assert.equal(one.end, {
    by: 'host',
    how: 'drop',
    rule: null,
    cause: 'too-big',
  });
});

const NO_NEIGHBOUR: Death = {
  reason: 'NEIGH_FAILED',
  function: 'neigh_invalidate',
  after: 3,
};
const REPEATED: Death = {
  reason: 'NOT_SPECIFIED',
  function: 'tcp_v4_rcv',
  after: 4,
};

test('a drop is blamed on the SYN+ACK that was needed, not on the SYN that was sent again', () => {
  const scene = new LiveScene().request(syn).reply({ ...synAck, dies: { ...NO_NEIGHBOUR } });
  const one = scene
    .wait(1000)
    .request({ ...syn, dies: REPEATED })
    .tell();
  assert.equal([one.outcome, one.drop?.reason], ['dropped', 'NEIGH_FAILED']);
  assert.equal(
    [one.drop?.flow, one.drop?.packet, one.drop?.after],
    ['reply', 'SYN+ACK', 'docker0'],
  );
  assert.equal([one.end.by, one.end.cause], ['network', 'no-neighbour']);
  const before = new LiveScene().request(syn).reply(synAck).wait(1000);
  const repeated = before.request({ ...syn, dies: REPEATED }).tell();
  assert.equal([repeated.outcome, repeated.drop], ['unanswered', null]);
});

test('the first SYN that dies is blamed, and one that a later one got past is not', () => {
  const dies: Death = {
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
    after: 1,
  };
  const one = new LiveScene().request({ ...syn, dies }).tell();
  assert.equal([one.outcome, one.drop?.packet, one.drop?.after], ['dropped', 'SYN', 'ext0']);
  assert.equal([one.end.by, one.end.how, one.end.cause], ['host', 'drop', 'filtered']);
  const retried = new LiveScene()
    .request({ ...syn, dies })
    .wait(1000)
    .request(syn);
  const answered = retried.reply(synAck).request(ack()).tell();
  assert.equal([answered.outcome, answered.drop], ['answered', null]);
});

test('what dies in OUTPUT has no device, and is told', () => {
  const dies: Death = {
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
    after: 0,
  };
  const one = new LiveScene('host')
    .request(syn)
    .reply({ ...synAck, dies })
    .tell();
  assert.equal([one.outcome, one.drop?.hook, one.drop?.after], ['dropped', 'OUTPUT', null]);
  assert.equal([one.drop?.flow, one.drop?.packet], ['reply', 'SYN+ACK']);
  assert.is(one.handshake?.synAck, 1);
});

test('a drop that was seen stays proven where runs were skipped elsewhere, and a silence does not', () => {
  const dies: Death = {
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
    after: 2,
  };
  const dropped = new LiveScene().request({ ...syn, dies }).tell(SKIPPED);
  assert.equal([dropped.outcome, dropped.proof], ['dropped', 'proven']);
  const refused: Death = { ...NO_SOCKET, after: 4 };
  const unheard = new LiveScene().request({ ...syn, dies: refused }).tell(SKIPPED);
  assert.is.not(unheard.proof, 'proven', 'its reset may have been skipped');
  const silent = new LiveScene().request(syn).tell(SKIPPED);
  assert.equal([silent.outcome, silent.proof], ['unanswered', 'likely']);
});

const refusal: Segment = { flags: TCP.RST | TCP.ACK, seq: 0, ack: C + 1 };

test('a refusal by the host itself is proven: nothing listens there', () => {
  const one = new LiveScene('host')
    .request({ ...syn, dies: NO_SOCKET })
    .reply(refusal)
    .tell();
  assert.equal([one.path, one.proof, one.outcome], ['host', 'proven', 'refused']);
  assert.equal(one.end, {
    by: 'host',
    how: 'rst',
    rule: null,
    cause: 'not-listening',
  });
  assert.match(one.reason, 'nothing on the host listens');
});

test('it is not, where the trace is not sealed, a rule took it, or nobody looked for a socket', () => {
  const refused = (): LiveScene =>
    new LiveScene('host').request({ ...syn, dies: NO_SOCKET }).reply(refusal);
  assert.is.not(refused().tell(LOST).proof, 'proven');
  const bare = new LiveScene('host').request(syn).reply(refusal).tell();
  assert.equal([bare.path, bare.outcome, bare.end.cause], ['unknown', 'refused', null]);
  const dnat = new LiveScene().request({ ...syn, dies: { ...NO_SOCKET, after: 4 } }).reply(refusal);
  const beyond = dnat.tell();
  assert.equal([beyond.path, beyond.end.by], ['dnat', 'server']);
  assert.is(beyond.end.cause, 'not-listening');
});

const rejection: Death = {
  reason: 'NETFILTER_DROP',
  function: 'nft_do_chain',
  after: 1,
};

test('a rule that rejects is told by its reset and the segment that dies right after it', () => {
  const scene = opened();
  const reset: Segment = { flags: TCP.RST, seq: S + 1 };
  const one = scene
    .forged(reset)
    .request({ ...ask(), dies: rejection })
    .tell();
  assert.is(one.outcome, 'reset');
  assert.equal(one.end, {
    by: 'host',
    how: 'rst',
    rule: null,
    cause: 'rejected',
  });
});

test('the server’s own reset is no rule’s, whatever was dropped before', () => {
  const scene = opened()
    .request({ ...ask(), dies: rejection })
    .wait(500);
  const one = scene.reply({ flags: TCP.RST, seq: S + 1, socket: 'ff01' }).tell();
  assert.is(one.outcome, 'reset');
  assert.equal(one.end, {
    by: 'server',
    how: 'rst',
    rule: null,
    cause: 'closed',
  });
});

test('a reset is no rule’s where its numbers only look so: of a socket, much later, or made elsewhere', () => {
  const reset: Segment = { flags: TCP.RST, seq: S + 1 };
  const dying = { ...ask(), dies: rejection };
  const socket = opened('host')
    .reply({ ...reset, socket: 'ff01' })
    .request(dying)
    .tell();
  assert.is(socket.end.cause, 'closed');
  const later = opened('host').request(dying).wait(500).forged(reset).tell();
  assert.is(later.end.cause, null);
  const elsewhere = opened().reply(reset).request(dying).tell();
  assert.equal([elsewhere.end.by, elsewhere.end.cause], ['server', null]);
});

test('a socket that was looked for elsewhere is no refusal by the host', () => {
  const scene = new LiveScene('host').request(syn);
  scene.add((base) => ({
    kind: 'drop',
    ...base,
    namespace: 1,
    ifindex: 9,
    skb: lastSkb(scene),
    socket: null,
    protocol: 'tcp',
    source: CLIENT,
    destination: PUBLISHED,
    seq: C,
    ack: 0,
    flags: TCP.SYN,
    length: 0,
    conntrack: null,
    reason: 'NO_SOCKET',
    function: 'tcp_v4_rcv',
  }));
  assert.is.not(scene.reply(refusal).tell().path, 'host');
});

test('what a socket had received before it was thrown away was not lost on its way', () => {
  const scene = opened().request(ask());
  const dropped = again(scene, 2, (one) =>
    one.request(ask()).add((base) => ({
      kind: 'drop',
      ...base,
      namespace: null,
      ifindex: null,
      skb: lastSkb(one),
      socket: null,
      protocol: 'tcp',
      source: CLIENT,
      destination: CONTAINER,
      conntrack: null,
      seq: C + 1,
      ack: S + 1,
      flags: TCP.ACK | TCP.PSH,
      length: 14,
      reason: 'SOCKET_FILTER',
      function: 'tcp_v4_rcv',
    })),
  );
  assert.is(dropped.tell().drop, null);
});

test('a reset of what comes after the server’s end is no reset of the connection', () => {
  const fin: Segment = { flags: TCP.FIN | TCP.ACK, seq: S + 1, ack: C + 15 };
  const scene = opened()
    .request(ask())
    .reply(fin)
    .request({ ...ask(3), seq: C + 15 });
  const one = scene.reply({ flags: TCP.RST, seq: S + 2, socket: 'ff01' }).tell();
  assert.equal([one.outcome, one.end.by, one.end.how], ['answered', 'server', 'fin']);
});

test('a reset after an orderly end changes nothing', () => {
  const fin: Segment = { flags: TCP.FIN | TCP.ACK, seq: C + 15, ack: S + 8 };
  const scene = opened().request(ask()).reply(answer()).request(fin);
  const one = scene
    .wait(5)
    .reply({ flags: TCP.RST, seq: S + 8, socket: 'ff01' })
    .tell();
  assert.equal([one.outcome, one.end.by, one.end.how], ['answered', 'client', 'fin']);
});

test('UDP: an answer that dies on its way answers nobody', () => {
  const datagram: Segment = { flags: 0, seq: 0, length: 6 };
  const scene = (): LiveScene => new LiveScene('dnat', 'udp').request(datagram).wait(1);
  assert.is(scene().reply(datagram).tell().outcome, 'answered');
  const dies: Death = {
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
    after: 3,
  };
  const one = scene()
    .reply({ ...datagram, dies })
    .tell();
  assert.equal([one.outcome, one.drop?.flow, one.drop?.packet], ['dropped', 'reply', 'datagram']);
  const lost = scene()
    .reply({ ...datagram, dies })
    .tell(LOST);
  assert.is(lost.outcome, 'answered');
  assert.is.not(lost.proof, 'proven');
});

test('memory that is used again gives no datagram another’s drop', () => {
  const datagram: Segment = { flags: 0, seq: 0, length: 6 };
  const scene = new LiveScene('dnat', 'udp').request(datagram);
  const [first] = scene.events;
  const skb = first?.kind === 'packet' ? first.skb : null;
  scene.add((base) => ({
    kind: 'drop',
    ...base,
    namespace: 1,
    ifindex: 9,
    skb,
    socket: null,
    protocol: 'udp',
    source: PUBLISHED,
    destination: { address: '203.0.113.9', port: 8080 },
    seq: 0,
    ack: 0,
    flags: 0,
    length: 6,
    conntrack: null,
    reason: 'NETFILTER_DROP',
    function: 'nft_do_chain',
  }));
  const one = scene.tell();
  assert.equal([one.outcome, one.drop], ['unanswered', null]);
});

test('a rewriting is no proof of the very packet where its memory was used by another meanwhile', () => {
  const claimOf = (scene: LiveScene): boolean | null | undefined =>
    scene.tell().evidence.find(({ code }) => code === 'same-packet')?.holds;
  assert.is(claimOf(opened()), true);
  const other = opened();
  const events = other.events.map((event) =>
    event.kind === 'packet' && event.destination.port === CONTAINER.port
      ? { ...event, ack: event.ack + 1 }
      : event,
  );
  other.events.splice(0, other.events.length, ...events);
  assert.is(claimOf(other), null);
});

test('timing and repeats are facts', () => {
  const scene = opened().wait(1).request(ask()).wait(3).reply(answer());
  const one = scene
    .wait(200)
    .reply(answer())
    .request(ack(7, { seq: C + 15 }))
    .tell();
  const { start, connect, firstReply, duration, relay } = one.timing;
  assert.match(start ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  // Ten microseconds from one event to the next: the SYN passes four places, and so does the SYN+ACK.
  assert.is(connect, 80_000);
  assert.is(firstReply, 3_000_000 + 7 * 10_000);
  assert.is(duration, 204_000_000 + 27 * 10_000);
  assert.is(relay, null);
  assert.is(one.retransmits, 1);
  assert.is(scene.tell(LOST).retransmits, null);
});

test('the server’s own socket tells whom it sees', () => {
  const { SYN_RECV, ESTABLISHED } = TCP_STATE;
  assert.is(opened().tell().sourceSeen, null);
  assert.is(opened().state(SYN_RECV, ESTABLISHED).tell().sourceSeen, CLIENT.address);
});

test.run();
