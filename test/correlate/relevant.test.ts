/** Selects from a trace of the whole machine what concerns the requested connections. */
import * as assert from 'uvu/assert';
import { keepRelevant } from '../../src/correlate/relevant.js';
import {
  TCP,
  type FunctionEvent,
  type TotalEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import type { Topology } from '../../src/model/topology.js';
import { CURL, HOST, Story, WAYS } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('what is relevant');

const ELSEWHERE = 99;
const topology = { host: HOST, namespaces: [{ inode: HOST }] } as unknown as Topology;
const CLIENT = '198.51.100.2#40000';
const SERVER = '198.51.100.1#8080';
const away = [{ namespace: ELSEWHERE, ifindex: 2, direction: 'out' }] as const;

const kept = (events: readonly TraceEvent[]): number[] => {
  const first = events[0]?.id ?? 0;
  return keepRelevant(events, topology).map(({ id }) => id - first + 1);
};

test('a flow that touches the host is kept whole, also where it passes other namespaces', () => {
  const story = new Story();
  story
    .talk({ client: CLIENT, server: SERVER, way: WAYS.toHost })
    .send('client', { flags: TCP.SYN });
  assert.is(story.events.length, 2);
  assert.equal(kept(story.events), [1, 2]);
});

test('a flow of other namespaces is not', () => {
  const story = new Story();
  const talk = story.talk({ client: '10.0.0.1#1', server: '10.0.0.2#2', way: away });
  talk.dial({ ...CURL, namespace: ELSEWHERE }).send('client', { flags: TCP.SYN });
  assert.equal(kept(story.events), []);
});

test('calls of the host’s processes are kept; of others those on connections that touch it', () => {
  const story = new Story();
  const own = story.talk({ client: CLIENT, server: SERVER, way: WAYS.toHost });
  const other = story.talk({ client: '10.0.0.1#1', server: '10.0.0.2#2', way: away });
  for (const talk of [own, other]) talk.send('client', { flags: TCP.SYN });
  const before = story.events.length;
  const calls = [own, other].flatMap((talk) =>
    [HOST, ELSEWHERE, null].map((namespace) => {
      talk.call(CURL, 'server', 'read', 1, { namespace });
      return story.events.at(-1);
    }),
  );
  const found = keepRelevant(story.events, topology).filter(({ kind }) => kind === 'copy');
  assert.equal(
    found.map((event) => calls.indexOf(event)),
    [0, 2, 3],
  );
  assert.is(kept(story.events.slice(0, before)).length, 2);
});

test('splices are kept where either socket is of such a connection', () => {
  const story = new Story();
  const own = story.talk({ client: CLIENT, server: SERVER, way: WAYS.toHost });
  const others = ['10.0.0.1#1', '10.0.0.1#2'].map((client) =>
    story.talk({ client, server: '10.0.0.2#2', way: away }),
  );
  const [one, two] = others as [typeof own, typeof own];
  own.send('client', { flags: TCP.SYN });
  const before = story.events.length;
  story.splice(CURL, [own, 'server'], [one, 'client'], 1);
  story.splice(CURL, [one, 'client'], [own, 'server'], 1);
  story.splice(CURL, [one, 'client'], [two, 'server'], 1);
  assert.equal(
    kept(story.events).filter((number) => number > before),
    [before + 1, before + 2],
  );
});

function total(story: Story, socket: string): TotalEvent {
  return {
    ...story.stamp(),
    kind: 'total',
    operation: 'read',
    to: null,
    bytes: 1,
    from: { socket, localPort: 1, remotePort: 2 },
  };
}

test('final counts are kept of the sockets that are', () => {
  const story = new Story();
  const own = story.talk({ client: CLIENT, server: SERVER, way: WAYS.toHost });
  own
    .accept({ ...CURL, namespace: HOST })
    .call(CURL, 'server', 'read', 1, { namespace: HOST, socket: 'copied' });
  own.call(CURL, 'server', 'read', 1, { namespace: null, socket: 'untold' });
  own.call(CURL, 'server', 'read', 1, { namespace: ELSEWHERE, socket: 'away' });
  const sums = [own.sockets[1], 'copied', 'untold', 'away', 'stranger'].map((socket) =>
    total(story, socket),
  );
  for (const sum of sums) story.tell(sum);
  const found = keepRelevant(story.events, topology);
  assert.equal(
    sums.map((sum) => found.includes(sum)),
    [true, true, false, false, false],
  );
});

test('functions are kept of the packets that are; what processes do beside, and forks, always', () => {
  const story = new Story();
  const own = story.talk({ client: CLIENT, server: SERVER, way: WAYS.toHost });
  own.send('client', { flags: TCP.SYN });
  const [packet] = story.events;
  if (packet?.kind !== 'packet') throw new Error('no packet');
  const { skb, seq } = packet;
  const call = (more: Partial<FunctionEvent>): FunctionEvent =>
    ({ ...story.stamp(), kind: 'function', skb, seq, ...more }) as FunctionEvent;
  const functions = [call({}), call({ skb: 'other' }), call({ seq: 4 })];
  for (const event of functions) story.tell(event);
  story.aside({ pid: 5, command: 'x' }, 'pipe');
  story.tell({ ...story.stamp(), kind: 'fork', pid: 5, child: 6, command: 'x' });
  const found = keepRelevant(story.events, topology);
  assert.equal(
    functions.map((event) => found.includes(event)),
    [true, false, false],
  );
  assert.equal(
    found.slice(-2).map(({ kind }) => kind),
    ['aside', 'fork'],
  );
});

test.run();
