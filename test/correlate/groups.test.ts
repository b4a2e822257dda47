/** Which legs are judged together, and which of those that are over are kept because of one that is open. */
import * as assert from 'uvu/assert';
import { Counts } from '../../src/correlate/call-counts.js';
import { LegCalls } from '../../src/correlate/calls.js';
import type { Correlation } from '../../src/correlate/connections.js';
import { groupLegs, listFree, type LegGroup } from '../../src/correlate/groups.js';
import { Kinship } from '../../src/correlate/kinship.js';
import type { Leg } from '../../src/correlate/leg.js';
import { LegIndex } from '../../src/correlate/locate.js';
import type { Move, RelayLink } from '../../src/correlate/relays.js';
import type { AcceptEvent, CopyEvent, StateEvent, TraceEvent } from '../../src/model/event.js';
import { makeLeg } from '../support/legs.js';
import { at, HOST, PUBLISHED, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('groups of legs');

/** Whose process took or began a leg, and when it was seen first and last. */
interface Life {
  readonly port: number;
  readonly from?: number;
  readonly to?: number;
  readonly acceptedBy?: number;
  readonly dialledBy?: number;
}

const task = (pid: number) => ({ pid, tid: pid, command: 'nginx', namespace: HOST });

function accept(pid: number, port: number, time: number): AcceptEvent {
  const ends = { socket: `s${port}`, local: at(PUBLISHED), remote: at(`198.51.100.2#${port}`) };
  return { kind: 'accept', id: time, time, ...task(pid), ...ends, fd: 5 };
}

function dial(pid: number, port: number, time: number): StateEvent {
  const ends = { socket: `c${port}`, local: at(`198.51.100.2#${port}`), remote: at(PUBLISHED) };
  return { kind: 'state', id: time, time, ...task(pid), ...ends, from: 7, to: 2 };
}

function live({ port, from = 10, to = 20, acceptedBy, dialledBy }: Life): Leg {
  const packet = (time: number) => ({
    ...new Story().makePacket({ source: at(`198.51.100.2#${port}`), destination: at(PUBLISHED) }),
    id: time,
    time,
  });
  return makeLeg({
    client: at(`198.51.100.2#${port}`),
    destination: at(PUBLISHED),
    until: to,
    accepted: acceptedBy === undefined ? null : accept(acceptedBy, port, from),
    dialled: dialledBy === undefined ? null : dial(dialledBy, port, from),
    events: from === to ? [packet(from)] : [packet(from), packet(to)],
  });
}

function call(end: 'client' | 'server', pid: number, port: number, time: number): CopyEvent {
  const [near, far] = [at(`198.51.100.2#${port}`), at(PUBLISHED)];
  const ends = end === 'client' ? { local: near, remote: far } : { local: far, remote: near };
  return {
    kind: 'copy',
    id: time,
    time,
    protocol: 'tcp',
    ...task(pid),
    ...ends,
    socket: 'x',
    operation: 'read',
    fd: 5,
    bytes: 1,
    total: 1,
    calls: 1,
    buffer: 'b',
    mark: 1,
    tail: 0,
    life: 1,
  };
}

const fork = (pid: number, child: number): TraceEvent => ({
  kind: 'fork',
  id: 1,
  time: 1,
  pid,
  child,
  command: 'nginx',
});

interface Known {
  readonly links?: readonly RelayLink[];
  readonly events?: readonly TraceEvent[];
  readonly shared?: readonly (readonly [Leg, Move])[];
  readonly spoken?: readonly Leg[];
}

function correlate(
  legs: readonly Leg[],
  { links = [], events = [], shared = [], spoken = [] }: Known = {},
): Correlation {
  const none = new Map();
  return {
    legs,
    connections: [],
    spoken: new Set(spoken),
    relaying: {
      links,
      received: none,
      replied: none,
      sent: none,
      shared: new Map(shared),
      beyond: new Set<Leg>(),
      kinship: new Kinship(events),
      counts: new Counts(events),
      calls: new LegCalls(new LegIndex(legs), events),
    },
  };
}

const flow = (taken: number | null, given: number | null) => ({
  taken,
  given,
  moved: taken ?? 0,
  followed: true,
});

function link(client: Leg, upstream: Leg, more: Partial<RelayLink> = {}): RelayLink {
  return {
    process: null,
    client,
    upstream,
    how: 'moved',
    moves: [],
    toUpstream: 14,
    toClient: 7,
    flows: { there: flow(14, 14), back: flow(7, 7) },
    sockets: 'own',
    ...more,
  };
}

const portsOf = (groups: Iterable<LegGroup>): number[][] =>
  [...groups].map(({ legs }) => legs.map(({ client }) => client.port));

test('a leg that no relay joins to another is a group of its own', () => {
  const [one, two] = [live({ port: 1 }), live({ port: 2 })];
  assert.equal(portsOf(groupLegs(correlate([one, two]))), [[1], [2]]);
});

test('a chain of relays is one group, in whichever order its pairs are known', () => {
  const legs = [1, 2, 3, 4].map((port) => live({ port }));
  const [one, two, three, four] = legs as [Leg, Leg, Leg, Leg];
  const pairs = [link(one, two), link(two, three)];
  for (const links of [pairs, pairs.toReversed()]) {
    assert.equal(portsOf(groupLegs(correlate(legs, { links }))), [[1, 2, 3], [4]]);
  }
  assert.equal(portsOf(groupLegs(correlate(legs, { links: [...pairs, link(three, one)] }))), [
    ...[[1, 2, 3], [4]],
  ]);
  assert.equal(portsOf(groupLegs(correlate(legs, { links: [link(one, two), link(four, two)] }))), [
    [1, 2, 4],
    [3],
  ]);
});

test('a relay’s later sockets of datagrams belong to the group of the first', () => {
  const [one, two, three, four] = [1, 2, 3, 4].map((port) => live({ port, from: port * 100 })) as [
    ...[Leg, Leg, Leg, Leg],
  ];
  const joined = { ...two, events: [...two.events, ...three.events] };
  const empty = makeLeg({ client: at('198.51.100.2#5') });
  const groups = groupLegs(
    correlate([one, two, three, four, empty], { links: [link(one, joined)] }),
  );
  assert.equal(portsOf(groups), [[1, 2, 3], [4], [5]]);
});

test('a group begins with its first event, and ends with its last event or call', () => {
  const spanOf = (legs: readonly Leg[], known: Known = {}): unknown =>
    groupLegs(correlate(legs, known)).map(({ begin, end }) => [begin, end]);
  const [one, two] = [live({ port: 1, from: 10, to: 20 }), live({ port: 2, from: 5, to: 30 })];
  assert.equal(spanOf([one, two]), [
    [10, 20],
    [5, 30],
  ]);
  assert.equal(spanOf([one, two], { links: [link(one, two)] }), [[5, 30]]);
  assert.equal(spanOf([one], { events: [call('client', 7, 1, 15), call('client', 7, 1, 25)] }), [
    ...[[10, 25]],
  ]);
  assert.equal(spanOf([one], { events: [call('server', 7, 1, 15), call('server', 7, 1, 26)] }), [
    ...[[10, 26]],
  ]);
  assert.equal(spanOf([one], { events: [call('server', 7, 1, 12)] }), [[10, 20]]);
  assert.equal(spanOf([makeLeg({})]), [[0, 0]], 'of which nothing was seen');
});

test('its processes: who accepted, who dialled, who called, each as the eldest of its kin', () => {
  const rootsOf = (leg: Leg, ...events: TraceEvent[]): number[] =>
    groupLegs(correlate([leg], { events }))
      .flatMap(({ roots }) => [...roots])
      .sort();
  assert.equal(rootsOf(live({ port: 1 })), []);
  assert.equal(rootsOf(live({ port: 1, acceptedBy: 50 })), [50]);
  assert.equal(rootsOf(live({ port: 1, dialledBy: 60, acceptedBy: 50 })), [50, 60]);
  assert.equal(rootsOf(live({ port: 1 }), call('client', 70, 1, 12)), [70]);
  assert.equal(rootsOf(live({ port: 1 }), call('server', 80, 1, 12)), [80]);
  assert.equal(rootsOf(live({ port: 1, acceptedBy: 51 }), fork(50, 51)), [50]);
});

interface Case extends Known {
  readonly over: Leg;
  readonly open: Leg;
}

/** Whether a leg that is over is free though another is open. */
function isFree({ over, open, ...known }: Case): boolean {
  const correlation = correlate([over, open], known);
  const groups = groupLegs(correlation);
  const isOver = ({ legs }: LegGroup): boolean => legs.includes(over);
  const free = listFree(groups, isOver, correlation, known.events ?? []);
  return [...free].some(isOver);
}

/** Both are served by process 50, at once. */
const MET = {
  over: live({ port: 1, acceptedBy: 50 }),
  open: live({ port: 2, acceptedBy: 50 }),
};

const aside = (pid: number): TraceEvent => ({
  kind: 'aside',
  id: 12,
  time: 12,
  what: 'device',
  operation: 'write',
  ...task(pid),
  fd: 1,
  bytes: 1,
  calls: 1,
  object: 'o',
  peer: '0',
  local: null,
  remote: null,
});

test('who serves and does nothing else keeps nothing; who does anything beside that keeps what it met', () => {
  assert.is(isFree(MET), true);
  assert.is(isFree({ ...MET, events: [aside(50)] }), false);
  assert.is(isFree({ ...MET, events: [aside(51)] }), true, 'another process');
  assert.is(isFree({ ...MET, events: [fork(50, 51), aside(51)] }), false, 'its child');
});

test('calls on its own clients’ connections are no other doing; on one that is not known they are', () => {
  assert.is(isFree({ ...MET, events: [call('server', 50, 1, 12)] }), true);
  assert.is(isFree({ ...MET, events: [call('server', 50, 77, 12)] }), false);
  assert.is(isFree({ ...MET, events: [call('server', 51, 77, 12)] }), true);
});

test('who serves shows by its calls as well, without an accept', () => {
  const older = { over: live({ port: 1 }), open: live({ port: 2 }) };
  const calls = [call('server', 50, 1, 12), call('server', 50, 2, 12)];
  assert.is(isFree({ ...older, events: [...calls, aside(50)] }), false);
  assert.is(isFree({ ...older, events: calls }), true);
  const clients = [call('client', 50, 1, 12), call('client', 50, 2, 12)];
  assert.is(isFree({ ...older, events: [...clients, aside(50)] }), true, 'a client serves nobody');
});

test('what was over before the open one began is free; what ended as it began is not', () => {
  const events = [aside(50)];
  const met = (from: number): boolean =>
    isFree({ ...MET, open: live({ port: 2, acceptedBy: 50, from, to: 40 }), events });
  assert.equal([met(20), met(21)], [false, true]);
});

test('bytes that went into a connection which clients share keep what met it', () => {
  const move = { event: call('server', 50, 1, 12) } as unknown as Move;
  assert.is(isFree({ ...MET, shared: [[MET.open, move]] }), false);
});

test('who dialled, and has a client that no pair of legs explains', () => {
  const upstream = live({ port: 3, dialledBy: 50 });
  const both = (...links: RelayLink[]): boolean => {
    const correlation = correlate([MET.over, MET.open, upstream], {
      links,
      spoken: [upstream],
    });
    const groups = groupLegs(correlation);
    const isOver = ({ legs }: LegGroup): boolean => legs.includes(MET.over);
    return [...listFree(groups, isOver, correlation, [])].some(isOver);
  };
  assert.is(both(link(MET.over, upstream)), false, 'of the open client nothing is explained');
  const other = live({ port: 4 });
  const whole = link(MET.open, other);
  assert.is(both(link(MET.over, upstream), whole), true);
  const unexplained: readonly Partial<RelayLink>[] = [
    { how: 'alike' },
    { how: 'only' },
    { flows: null },
    { sockets: 'handed' },
    { sockets: 'older' },
    { flows: { there: flow(14, 13), back: flow(7, 7) } },
    { flows: { there: flow(14, 15), back: flow(7, 7) } },
    { flows: { there: flow(14, 14), back: flow(7, 6) } },
    { flows: { there: flow(14, 14), back: flow(7, 8) } },
    { flows: { there: flow(null, null), back: flow(7, 7) } },
    { flows: { there: flow(14, 14), back: flow(null, null) } },
  ];
  for (const more of unexplained) {
    assert.is(both(link(MET.over, upstream), { ...whole, ...more }), false, JSON.stringify(more));
  }
});

test('who dialled a leg that carried other bytes than one client’s does something else', () => {
  const own = live({ port: 2, acceptedBy: 50, dialledBy: 50 });
  assert.is(isFree({ ...MET, open: own, links: [] }), false);
  const explained = { over: MET.over, open: MET.open };
  const upstream = live({ port: 3, dialledBy: 50 });
  const free = (spoken: readonly Leg[]): boolean => {
    const links = [link(MET.over, live({ port: 5 })), link(MET.open, live({ port: 6 }))];
    const correlation = correlate([explained.over, explained.open, upstream], { links, spoken });
    const isOver = ({ legs }: LegGroup): boolean => legs.includes(MET.over);
    return [...listFree(groupLegs(correlation), isOver, correlation, [])].some(isOver);
  };
  assert.equal([free([upstream]), free([])], [true, false]);
});

test('what stays keeps what it met in turn, back to one that met none of them', () => {
  const spans = [
    [10, 20],
    [30, 45],
    [40, 60],
    [55, 90],
  ] as const;
  const legs = spans.map(([from, to], port) => live({ port, from, to, acceptedBy: 50 }));
  const events = [aside(50)];
  for (const order of [legs, legs.toReversed()]) {
    const correlation = correlate(order, { events });
    const isOver = ({ end }: LegGroup): boolean => end < 90;
    const free = listFree(groupLegs(correlation), isOver, correlation, events);
    assert.equal(portsOf(free), [[0]]);
  }
});

test('one that is kept because of the one process keeps what it met of the other', () => {
  const first = live({ port: 1, from: 10, to: 25, acceptedBy: 60 });
  const both = live({ port: 2, from: 20, to: 40, acceptedBy: 50, dialledBy: 60 });
  const open = live({ port: 3, from: 35, to: 90, acceptedBy: 50 });
  const events = [aside(50), aside(60)];
  for (const legs of [
    [first, both, open],
    [open, both, first],
  ]) {
    const correlation = correlate(legs, { events });
    const isOver = ({ end }: LegGroup): boolean => end < 90;
    assert.equal(portsOf(listFree(groupLegs(correlation), isOver, correlation, events)), []);
  }
});

test.run();
