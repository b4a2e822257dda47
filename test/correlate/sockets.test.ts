/** Which socket a call was on, and how many bytes the calls that were only counted add up to. */
import * as assert from 'uvu/assert';
import { addUp, countFlow } from '../../src/correlate/accounts.js';
import { LegCalls } from '../../src/correlate/calls.js';
import type { Leg } from '../../src/correlate/leg.js';
import { findSide, LegIndex } from '../../src/correlate/locate.js';
import { Counts } from '../../src/correlate/call-counts.js';
import type { Transfer } from '../../src/correlate/transfers.js';
import type { CopyEvent, MoveEvent, TotalEvent, TraceEvent } from '../../src/model/event.js';
import { makeLeg } from '../support/legs.js';
import { at, CONTAINER, HOST, Story, TARGET } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('sockets of legs');

const FROM = '198.51.100.2#40000';
const DIALLED = '198.51.100.1#8080';
const SECOND = 1_000_000_000;

/** A leg that is seen on the host between two times. */
function seen(from: number, until: number, more: Partial<Leg> = {}): Leg {
  const story = new Story();
  const packet = story.makePacket({ source: at(FROM), destination: at(DIALLED), time: from });
  return makeLeg({ events: [packet], until, ...more });
}

function find(
  legs: readonly Leg[],
  local: string,
  remote: string,
  more: { time?: number; namespace?: number | null; protocol?: 'tcp' | 'udp' } = {},
): Leg | null {
  const { time = 5 * SECOND, namespace = HOST, protocol = 'tcp' } = more;
  return new LegIndex(legs).find({
    protocol,
    namespace,
    time,
    ends: { local: at(local), remote: at(remote) },
  });
}

test('a socket is of the leg that has its ends, before NAT or behind it, from either side', () => {
  const leg = seen(SECOND, 9 * SECOND);
  for (const [local, remote] of [
    [FROM, DIALLED],
    [DIALLED, FROM],
    [TARGET, FROM],
    [FROM, TARGET],
  ] as const) {
    assert.is(find([leg], local, remote), leg, `${local} ${remote}`);
  }
  assert.is(find([leg], '198.51.100.2#40001', DIALLED), null);
  assert.is(find([leg], FROM, DIALLED, { protocol: 'udp' }), null);
});

test('what was not dialled has the rewritten end alone', () => {
  const leg = seen(SECOND, 9 * SECOND, { server: null });
  assert.is(find([leg], FROM, TARGET), leg);
  assert.is(find([leg], FROM, DIALLED), null);
});

test('only while the leg lived, a second of grace at its end, and only in a namespace that saw it', () => {
  const leg = seen(2 * SECOND, 4 * SECOND);
  const when = (time: number): boolean => find([leg], FROM, DIALLED, { time }) !== null;
  assert.equal(
    [when(2 * SECOND - 1), when(2 * SECOND), when(5 * SECOND), when(5 * SECOND + 1)],
    [false, true, true, false],
  );
  assert.is(find([leg], FROM, DIALLED, { namespace: CONTAINER }), null);
  assert.is(find([leg], FROM, DIALLED, { namespace: null }), leg);
});

test('of several uses of the same ports the one that began last', () => {
  const [first, second] = [seen(SECOND, Infinity), seen(3 * SECOND, Infinity)];
  assert.is(find([first, second], FROM, DIALLED), second);
  assert.is(find([first, second], FROM, DIALLED, { time: 2 * SECOND }), first);
});

test('a socket that is bound to no address serves all: of the server, and of a client of datagrams', () => {
  const tcp = seen(SECOND, Infinity);
  assert.is(find([tcp], '0.0.0.0#8080', FROM), tcp);
  assert.is(find([tcp], '::#6379', FROM), tcp);
  assert.is(find([tcp], '0.0.0.0#9090', FROM), null);
  assert.is(find([tcp], '0.0.0.0#40000', DIALLED), null, 'a client of TCP is bound by its dial');
  const udp = seen(SECOND, Infinity, { protocol: 'udp' });
  assert.is(find([udp], '0.0.0.0#40000', DIALLED, { protocol: 'udp' }), udp);
  assert.is(find([udp], '0.0.0.0#40000', TARGET, { protocol: 'udp' }), udp);
});

const ACCEPTED = { local: at(TARGET), remote: at('172.17.0.1#61000') };
const masqueraded = (): Leg =>
  seen(SECOND, Infinity, {
    accepted: { ...ACCEPTED, ...accept(), socket: 's' },
  });

function accept(): Omit<NonNullable<Leg['accepted']>, 'local' | 'remote' | 'socket'> {
  return {
    id: 1,
    time: SECOND,
    kind: 'accept',
    namespace: HOST,
    pid: 20,
    tid: 20,
    command: 'redis',
    fd: 5,
  };
}

test('behind a masquerade the accepted socket has a client of its own', () => {
  assert.is(find([masqueraded()], TARGET, '172.17.0.1#61000')?.protocol, 'tcp');
  assert.is(find([seen(SECOND, Infinity)], TARGET, '172.17.0.1#61000'), null);
});

const side = (leg: Leg, local: string, remote: string): unknown =>
  findSide(leg, { local: at(local), remote: at(remote) });

test('the client has the socket that begins at it, the server the one that leads to it', () => {
  const leg = makeLeg();
  assert.is(side(leg, FROM, DIALLED), 'client');
  assert.is(side(leg, DIALLED, FROM), 'server');
  assert.is(side(leg, TARGET, FROM), 'server');
  assert.is(side(leg, '0.0.0.0#8080', FROM), 'server');
  assert.is(side(leg, '10.0.0.9#1', '10.0.0.8#2'), null);
});

test('an unbound socket of the client’s port is the client’s, towards what was dialled only', () => {
  const leg = makeLeg({ protocol: 'udp' });
  assert.is(side(leg, '0.0.0.0#40000', DIALLED), 'client');
  assert.is(side(leg, '0.0.0.0#40000', TARGET), 'client');
  assert.is(side(leg, '0.0.0.0#40001', DIALLED), null);
  assert.is(side(leg, '0.0.0.0#40000', '10.0.0.8#2'), null);
  assert.is(side(leg, '10.0.0.9#40000', DIALLED), null);
});

test('an accepted socket is the server’s, whatever the client is called there', () => {
  const leg = masqueraded();
  assert.is(side(leg, TARGET, '172.17.0.1#61000'), 'server');
  assert.is(side(leg, TARGET, '172.17.0.1#61001'), null);
  assert.is(side(leg, '172.17.0.2#1', '172.17.0.1#61000'), null);
});

let clock = 2 * SECOND;

function call(
  operation: 'read' | 'write',
  bytes: number,
  total = bytes,
  more: Partial<CopyEvent> = {},
): CopyEvent {
  clock += 1000;
  return {
    kind: 'copy',
    id: clock,
    time: clock,
    namespace: HOST,
    protocol: 'tcp',
    pid: 30,
    tid: 30,
    command: 'socat',
    operation,
    socket: 's1',
    fd: 5,
    bytes,
    total,
    calls: 1,
    local: at(DIALLED),
    remote: at(FROM),
    buffer: 'b',
    mark: 1,
    tail: 0,
    life: 1,
    ...more,
  };
}

const CLIENT_END = { local: at(FROM), remote: at(DIALLED), socket: 'c1' };

test('calls are known by their leg and end; who serves others and not this one has no part in it', () => {
  const leg = seen(SECOND, Infinity);
  const other = seen(SECOND, Infinity, { client: at('198.51.100.3#1') });
  const events = [
    call('read', 5),
    call('write', 7, 7, CLIENT_END),
    call('read', 5, 5, { pid: 31, remote: other.client, socket: 's2' }),
    call('read', 5, 5, { remote: at('192.0.2.1#9') }),
  ];
  const calls = new LegCalls(new LegIndex([leg, other]), events);
  assert.equal([calls.of(leg, 'server'), calls.of(leg, 'client')], [[events[0]], [events[1]]]);
  assert.equal(
    events.map((event) => calls.legOf(event)),
    [leg, leg, other, null],
  );
  assert.equal(calls.of(makeLeg(), 'server'), []);
  const serves = (pid: number): boolean => calls.servesOthers(pid, leg);
  assert.equal([serves(30), serves(31), serves(32)], [false, true, false]);
  const own = new LegCalls(new LegIndex([leg, other]), [events[1] as CopyEvent]);
  assert.is(own.servesOthers(30, other), false, 'a client serves nobody');
});

const ENDS = { socket: 's1', local: at(DIALLED), remote: at(FROM), life: 1 };

function total(bytes: number, more: Partial<TotalEvent> = {}): TotalEvent {
  clock += 1000;
  return {
    kind: 'total',
    id: clock,
    time: clock,
    operation: 'read',
    to: null,
    bytes,
    from: { socket: 's1', localPort: 8080, remotePort: 40_000, life: 1 },
    ...more,
  };
}

const read = (events: readonly TraceEvent[], since = 0, until = Infinity): number | null =>
  new Counts(events).copied('read', { ends: ENDS, since, until });

test('calls add up, and the final count knows those that were not told', () => {
  assert.is(read([]), 0);
  assert.is(read([call('read', 5), call('read', 3, 8)]), 8);
  assert.is(read([call('read', 5), call('write', 3, 3), call('read', 1, 6)]), 6);
  assert.is(read([call('read', 5), total(90)]), 90);
  assert.is(read([call('read', 5), total(2)]), 5);
});

test('a count is of one socket, its ends, its use and its operation', () => {
  const first = call('read', 5);
  for (const more of [
    { from: { socket: 's1', localPort: 8081, remotePort: 40_000, life: 1 } },
    { from: { socket: 's1', localPort: 8080, remotePort: 40_001, life: 1 } },
    { from: { socket: 's1', localPort: 8080, remotePort: 40_000, life: 2 } },
    { from: { socket: 's9', localPort: 8080, remotePort: 40_000, life: 1 } },
    { operation: 'write' as const },
  ]) {
    assert.is(read([first, total(90, more)]), 5, JSON.stringify(more));
  }
  // Two peers with the same port: whose it is cannot be told.
  assert.is(read([first, total(90), total(80)]), 5);
  for (const more of [{ life: 2 }, { remote: at('198.51.100.2#1') }, { socket: 's9' }]) {
    assert.is(read([first, call('read', 50, 50, more)]), 5, JSON.stringify(more));
  }
});

test('what an earlier connection of the same socket had counted is not this one’s', () => {
  const before = call('read', 100);
  const after = [call('read', 5, 105), call('read', 2, 107)];
  const since = (after[0]?.time ?? 0) - 1;
  assert.is(read([before, ...after], since), 7);
  assert.is(read([before, ...after, total(150)], since), 50);
  // The count at the end is of the last use.
  assert.is(read([before, ...after, total(150)], 0, before.time), 100);
  // Where the budget was spent before, nothing is told of this use: unknown, and not zero.
  assert.is(read([before], since), null);
  assert.is(read([after[0] as CopyEvent], 0, before.time), null);
});

const SPLICED = { socket: 'u1', local: at('172.17.0.1#50000'), remote: at(TARGET), life: 1 };

function move(bytes: number, sum: number): Transfer {
  clock += 1000;
  const event: MoveEvent = {
    kind: 'move',
    id: clock,
    time: clock,
    pid: 30,
    tid: 30,
    command: 'x',
    fds: [1, 2],
    bytes,
    total: sum,
    calls: 1,
    from: ENDS,
    to: SPLICED,
  };
  const ends = { protocol: 'tcp', namespace: null, from: ENDS, to: SPLICED } as const;
  return { event, read: null, bytes, exact: true, ...ends };
}

const TO = { socket: 'u1', localPort: 50_000, remotePort: 6379, life: 1 };

test('splices add up, between the two sockets that they are of', () => {
  const spliced = (moves: readonly Transfer[], ...events: TraceEvent[]): number =>
    new Counts(events).spliced(moves);
  assert.is(spliced([]), 0);
  assert.is(spliced([move(5, 5), move(3, 8)]), 8);
  const final = (to: TotalEvent['to']): TotalEvent => total(90, { operation: 'move', to });
  assert.is(spliced([move(5, 5)], final(TO)), 90);
  for (const to of [{ ...TO, socket: 'u2' }, { ...TO, localPort: 1 }, null]) {
    assert.is(spliced([move(5, 5)], final(to)), 5, JSON.stringify(to));
  }
  assert.is(spliced([copied()], total(90)), 0, 'what was copied was not spliced');
});

/** A piece that was read and written. */
function copied(exact = true): Transfer {
  const [from, event] = [call('read', 14), call('write', 14, 14, SPLICED)];
  const ends = { protocol: 'tcp', namespace: HOST, from, to: event } as const;
  return { event, read: from, bytes: 14, exact, ...ends };
}

const near = (...calls: CopyEvent[]) => [{ leg: seen(SECOND, Infinity), calls }];

test('one direction of a relay: taken, given, moved; of bytes that were only alike none was followed', () => {
  const [reads, writes] = [call('read', 14), call('write', 20, 20, SPLICED)];
  const flow = (moves: readonly Transfer[]): unknown =>
    countFlow(moves, near(reads), near(writes), new Counts([reads, writes]));
  assert.equal(flow([]), { taken: 14, given: 20, moved: 0, followed: false });
  assert.equal(flow([copied()]), { taken: 14, given: 20, moved: 14, followed: true });
  assert.equal(flow([copied(false)]), { taken: 14, given: 20, moved: 14, followed: false });
  assert.equal(flow([move(5, 5)]), { taken: 19, given: 25, moved: 5, followed: true });
  assert.equal(flow([move(5, 5), copied(false)]), {
    taken: 19,
    given: 25,
    moved: 19,
    followed: true,
  });
});

test('calls that went untold are not zero', () => {
  const early = call('read', 9);
  const leg = seen(early.time + 2000, Infinity, {
    accepted: { ...accept(), ...ENDS },
  });
  const counts = new Counts([early]);
  assert.is(addUp([{ leg, calls: [] }], 'read', counts), null);
  assert.is(addUp([{ leg, calls: [] }], 'write', counts), 0);
  assert.is(addUp([{ leg: { ...leg, accepted: null }, calls: [] }], 'read', counts), 0);
  const fine = near(call('read', 3));
  assert.is(addUp([...fine, { leg, calls: [] }], 'read', new Counts([early])), null);
  assert.is(addUp([{ leg, calls: [] }, ...fine], 'read', new Counts([early])), null);
});

test('sockets that a relay takes one after the other are added up, each once', () => {
  const calls = [
    call('read', 3),
    call('read', 2, 5),
    call('read', 7, 7, { socket: 's2' }),
    call('read', 1, 1, { life: 2 }),
    call('write', 50),
  ];
  assert.is(addUp(near(...calls), 'read', new Counts(calls)), 13);
  assert.is(addUp(near(...calls), 'write', new Counts(calls)), 50);
});

test('a call counts up to a second behind the end of its leg', () => {
  const [first, second] = [call('read', 3), call('read', 2, 5)];
  const end = (until: number): number | null => {
    const leg = seen(SECOND, until);
    return addUp([{ leg, calls: [first] }], 'read', new Counts([first, second]));
  };
  assert.is(end(second.time - SECOND), 5);
  assert.is(end(first.time - 2 * SECOND), 5, 'as late as the last call on it that is known');
});

test.run();
