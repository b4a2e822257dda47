/** Other sockets of a serving process, one condition at a time: which calls count, from when and until when. */
import * as assert from 'uvu/assert';
import { LegCalls } from '../../src/correlate/calls.js';
import { Kinship } from '../../src/correlate/kinship.js';
import type { Leg, LegEvent } from '../../src/correlate/leg.js';
import { LegIndex } from '../../src/correlate/locate.js';
import { Ways } from '../../src/correlate/ways.js';
import {
  TCP_STATE,
  type AcceptEvent,
  type AsideEvent,
  type CopyEvent,
  type StateEvent,
  type TotalEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import { makeLeg } from '../support/legs.js';
import { at, HOST, PUBLISHED, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('ways, one by one');

const SECOND = 1_000_000_000;
/** The client's connection: accepted, asked, answered, closed. */
const [ACCEPTED, ASKED, ANSWERED, CLOSED] = [100, 110, 200, 300];
const CLIENT = at('198.51.100.2#40000');
const SERVED = at(PUBLISHED);
const DATABASE = at('198.51.100.9#5432');

let id = 0;
const task = (pid = 50, command = 'nginx') => ({ pid, tid: pid, command, namespace: HOST });

function packet(time: number, request: boolean, length = 5): LegEvent {
  const [source, destination] = request ? [CLIENT, SERVED] : [SERVED, CLIENT];
  return { ...new Story().makePacket({ source, destination, length }), id: (id += 1), time };
}

const ACCEPT: AcceptEvent = {
  kind: 'accept',
  id: 1,
  time: ACCEPTED,
  ...task(),
  socket: 's1',
  local: SERVED,
  remote: CLIENT,
  fd: 5,
};

function legOf(more: Partial<Leg> = {}): Leg {
  return makeLeg({
    client: CLIENT,
    destination: SERVED,
    accepted: ACCEPT,
    until: CLOSED,
    events: [
      packet(ACCEPTED - 1, true, 0),
      ACCEPT,
      packet(ASKED, true),
      packet(ANSWERED, false),
      packet(CLOSED, true, 0),
    ],
    ...more,
  });
}

function copy(time: number, more: Partial<CopyEvent> = {}, pid = 50): CopyEvent {
  return {
    kind: 'copy',
    id: (id += 1),
    time,
    protocol: 'tcp',
    ...task(pid),
    socket: 'd1',
    local: at('198.51.100.1#50000'),
    remote: DATABASE,
    operation: 'write',
    fd: 7,
    bytes: 5,
    total: 5,
    calls: 1,
    buffer: 'b',
    mark: 1,
    tail: 0,
    life: 1,
    ...more,
  };
}

const own = { local: SERVED, remote: CLIENT, socket: 's1' };

function aside(time: number, more: Partial<AsideEvent> = {}): AsideEvent {
  return {
    kind: 'aside',
    id: (id += 1),
    time,
    what: 'device',
    operation: 'write',
    ...task(),
    fd: 9,
    bytes: 5,
    calls: 1,
    object: 'o',
    peer: '0',
    local: null,
    remote: null,
    ...more,
  };
}

function dial(time: number, more: Partial<StateEvent> = {}): StateEvent {
  return {
    kind: 'state',
    id: (id += 1),
    time,
    ...task(),
    socket: 'd1',
    local: at('198.51.100.1#0'),
    remote: DATABASE,
    from: TCP_STATE.CLOSE,
    to: TCP_STATE.SYN_SENT,
    ...more,
  };
}

function total(bytes: number, more: Partial<TotalEvent['from']> = {}): TotalEvent {
  const from = { socket: 'd1', localPort: 50_000, remotePort: 5432, life: 1, ...more };
  return { kind: 'total', id: (id += 1), time: 900, operation: 'write', from, to: null, bytes };
}

const fork = (child: number): TraceEvent => ({
  kind: 'fork',
  id: 1,
  time: 1,
  pid: 50,
  child,
  command: 'nginx',
});

interface Around {
  readonly leg?: Leg;
  readonly others?: readonly Leg[];
  readonly spoken?: readonly Leg[];
  readonly taking?: AcceptEvent | CopyEvent;
}

/** The ways of the client's connection, each by what it is and where it leads. */
function ways(events: readonly TraceEvent[], around: Around = {}): string[] {
  const { leg = legOf(), others = [], spoken = [], taking = ACCEPT } = around;
  const legs = [leg, ...others];
  const calls = new LegCalls(new LegIndex(legs), events);
  const context = { calls, kinship: new Kinship(events), spoken: new Set(spoken) };
  return new Ways(legs, events, context)
    .find(leg, taking)
    .map(({ what, to }) => (to === null ? what : `${what} ${to.address}`));
}

const CALL = ['call 198.51.100.9'];

test('a call elsewhere counts from the accept until the answer', () => {
  const told = (time: number): number => ways([copy(time)]).length;
  // The first packet came just before the accept.
  assert.equal([told(ACCEPTED - 2), told(ACCEPTED - 1), told(150)], [0, 1, 1]);
  assert.equal([told(ANSWERED), told(ANSWERED + 1)], [1, 0]);
  assert.equal(ways([copy(150)]), CALL);
  const late = legOf({ events: [packet(140, true), packet(ANSWERED, false)] });
  assert.equal(ways([copy(120)], { leg: late }), CALL, 'accepted before its packets were seen');
  assert.equal(ways([copy(99)], { leg: late }), []);
});

test('in any number and order of calls all that are in time are found', () => {
  const times = [90, 95, 98, 120, 130, 140, 250];
  assert.is(ways(times.map((time) => copy(time))).length, 3);
  assert.is(ways([...times, 260, 270].map((time) => copy(time))).length, 3);
});

test('so do its asides; a dial counts as long as the connection is open', () => {
  const asides = (time: number): string[] => ways([aside(time)]);
  assert.equal([asides(150), asides(ANSWERED), asides(ANSWERED + 1)], [['device'], ['device'], []]);
  assert.equal(ways([dial(150)]), ['dial 198.51.100.9']);
  assert.equal(ways([dial(CLOSED)]), ['dial 198.51.100.9']);
  assert.equal(ways([dial(CLOSED + 1)]), []);
  assert.equal(ways([dial(ANSWERED + 1), copy(ANSWERED + 2)]), ['dial 198.51.100.9']);
});

test('the answer: the last bytes that were seen or written, whichever came later', () => {
  const write = (time: number): CopyEvent => copy(time, { ...own, operation: 'write' });
  assert.equal(ways([write(250), copy(240)]), CALL, 'written behind the last packet');
  assert.equal(ways([write(150), copy(180)]), CALL, 'seen behind the last write');
  const read = copy(250, { ...own, operation: 'read' });
  assert.equal(ways([read, copy(240)]), [], 'what was read is no answer');
  const unanswered = legOf({ events: [packet(99, true), packet(CLOSED, true)] });
  assert.equal(ways([copy(250)], { leg: unanswered }), CALL, 'without one until the end');
  const empty = legOf({
    events: [packet(99, true), packet(ANSWERED, false, 0), packet(250, true)],
  });
  assert.equal(ways([copy(240)], { leg: empty }), CALL, 'an acknowledgement is no answer');
});

test('where packets are not listed bytes may have come as long as it was open', () => {
  assert.equal(ways([copy(CLOSED)], { leg: legOf({ unlisted: true }) }), CALL);
  assert.equal(ways([copy(CLOSED + 1)], { leg: legOf({ unlisted: true }) }), []);
  const counter: LegEvent = {
    kind: 'counter',
    id: 7,
    time: 800,
    namespace: HOST,
    ifindex: 2,
    direction: 'in',
    protocol: 'tcp',
    source: CLIENT,
    destination: SERVED,
    packets: 1,
    bytes: 0,
  };
  const counted = legOf({ events: [packet(99, true), counter] });
  assert.equal(ways([copy(100)], { leg: counted }), [], 'a counter is told at the end');
});

test('whose: the process that took it and its children, but for those that serve other clients', () => {
  assert.equal(ways([copy(150, {}, 51)]), []);
  assert.equal(ways([fork(51), copy(150, {}, 51)]), CALL);
  const other = makeLeg({
    client: at('198.51.100.3#41000'),
    destination: SERVED,
    until: CLOSED,
    events: [packet(90, true)],
  });
  const serves = copy(140, { local: SERVED, remote: other.client, operation: 'read' }, 51);
  assert.equal(ways([fork(51), serves, copy(150, {}, 51)], { others: [other] }), []);
  const both = copy(145, { ...own, operation: 'read' }, 51);
  assert.equal(ways([fork(51), serves, both, copy(150, {}, 51)], { others: [other] }), CALL);
  const taker = { ...serves, pid: 50, tid: 50 };
  assert.equal(ways([taker, copy(150)], { others: [other] }), CALL, 'who took it counts always');
});

test('another process that uses the client’s socket was handed it', () => {
  assert.equal(ways([copy(150, { ...own, operation: 'read' }, 60)]), ['handed']);
  assert.equal(ways([copy(150, { ...own, operation: 'read' })]), [], 'its own');
  assert.equal(ways([fork(60), copy(150, { ...own, operation: 'read' }, 60)]), [], 'its child');
  const near = { local: CLIENT, remote: SERVED, socket: 'c1' };
  assert.equal(ways([copy(150, near, 60)]), [], 'the client’s end is the client’s');
});

test('no way: a connection that another client’s bytes fill, or on which it serves', () => {
  const upstream = makeLeg({
    client: at('198.51.100.1#50000'),
    server: DATABASE,
    destination: DATABASE,
    until: 900,
    events: [packet(90, true)],
  });
  const others = [upstream];
  assert.equal(ways([copy(150)], { others }), CALL, 'one that it has of its own');
  assert.equal(ways([copy(150)], { others, spoken: others }), [], 'known to be another client’s');
  const served = copy(150, { local: DATABASE, remote: at('198.51.100.1#50000') });
  assert.equal(ways([served], { others }), [], 'it serves there');
  const dialled = dial(150);
  const known = { ...upstream, dialled };
  assert.equal(ways([dialled], { others: [known] }), ['dial 198.51.100.9']);
  assert.equal(ways([dialled], { others: [known], spoken: [known] }), []);
});

test('a socket that is in use says nothing; only that it dials does', () => {
  for (const to of [TCP_STATE.ESTABLISHED, TCP_STATE.CLOSE]) {
    assert.equal(ways([dial(150, { to })]), [], String(to));
  }
});

test('to itself: both ends of a pipe or of a pair of sockets are the family’s', () => {
  const unix = (more: Partial<AsideEvent>): AsideEvent => aside(150, { what: 'unix', ...more });
  const write = unix({ object: 'u1', peer: 'u2', operation: 'write' });
  const read = unix({ object: 'u2', peer: 'u1', operation: 'read' });
  assert.equal(ways([write]), ['unix']);
  assert.equal(ways([write, read]), []);
  assert.equal(ways([fork(51), write, { ...read, pid: 51, tid: 51 }]), [], 'its child reads');
  assert.equal(ways([write, { ...read, pid: 51, tid: 51 }]), ['unix'], 'another process reads');
  assert.equal(ways([write, { ...read, operation: 'write' }]), ['unix', 'unix'], 'both write');
  const pipe = (operation: 'read' | 'write', object = 'p'): AsideEvent =>
    aside(150, { what: 'pipe', object, operation });
  assert.equal(ways([pipe('write'), pipe('read')]), []);
  assert.equal(ways([pipe('write'), pipe('read', 'q')]), ['pipe', 'pipe']);
  const device = (operation: 'read' | 'write'): AsideEvent => aside(150, { operation });
  assert.equal(ways([device('write'), device('read')]), ['device', 'device']);
});

test('a log is no way as long as nothing else is', () => {
  const log = (more: Partial<AsideEvent> = {}): AsideEvent => aside(150, { fd: 1, ...more });
  assert.equal(ways([log()]), []);
  assert.equal(ways([log({ fd: 2 })]), []);
  assert.equal(ways([log({ fd: 3 })]), ['device']);
  assert.equal(ways([log({ operation: 'read' })]), ['device'], 'what is read may be the answer');
  assert.equal(ways([log(), copy(150)]).length, 2, 'beside another way it may be one as well');
  const unanswered = legOf({ events: [packet(99, true), packet(CLOSED, true)] });
  assert.equal(ways([log()], { leg: unanswered }), ['device'], 'nothing else was answered');
});

test('sums of calls that went untold', () => {
  const sum = (calls: number, more: Partial<AsideEvent> = {}): AsideEvent =>
    aside(900, { sum: true, calls, ...more });
  assert.equal(ways([sum(1)]), ['device'], 'none of them was told');
  assert.equal(ways([sum(1, task(51))]), [], 'another process');
  assert.equal(ways([fork(51), sum(1, task(51))]), ['device'], 'its child');
  assert.equal(ways([aside(50, { calls: 3 }), sum(4)]), ['device'], 'one may be of any time');
  assert.equal(ways([aside(50, { calls: 3 }), sum(3)]), [], 'all were told');
  assert.equal(ways([aside(250, { calls: 3 }), sum(4)]), [], 'the last one told was late');
  assert.equal(ways([aside(ANSWERED, { calls: 3 }), sum(4)]).length, 2, 'told in time, and more');
  assert.equal(ways([aside(50, { calls: 3, object: 'x' }), sum(1)]), ['device']);
});

test('sockets on which more was moved than was told', () => {
  const before = copy(50);
  assert.equal(ways([before]), [], 'all of it was told');
  assert.equal(ways([before, total(5)]), []);
  assert.equal(ways([before, total(6)]), CALL, 'a byte more, at any time');
  assert.equal(ways([copy(ANSWERED + 1), total(6)]), [], 'told until behind the answer');
  assert.equal(ways([copy(ANSWERED), total(6)]).length, 2);
  for (const more of [{ socket: 'x' }, { localPort: 1 }, { remotePort: 1 }, { life: 2 }]) {
    assert.equal(ways([before, total(6, more)]), [], JSON.stringify(more));
  }
  assert.equal(ways([before, { ...total(6), operation: 'read' }]), [], 'read, and not written');
});

test('… by the process, its kin, or one of its name', () => {
  assert.equal(ways([copy(50, { command: 'redis' }, 60), total(6)]), []);
  assert.equal(ways([copy(50, {}, 60), total(6)]), CALL, 'another nginx may share it');
  assert.equal(ways([fork(61), copy(50, { command: 'helper' }, 61), total(6)]), CALL);
  assert.equal(ways([copy(50, { command: 'renamed' }), total(6)]), CALL);
});

test('… unless its connection was over before the client came, or is another client’s', () => {
  const upstream = (until: number): Leg =>
    makeLeg({
      client: at('198.51.100.1#50000'),
      server: DATABASE,
      destination: DATABASE,
      until,
      events: [packet(10, true)],
    });
  const since = ACCEPTED - 1;
  for (const [until, found] of [
    [since - 1, 0],
    [since, 1],
    [CLOSED + SECOND, 1],
  ] as const) {
    assert.is(ways([copy(50), total(6)], { others: [upstream(until)] }).length, found, `${until}`);
  }
  const other = upstream(900);
  assert.equal(ways([copy(50), total(6)], { others: [other], spoken: [other] }), []);
});

test('of several calls on one socket the last that was told counts', () => {
  const [one, two] = [copy(40, { total: 5 }), copy(60, { total: 10 })];
  assert.equal(ways([one, two, total(10)]), []);
  assert.equal(ways([one, two, total(11)]), CALL);
  const late = copy(ANSWERED + 5, { total: 10 });
  assert.equal(ways([one, late, total(11)]), [], 'told one by one until behind the answer');
});

test.run();
