/**
 * A trace that is judged while it runs: when connections are reported, what is held, and events that come after the
 * release.
 */
import * as assert from 'uvu/assert';
import { TCP, TCP_STATE, type TraceEvent } from '../../src/model/event.js';
import type { Connection } from '../../src/model/report.js';
import type { TraceTail } from '../../src/model/trace.js';
import { IncrementalAnalysis } from '../../src/prove/incremental.js';
import { client, throughNat } from '../support/stories.js';
import {
  at,
  CURL,
  HOST,
  NGINX,
  PUBLISHED,
  SERVER,
  Story,
  TARGET,
  WAYS,
  type Talk,
} from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('a trace judged while it runs');

const SECOND = 1_000_000_000;
/** Text is small enough here. */
const packer = {
  pack: (text: string) => new TextEncoder().encode(text),
  unpack: (packed: Uint8Array) => new TextDecoder().decode(packed),
};

function begin(budget: number | null = 16, hops: number | null = 64): IncrementalAnalysis {
  return new IncrementalAnalysis(new Story().trace().header, { hops, budget, packer });
}

/** The kernel tells that both sockets of a connection have closed. */
function closeSockets(story: Story, talk: Talk): void {
  for (const [end, process] of [
    ['client', CURL],
    ['server', SERVER],
  ] as const) {
    const { socket, local, remote } = talk.ends(end);
    story.tell({
      ...story.stamp(),
      kind: 'state',
      ...story.actor(process),
      socket,
      local,
      remote,
      from: TCP_STATE.LAST_ACK,
      to: TCP_STATE.CLOSE,
    });
  }
}

/** A client that is led into the container, answered, and gone. */
function over(story: Story, port = 40_000): Talk {
  const talk = throughNat(story, port).dial(CURL).handshake().accept(SERVER).request(14).reply(7);
  closeSockets(story, talk.close());
  return talk;
}

/** One that is still there. */
const open = (story: Story, port: number): Talk =>
  throughNat(story, port).dial(CURL).handshake().accept(SERVER).request(14);

const lastTime = (story: Story): number => story.events.at(-1)?.time ?? 0;

function takeAll(analysis: IncrementalAnalysis, events: readonly TraceEvent[]): void {
  for (const event of events) analysis.take(event);
}

const portsOf = (connections: readonly Connection[]): number[] =>
  connections.map((one) => one.client.port);

function finish(
  analysis: IncrementalAnalysis,
  change: Partial<TraceTail> = {},
  sums: readonly TraceEvent[] = [],
) {
  const { source, header, tail } = new Story().trace({ tail: change });
  return analysis.finish({ source, header, sums, tail });
}

test('what is held: the events that came, until they are let go; packets are counted for good', () => {
  const story = new Story();
  over(story);
  const packets = story.events.filter(({ kind }) => kind === 'packet').length;
  const analysis = begin();
  assert.equal([analysis.held, analysis.hasNews, analysis.packets], [0, false, 0]);
  takeAll(analysis, story.events);
  assert.equal([analysis.held, analysis.hasNews], [story.events.length, true]);
  assert.is(analysis.packets, packets);
  analysis.advance(null);
  assert.equal([analysis.held, analysis.hasNews], [story.events.length, false], 'looked at');
  assert.equal(analysis.events, story.events);
  const more = new Story().wait(lastTime(story));
  more.aside(NGINX, 'device');
  takeAll(analysis, more.events);
  assert.is(analysis.held, story.events.length + 1);
  assert.is(analysis.events.at(-1)?.kind, 'aside', 'the new ones stand last');
  analysis.advance(lastTime(story) + 20 * SECOND);
  assert.equal([analysis.held, analysis.settled, analysis.packets], [1, 1, packets]);
});

test('without a time, or where it is not known how many calls are told, nothing is let go', () => {
  const story = new Story();
  over(story);
  const now = lastTime(story) + 1_000 * SECOND;
  for (const [budget, time] of [
    [16, null],
    [null, now],
  ] as const) {
    const analysis = begin(budget);
    takeAll(analysis, story.events);
    const { over: gone, counts } = analysis.advance(time);
    assert.equal([gone, counts], [[], { held: 1, ended: 1 }]);
    assert.is(analysis.held, story.events.length);
    assert.is(analysis.settled, 0);
  }
});

test('what was let go is told once, in order, judged as if the trace lacked nothing', () => {
  const story = new Story();
  over(story, 40_000);
  over(story, 41_000);
  open(story, 42_000);
  const analysis = begin();
  takeAll(analysis, story.events);
  const now = lastTime(story) + 2 * SECOND;
  const { over: gone, counts, ended, open: others } = analysis.advance(now);
  assert.equal(portsOf(gone), [40_000, 41_000]);
  assert.equal(
    gone.map(({ id, path, proof }) => [id, path, proof]),
    [
      [1, 'dnat', 'proven'],
      [2, 'dnat', 'proven'],
    ],
  );
  assert.equal(counts, { held: 1, ended: 0 });
  assert.equal([ended, others], [[], []], 'of what is held nothing was wanted');
  assert.equal(analysis.advance(now).over, []);
  assert.is(analysis.settled, 2);
});

test('of what is held: those that have ended are told once, all of them each time', () => {
  const story = new Story();
  over(story, 40_000);
  open(story, 41_000);
  const analysis = begin();
  takeAll(analysis, story.events);
  const now = lastTime(story);
  const first = analysis.advance(now, 'ended');
  assert.equal(first.counts, { held: 2, ended: 1 });
  assert.equal([portsOf(first.ended), first.open], [[40_000], []]);
  assert.is(first.ended[0]?.proof, 'proven');
  const second = analysis.advance(now, 'ended');
  assert.equal([second.counts.ended, second.ended], [1, []], 'told before');
  const all = analysis.advance(now, 'all');
  assert.equal(portsOf(all.open), [40_000, 41_000]);
  assert.equal(
    all.open.map(({ id }) => id),
    [1, 2],
  );
  assert.equal(portsOf(analysis.advance(now, 'all').open), [40_000, 41_000]);
});

test('those that are held are numbered behind those that were let go', () => {
  const story = new Story();
  over(story, 40_000);
  open(story, 41_000);
  open(story, 42_000);
  const analysis = begin();
  takeAll(analysis, story.events);
  analysis.advance(lastTime(story) + 2 * SECOND);
  const { open: held } = analysis.advance(lastTime(story) + 2 * SECOND, 'all');
  assert.equal(
    held.map(({ id, client: { port } }) => [id, port]),
    [
      [2, 41_000],
      [3, 42_000],
    ],
  );
});

/** How many of a story's connections count as ended. */
function countEnded(story: Story): number {
  const analysis = begin();
  takeAll(analysis, story.events);
  return analysis.advance(null).counts.ended;
}

test('ended: both sides have said FIN; datagrams were answered', () => {
  const half = new Story();
  open(half, 40_000).send('client', { flags: TCP.ACK | TCP.FIN });
  assert.is(countEnded(half), 0, 'one side only');
  const datagrams = (answer: boolean): number => {
    const story = new Story();
    const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
    talk.send('client', { protocol: 'udp', flags: 0, length: 4 });
    if (answer) talk.send('server', { protocol: 'udp', flags: 0, length: 4 });
    return countEnded(story);
  };
  assert.equal([datagrams(false), datagrams(true)], [0, 1]);
});

/** A connection was let go; then comes `late`, so many seconds later. What the report has then, and what is still held. */
function afterLettingGo(
  late: (story: Story, talk: Talk) => void,
  seconds = 30,
): { readonly connections: number; readonly held: number } {
  const story = new Story();
  const talk = over(story);
  const analysis = begin();
  takeAll(analysis, story.events);
  const now = lastTime(story) + 2 * SECOND;
  analysis.advance(now);
  assert.equal([analysis.settled, analysis.held], [1, 0]);
  const before = story.events.length;
  story.wait(seconds * SECOND);
  late(story, talk);
  takeAll(analysis, story.events.slice(before));
  analysis.advance(lastTime(story));
  const { held } = analysis;
  return { connections: finish(analysis).report.connections.length, held };
}

test('what comes late between the same ports is of the connection that was let go', () => {
  const none = { connections: 1, held: 0 };
  const fin = (_: Story, talk: Talk): void => {
    talk.send('client', { flags: TCP.ACK | TCP.FIN });
  };
  assert.equal(afterLettingGo(fin), none, 'a FIN sent again');
  const answer = (_: Story, talk: Talk): void => {
    talk.send('server', { flags: TCP.SYN | TCP.ACK });
  };
  assert.equal(afterLettingGo(answer), none, 'a SYN+ACK sent again begins none');
  const dropped = (story: Story, talk: Talk): void => {
    fin(story, talk);
    story.drop('NO_SOCKET', 'tcp_v4_rcv');
  };
  assert.equal(afterLettingGo(dropped), none, 'dropped');
  const reset = (story: Story, talk: Talk): void => {
    fin(story, talk);
    const packet = story.events.findLast((event) => event.kind === 'packet');
    if (packet) story.tell({ ...packet, ...story.stamp(), kind: 'reset' });
  };
  assert.equal(afterLettingGo(reset), none, 'answered by a reset');
  const again = (story: Story, talk: Talk): void => {
    const ends = talk.ends('client');
    story.tell({ ...story.stamp(), kind: 'retransmit', namespace: HOST, ...ends, state: 1 });
  };
  assert.equal(afterLettingGo(again), none, 'the kernel tells that it sends again');
  const state = (story: Story, talk: Talk): void => closeSockets(story, talk);
  assert.equal(afterLettingGo(state), none, 'a socket closes late');
  const inner = (story: Story): void => {
    const [source, destination] = [at(client(40_000)), at(TARGET)];
    story.tell(story.makePacket({ source, destination, flags: TCP.ACK }));
  };
  assert.equal(afterLettingGo(inner), none, 'under the rewritten address');
});

test('what is between other ports, or no TCP, is another’s', () => {
  const other = (story: Story): void => {
    const [source, destination] = [at(client(40_001)), at(PUBLISHED)];
    story.tell(story.makePacket({ source, destination, flags: TCP.ACK }));
  };
  assert.equal(afterLettingGo(other), { connections: 2, held: 1 });
  const datagram = (story: Story): void => {
    const [source, destination] = [at(client(40_000)), at(PUBLISHED)];
    story.tell(story.makePacket({ source, destination, protocol: 'udp', flags: 0, length: 4 }));
  };
  assert.equal(afterLettingGo(datagram), { connections: 2, held: 1 });
  const accept = (_: Story, talk: Talk): void => {
    talk.accept(SERVER);
  };
  assert.is(afterLettingGo(accept).held, 1, 'an accept is never a packet sent again');
});

test('a SYN, or a socket that dials or is dialled, begins another between the same ports', () => {
  const syn = (story: Story): void => {
    const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
    talk.send('client', { flags: TCP.SYN }).send('server', { flags: TCP.ACK });
  };
  assert.equal(afterLettingGo(syn), { connections: 2, held: 4 }, 'and what follows it is kept');
  for (const to of [TCP_STATE.SYN_SENT, TCP_STATE.SYN_RECV]) {
    const dial = (story: Story, talk: Talk): void => {
      const { socket, local, remote } = talk.ends('client');
      story.tell({
        ...story.stamp(),
        kind: 'state',
        ...story.actor(CURL),
        socket,
        local,
        remote,
        from: TCP_STATE.CLOSE,
        to,
      });
    };
    assert.is(afterLettingGo(dial).held, 1, String(to));
  }
});

test('for two minutes: later packets between the same ports are of a connection that is not known', () => {
  /** Looked at so long after it was let go, before anything comes. */
  const lookAfter = (nanoseconds: number): number => {
    const story = new Story();
    const talk = over(story);
    const analysis = begin();
    takeAll(analysis, story.events);
    const now = lastTime(story) + 2 * SECOND;
    analysis.advance(now);
    analysis.advance(now + nanoseconds);
    const before = story.events.length;
    story.wait(200 * SECOND);
    talk.send('client', { flags: TCP.ACK });
    takeAll(analysis, story.events.slice(before));
    analysis.advance(null);
    return analysis.held;
  };
  assert.is(lookAfter(120 * SECOND - 1), 0);
  assert.ok(lookAfter(120 * SECOND) > 0);
});

test('of two that were let go between the same ports the later one counts', () => {
  const story = new Story();
  const analysis = begin();
  const pass = (seq: number): Talk => {
    const before = story.events.length;
    const talk = story.talk({
      client: client(40_000),
      server: PUBLISHED,
      target: TARGET,
      way: WAYS.through,
      seq,
    });
    talk.dial(CURL).handshake().accept(SERVER).request(14).reply(7).close();
    closeSockets(story, talk);
    takeAll(analysis, story.events.slice(before));
    analysis.advance(lastTime(story) + 2 * SECOND);
    return talk;
  };
  pass(1000);
  story.wait(100 * SECOND);
  const talk = pass(900_000);
  assert.is(analysis.settled, 2);
  analysis.advance(lastTime(story) + 100 * SECOND, 'none');
  const before = story.events.length;
  talk.send('client', { flags: TCP.ACK | TCP.FIN });
  takeAll(analysis, story.events.slice(before));
  analysis.advance(null);
  assert.is(analysis.held, 0, 'the first was let go more than two minutes ago, the second was not');
});

test('events are put in order of time, and of their numbers, whenever they come', () => {
  const story = new Story();
  open(story, 40_000);
  const events = story.events;
  const orders: readonly (readonly TraceEvent[])[] = [
    [...events].reverse(),
    [...events.slice(5), ...events.slice(0, 5)],
  ];
  for (const order of orders) {
    const analysis = begin();
    takeAll(analysis, order.slice(0, 7));
    analysis.advance(null);
    takeAll(analysis, order.slice(7));
    analysis.advance(null);
    assert.equal(analysis.events, events);
  }
  const same = events.map((event) => ({ ...event, time: 5 }));
  const analysis = begin();
  takeAll(analysis, [...same].reverse());
  analysis.advance(null);
  assert.equal(analysis.events, same, 'of one time: by their numbers');
});

test('the report has all of them in order of time, numbered from 1, whenever they were let go', () => {
  const story = new Story();
  open(story, 39_000);
  over(story, 40_000);
  open(story, 41_000);
  const analysis = begin();
  takeAll(analysis, story.events);
  analysis.advance(lastTime(story) + 2 * SECOND);
  assert.is(analysis.settled, 1);
  const { report, trace } = finish(analysis);
  assert.equal(
    report.connections.map(({ id, client: { port } }) => [id, port]),
    [
      [1, 39_000],
      [2, 40_000],
      [3, 41_000],
    ],
  );
  assert.is(trace.partial, true, 'events of the one were let go');
  assert.ok(trace.events.every((event) => !('source' in event) || event.source.port !== 40_000));
  const whole = begin();
  takeAll(whole, story.events);
  assert.is('partial' in finish(whole).trace, false, 'nothing was let go');
});

test('places of connections that were let go are places of the report', () => {
  const story = new Story();
  over(story);
  const analysis = begin();
  takeAll(analysis, story.events);
  analysis.advance(lastTime(story) + 2 * SECOND);
  const { report } = finish(analysis);
  assert.equal(
    report.places.map(({ namespace }) => namespace),
    ['client', 'host', 'redis'],
  );
});

test('what the end tells takes back what was proven, of those that were let go as well', () => {
  const story = new Story();
  over(story);
  const analysis = begin();
  takeAll(analysis, story.events);
  analysis.advance(lastTime(story) + 2 * SECOND);
  const proofs = (change: Partial<TraceTail>): string[] =>
    finish(analysis, change).report.connections.map(({ path, proof }) => `${path} ${proof}`);
  assert.equal(proofs({}), ['dnat proven']);
  assert.equal(proofs({ sealed: false, lostEvents: 3 }), ['dnat likely']);
});

test('hops: as many as were asked for', () => {
  const story = new Story();
  const talk = open(story, 40_000);
  for (let i = 0; i < 5; i++) talk.request(3);
  const count = (hops: number | null): number => {
    const analysis = begin(16, hops);
    takeAll(analysis, story.events);
    return analysis.advance(null, 'all').open[0]?.hops.length ?? 0;
  };
  assert.ok(count(null) > count(8), `${count(null)} of all, ${count(8)} of 8`);
});

test('what is learned of the host while it runs is told from then on', () => {
  const story = new Story();
  open(story, 40_000);
  const analysis = begin();
  takeAll(analysis, story.events);
  const { header } = story.trace();
  const containers = header.topology.containers.map((one) => ({ ...one, name: 'cache' }));
  const namespaces = header.topology.namespaces.map((one) =>
    one.name === 'redis' ? { ...one, name: 'cache' } : one,
  );
  const nameOf = (): string | undefined => analysis.advance(null, 'all').open[0]?.container?.name;
  assert.is(nameOf(), 'redis');
  analysis.learn({ ...header, topology: { ...header.topology, containers, namespaces } });
  assert.is(nameOf(), 'cache');
});

test('what is read after the last event counts: sums of calls', () => {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL).handshake().accept(NGINX).request(14).call(NGINX, 'server', 'read', 14);
  talk.call(NGINX, 'server', 'write', 7).reply(7);
  const analysis = begin();
  takeAll(analysis, story.events);
  analysis.advance(null);
  const proofOf = (sums: readonly TraceEvent[]): string | undefined => {
    const one = begin();
    takeAll(one, story.events);
    return finish(one, {}, sums).report.connections[0]?.proof;
  };
  assert.is(proofOf([]), 'proven');
  const sum = new Story().wait(10 * SECOND);
  sum.aside(NGINX, 'device', { sum: true, calls: 3 });
  assert.is(proofOf(sum.events), 'likely', 'it wrote elsewhere, and only the sum tells');
});

test.run();
