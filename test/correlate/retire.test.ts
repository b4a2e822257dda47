/** When a connection of a running trace is released, and which events are no longer needed. */
import * as assert from 'uvu/assert';
import { correlate } from '../../src/correlate/connections.js';
import { pairKey } from '../../src/correlate/leg.js';
import { retire, type Retirement } from '../../src/correlate/retire.js';
import {
  TCP,
  TCP_STATE,
  type SocketEnds,
  type TotalEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import { client, relayed, served, throughNat } from '../support/stories.js';
import {
  at,
  CURL,
  HOST,
  NGINX,
  PUBLISHED,
  SERVER,
  SOCAT,
  Story,
  TARGET,
  WAYS,
  type Process,
  type Talk,
} from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('letting connections go');

const SECOND = 1_000_000_000;
const BUDGET = 16;

/** What is let go of a story when nothing has come for so long. */
function retireAfter(story: Story, silent: number, budget = BUDGET): Retirement {
  const { events, header } = story.trace();
  const now = Math.max(...events.map(({ time }) => time)) + silent;
  return retire(correlate(events, header), events, { now, budget });
}

/** How many connections are let go. */
const countGone = (story: Story, silent: number, budget = BUDGET): number =>
  retireAfter(story, silent, budget).over.length;

/** The last nanosecond of silence at which it is still held; both sides of it are tried. */
function assertHeldFor(story: Story, silent: number, name: string): void {
  assert.is(countGone(story, silent), 0, `${name}: held`);
  assert.is(countGone(story, silent + 1), 1, `${name}: let go`);
}

/** The kernel tells that a socket of a connection has closed. */
function closeSocket(story: Story, talk: Talk, end: 'client' | 'server'): void {
  const { socket, local, remote } = talk.ends(end);
  story.tell({
    ...story.stamp(),
    kind: 'state',
    ...story.actor(end === 'client' ? CURL : SERVER),
    socket,
    local,
    remote,
    from: TCP_STATE.LAST_ACK,
    to: TCP_STATE.CLOSE,
  });
}

const closeBoth = (story: Story, talk: Talk): void => {
  closeSocket(story, talk, 'client');
  closeSocket(story, talk, 'server');
};

/** A client dials the container and is answered. */
function answered(story = new Story(), port = 40_000): Talk {
  return throughNat(story, port).dial(CURL).handshake().accept(SERVER).request(14).reply(7);
}

test('both sides have ended and the sockets have closed: a second later', () => {
  const story = new Story();
  closeBoth(story, answered(story).close());
  assertHeldFor(story, SECOND, 'closed');
});

test('both sides have ended and no socket of it was seen: only when nobody sends a SYN again', () => {
  const story = new Story();
  throughNat(story).handshake().request(14).reply(7).close();
  assertHeldFor(story, 130 * SECOND, 'no socket seen');
});

test('the sockets have closed and the packets show no end: ten seconds later', () => {
  const story = new Story();
  closeBoth(story, answered(story));
  assertHeldFor(story, 10 * SECOND, 'no FIN seen');
});

test('a socket that is open keeps it for ever, whichever end it is of', () => {
  for (const end of ['client', 'server'] as const) {
    const story = new Story();
    closeSocket(story, answered(story).close(), end);
    assert.is(countGone(story, 10_000 * SECOND), 0, end);
  }
  const accepted = new Story();
  throughNat(accepted).handshake().accept(SERVER).request(14).close();
  assert.is(countGone(accepted, 10_000 * SECOND), 0, 'an accept alone shows a socket');
});

test('an accept that is told behind the close of its socket opens it no more', () => {
  const story = new Story();
  const talk = answered(story).close();
  closeBoth(story, talk);
  talk.accept(SERVER);
  assert.is(countGone(story, 2 * SECOND), 1);
});

test('a client that nobody answers: when its SYN is not sent again', () => {
  const story = new Story();
  throughNat(story).send('client', { flags: TCP.SYN });
  assertHeldFor(story, 130 * SECOND, 'SYN');
});

test('a connection that was set up, and of which no socket was seen, may go on at any time', () => {
  const story = new Story();
  throughNat(story).handshake();
  assert.is(countGone(story, 10_000 * SECOND), 0);
  const older = new Story();
  throughNat(older).request(14);
  assert.is(countGone(older, 10_000 * SECOND), 0, 'older than the trace');
});

function datagrams(more: (talk: Talk) => void = () => undefined): Story {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.send('client', { protocol: 'udp', flags: 0, length: 14 });
  talk.send('server', { protocol: 'udp', flags: 0, length: 7 });
  more(talk);
  return story;
}

test('datagrams: when more between the same ports would be a new flow', () => {
  assertHeldFor(datagrams(), 95 * SECOND, 'datagrams');
});

test('datagrams that were counted and not listed stay: the sum comes at the end', () => {
  const counted = datagrams();
  counted.tell({
    ...counted.stamp(),
    kind: 'counter',
    namespace: HOST,
    ifindex: 2,
    direction: 'in',
    protocol: 'udp',
    source: at(client(40_000)),
    destination: at(PUBLISHED),
    packets: 3,
    bytes: 0,
  });
  assert.is(countGone(counted, 1_000 * SECOND), 0);
});

/** A process of the host answers, and all sockets have closed. */
function servedAndClosed(process: Process, act?: (story: Story, talk: Talk) => void): Story {
  let own: Talk | null = null;
  const story = served(process, (inner, talk) => {
    own = talk;
    act?.(inner, talk);
  });
  if (own) closeBoth(story, own);
  return story;
}

test('as many calls as are told of a socket: what the others moved is told at the end', () => {
  const story = (): Story =>
    servedAndClosed(NGINX, (_, talk) => talk.call(NGINX, 'server', 'read', 1));
  assert.is(countGone(story(), 2 * SECOND, 3), 1);
  assert.is(countGone(story(), 2 * SECOND, 2), 0, 'two reads of two');
});

test('the same of the client’s own calls', () => {
  const story = servedAndClosed(NGINX, (_, talk) => {
    for (let i = 0; i < 3; i++) talk.call({ ...CURL, namespace: 3 }, 'client', 'write', 1);
  });
  assert.is(countGone(story, 2 * SECOND, 4), 1);
  assert.is(countGone(story, 2 * SECOND, 3), 0);
});

/** A relay splices both ways; all four sockets have closed. */
function spliced(story = new Story(), port = 40_000, ends: Talk[] = []): Story {
  relayed({
    story,
    port,
    moves: (inner, near, far) => {
      ends.push(near, far);
      inner.splice(SOCAT, [near, 'server'], [far, 'client'], 14);
    },
    answer: (inner, near, far) => inner.splice(SOCAT, [far, 'client'], [near, 'server'], 7),
  });
  for (const end of ends) closeBoth(story, end);
  return story;
}

/** What the kernel has counted of a socket, or of a pair that is spliced, told when they have closed. */
function tellSum(
  story: Story,
  operation: TotalEvent['operation'],
  from: SocketEnds,
  to: SocketEnds | null = null,
): void {
  const ports = ({ socket, local, remote }: SocketEnds) => ({
    socket,
    localPort: local.port,
    remotePort: remote.port,
    ...(to === null && { life: 1 }),
  });
  story.tell({
    ...story.stamp(),
    kind: 'total',
    operation,
    bytes: 99,
    from: ports(from),
    to: to && ports(to),
  });
}

test('a sum that is told when a socket closes ends the wait for it; that of another operation, or an earlier one, does not', () => {
  const story = (operation: 'read' | 'write' | null, first = false): Story =>
    servedAndClosed(NGINX, (inner, talk) => {
      const tell = (): void => {
        if (operation !== null) tellSum(inner, operation, talk.ends('server'));
      };
      if (first) tell();
      talk.call(NGINX, 'server', 'read', 1);
      if (!first) tell();
    });
  assert.is(countGone(story(null), 2 * SECOND, 2), 0);
  assert.is(countGone(story('read'), 2 * SECOND, 2), 1);
  assert.is(countGone(story('write'), 2 * SECOND, 2), 0);
  assert.is(countGone(story('read', true), 2 * SECOND, 2), 0, 'calls came after it');
  const { kept } = retireAfter(story('read'), 20 * SECOND, 2);
  assert.equal(kept, [], 'the sum goes with its calls');
});

test('a relay whose splices were not all told waits for the sums of both directions', () => {
  const story = (ways: 'none' | 'there' | 'both'): Story => {
    const ends: Talk[] = [];
    const told = spliced(new Story(), 40_000, ends);
    const [near, far] = ends.map((end, at) => end.ends(at === 0 ? 'server' : 'client'));
    if (ways !== 'none' && near && far) tellSum(told, 'move', near, far);
    if (ways === 'both' && near && far) tellSum(told, 'move', far, near);
    return told;
  };
  assert.is(countGone(story('none'), 2 * SECOND, 1), 0);
  assert.is(countGone(story('there'), 2 * SECOND, 1), 0);
  assert.is(countGone(story('both'), 2 * SECOND, 1), 1);
  const { events, header } = story('both').trace();
  const { relaying } = correlate(events, header);
  assert.equal(
    relaying.links.map(({ toUpstream, toClient }) => [toUpstream, toClient]),
    [[99, 99]],
  );
});

test('the sum of an earlier pair with the same addresses and ports is none of a later one', () => {
  const story = new Story();
  relayed({
    story,
    moves: (inner, near, far) => {
      tellSum(inner, 'move', near.ends('server'), far.ends('client'));
      inner.splice(SOCAT, [near, 'server'], [far, 'client'], 14);
    },
    answer: (inner, near, far) => inner.splice(SOCAT, [far, 'client'], [near, 'server'], 7),
  });
  const { events, header } = story.trace();
  assert.equal(
    correlate(events, header).relaying.links.map((link) => [link.toUpstream, link.toClient]),
    [[14, 7]],
  );
});

test('a relay’s two legs go together; splices of which some were not told keep them', () => {
  assert.is(countGone(spliced(), 2 * SECOND, 2), 1);
  assert.is(countGone(spliced(), 2 * SECOND, 1), 0);
  const { kept } = retireAfter(spliced(), 2 * SECOND);
  assert.equal(kept, [], 'nothing of either leg is kept');
});

test('splices of which some were not told keep no other connection', () => {
  const story = new Story();
  closeBoth(story, answered(story, 41_000).close());
  spliced(story);
  const { over } = retireAfter(story, 2 * SECOND, 1);
  assert.equal(
    over.map(({ connection: { leg } }) => leg.client.port),
    [41_000],
  );
});

test('a relay is held as long as the leg that it dialled is open', () => {
  const story = new Story();
  let near: Talk | null = null;
  relayed({
    story,
    moves: (inner, one, far) => {
      near = one;
      inner.splice(SOCAT, [one, 'server'], [far, 'client'], 14);
    },
  });
  if (near) closeBoth(story, near);
  assert.is(countGone(story, 10_000 * SECOND), 0);
});

test('the addresses of what is let go: as dialled, behind the rewriting, and as accepted', () => {
  const story = new Story();
  closeBoth(story, answered(story).close());
  const [own, inner] = [PUBLISHED, TARGET].map((end) =>
    pairKey('tcp', at(client(40_000)), at(end)),
  );
  assert.equal(new Set(retireAfter(story, 2 * SECOND).pairs), new Set([own, inner]));
  assert.equal(retireAfter(story, SECOND).pairs, [], 'none while it is held');
  const masked = new Story();
  const talk = throughNat(masked).dial(CURL).handshake();
  const local = at('172.17.0.1#50000');
  talk.accept(SERVER, { remote: local }).close();
  closeSocket(masked, talk, 'client');
  const { socket } = talk.ends('server');
  masked.tell({
    ...masked.stamp(),
    kind: 'state',
    ...masked.actor(SERVER),
    socket,
    local: at(TARGET),
    remote: local,
    from: TCP_STATE.LAST_ACK,
    to: TCP_STATE.CLOSE,
  });
  const { pairs } = retireAfter(masked, 200 * SECOND);
  assert.ok(pairs.length === 0 || pairs.includes(pairKey('tcp', at(TARGET), local)));
});

test('while nothing is let go every event is kept, also one of no connection', () => {
  const story = new Story();
  answered(story);
  story.aside(NGINX, 'device');
  assert.equal(retireAfter(story, 1_000 * SECOND).kept, story.events);
});

/** One connection is over and one is open; what else happened is kept or not. */
function keptBeside(act: (story: Story, open: Talk, over: Talk) => void, silent: number): string[] {
  const story = new Story();
  const over = answered(story, 41_000).close();
  closeBoth(story, over);
  const open = story.talk({ client: client(42_000), server: PUBLISHED, way: WAYS.toHost });
  open.dial(CURL).handshake().accept(NGINX).request(14);
  const before = new Set<TraceEvent>(story.events);
  const own = new Set<TraceEvent>(
    story.events.filter(
      (event) => 'source' in event && [event.source.port, event.destination.port].includes(42_000),
    ),
  );
  act(story, open, over);
  const { kept, over: gone } = retireAfter(story, silent);
  assert.equal(
    gone.map(({ connection: { leg } }) => leg.client.port),
    [41_000],
  );
  for (const event of own) assert.ok(kept.includes(event), 'what is open keeps its packets');
  assert.equal(
    kept.filter((event) => before.has(event) && 'source' in event && !own.has(event)),
    [],
    'no packet of what is over is kept',
  );
  return kept.filter((event) => !before.has(event)).map(({ kind }) => kind);
}

const OTHER: Process = { pid: 77, command: 'cron' };

test('forks are kept for ever, sums as long as a call that they count', () => {
  const fork = (story: Story): void => {
    story.tell({ ...story.stamp(), kind: 'fork', pid: 1, command: 'init', child: 2 });
    story.tell({
      ...story.stamp(),
      kind: 'total',
      operation: 'write',
      to: null,
      bytes: 9,
      from: { socket: 'x', localPort: 1, remotePort: 2, life: 1 },
    });
  };
  assert.equal(keptBeside(fork, 1_000 * SECOND), ['fork']);
  const sum = (story: Story, open: Talk): void => {
    open.call(NGINX, 'server', 'read', 9);
    tellSum(story, 'read', open.ends('server'));
  };
  assert.equal(keptBeside(sum, 1_000 * SECOND), ['copy', 'total']);
});

/** A connection of a process that has nothing to do with the others; no packets of it were seen. */
const unseen = (story: Story, port = 5432): Talk =>
  story.talk({ client: `198.51.100.1#${port}`, server: '198.51.100.9#5432', way: WAYS.toHost });

test('calls and splices of no connection that is open are kept for ten seconds', () => {
  const call = (story: Story): void => {
    unseen(story).call(OTHER, 'client', 'write', 5);
  };
  const splice = (story: Story): void => {
    story.splice(OTHER, [unseen(story), 'client'], [unseen(story, 5433), 'client'], 5);
  };
  assert.equal(keptBeside(call, 10 * SECOND - 1), ['copy']);
  assert.equal(keptBeside(call, 10 * SECOND), []);
  assert.equal(keptBeside(splice, 10 * SECOND - 1), ['move']);
  assert.equal(keptBeside(splice, 10 * SECOND), []);
});

test('those of a connection that is open, of its process, or that spent what is told, are kept', () => {
  const late = 100 * SECOND;
  assert.equal(
    keptBeside((_, open) => open.call(OTHER, 'server', 'read', 14), late),
    ['copy'],
    'of the open connection',
  );
  assert.equal(
    keptBeside((story) => unseen(story).call(NGINX, 'client', 'write', 5), late),
    ['copy'],
    'of its process',
  );
  assert.equal(
    keptBeside((story) => unseen(story).call(OTHER, 'client', 'write', 5, { calls: BUDGET }), late),
    ['copy'],
    'the last that is told of its socket',
  );
  assert.equal(
    keptBeside(
      (story) => unseen(story).call(OTHER, 'client', 'write', 5, { calls: BUDGET - 1 }),
      late,
    ),
    [],
    'one before',
  );
  assert.equal(
    keptBeside((story, open) => {
      story.splice(OTHER, [open, 'server'], [unseen(story), 'client'], 5);
      story.splice(OTHER, [unseen(story), 'client'], [open, 'server'], 5);
    }, late),
    ['move', 'move'],
  );
});

test('of asides the last of each object stays, and all of a process that serves what is open', () => {
  const late = 100 * SECOND;
  const twice = (process: Process, more = {}): string[] =>
    keptBeside((story) => {
      story.aside(process, 'device', { object: 'o1' });
      story.aside(process, 'device', { object: 'o1', ...more });
    }, late);
  assert.equal(twice(OTHER), ['aside'], 'the same object twice');
  assert.equal(twice(OTHER, { object: 'o2' }), ['aside', 'aside']);
  assert.equal(twice(OTHER, { operation: 'read' }), ['aside', 'aside']);
  assert.equal(twice(OTHER, { pid: 78 }), ['aside', 'aside']);
  assert.equal(twice(NGINX), ['aside', 'aside'], 'of who serves the open connection');
  const soon = keptBeside(
    (story) => {
      story.aside(OTHER, 'device');
      story.aside(OTHER, 'device');
    },
    10 * SECOND - 2000,
  );
  assert.equal(soon, ['aside', 'aside']);
});

test('functions of packets that were let go go with them; others are kept for 130 seconds', () => {
  const enter = (story: Story, skb: string | null, seq: number): void => {
    const [source, destination] = [at(client(41_000)), at(PUBLISHED)];
    const packet = story.makePacket({ source, destination, skb, seq });
    story.tell({ ...packet, kind: 'function', function: 'ip_rcv', hook: null });
  };
  const ofOver = (story: Story): void => {
    const packet = story.events.find((event) => event.kind === 'packet');
    enter(story, packet?.skb ?? null, packet?.seq ?? 0);
  };
  const ofNone = (story: Story): void => {
    enter(story, 'nobody', 1);
  };
  assert.equal(keptBeside(ofOver, 2 * SECOND), []);
  assert.equal(keptBeside(ofNone, 130 * SECOND - 1), ['function']);
  assert.equal(keptBeside(ofNone, 130 * SECOND), []);
});

test('packets of no connection are kept for 130 seconds', () => {
  const stray = (story: Story): void => {
    const { socket, local, remote } = unseen(story).ends('client');
    const ends = { socket, local, remote };
    story.tell({ ...story.stamp(), kind: 'retransmit', namespace: HOST, ...ends, state: 1 });
  };
  assert.equal(keptBeside(stray, 130 * SECOND - 1), ['retransmit']);
  assert.equal(keptBeside(stray, 130 * SECOND), []);
});

/** Two clients of one process of the host, one after the other or at once; the first has ended, the second is open. */
function twoClients(
  process: Process,
  act: (story: Story, first: Talk) => void,
  { apart = false, pid = process.pid } = {},
): number {
  const story = new Story();
  const talk = (port: number): Talk =>
    story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port });
  const [one, two] = [talk(40_000), talk(41_000)];
  one.dial(CURL).handshake().accept(process).request(14).call(process, 'server', 'read', 14);
  const other = { ...process, pid };
  const begin = (): Talk => two.dial(CURL).handshake().accept(other).request(3);
  if (!apart) begin();
  act(story, one);
  one.call(process, 'server', 'write', 7).reply(7).close();
  closeBoth(story, one);
  if (apart) begin();
  return countGone(story, 2 * SECOND);
}

const toDevice = (story: Story): void => {
  story.aside(NGINX, 'device');
};

test('a process that did nothing else: what is over goes while another of its clients is there', () => {
  assert.is(
    twoClients(NGINX, () => undefined),
    1,
  );
});

test('one that wrote elsewhere keeps it as long as a client that it met is open', () => {
  assert.is(twoClients(NGINX, toDevice), 0);
  assert.is(twoClients(NGINX, toDevice, { apart: true }), 1, 'the other came later');
  assert.is(twoClients(NGINX, toDevice, { pid: 51 }), 1, 'the other is another process’s');
});

test('so does one that used a connection of which nothing is known', () => {
  assert.is(
    twoClients(NGINX, (story) => unseen(story).call(NGINX, 'client', 'write', 5)),
    0,
  );
  assert.is(
    twoClients(NGINX, (story) => unseen(story).call(OTHER, 'client', 'write', 5)),
    1,
    'another process did',
  );
});

test('so does one that dialled, while a client of it is open that no pair of legs explains', () => {
  assert.is(
    twoClients(NGINX, (story) => {
      const far = story.talk({ client: '172.17.0.1#50000', server: TARGET, way: WAYS.fromHost });
      far.dial(NGINX);
    }),
    0,
  );
});

test('what is kept because of an open one keeps those that it met in turn', () => {
  const chain = (process: (index: number) => Process, met: boolean): number[] => {
    const story = new Story();
    const talks = [40_000, 41_000, 42_000].map((port) =>
      story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port }),
    );
    const begin = (index: number): void => {
      const one = talks[index];
      one?.dial(CURL).handshake().accept(process(index)).request(14);
      one?.call(process(index), 'server', 'read', 14);
      story.aside(process(index), 'device');
    };
    const end = (index: number): void => {
      const one = talks[index];
      if (one) closeBoth(story, one.reply(7).close());
    };
    begin(0);
    if (!met) end(0);
    begin(1);
    if (met) end(0);
    begin(2);
    end(1);
    return retireAfter(story, 2 * SECOND).over.map(({ connection: { leg } }) => leg.client.port);
  };
  const same = (): Process => NGINX;
  assert.equal(chain(same, true), []);
  assert.equal(chain(same, false), [40_000], 'the first met neither of the others that stay');
  const other = (index: number): Process => ({ ...NGINX, pid: NGINX.pid + index });
  assert.equal(chain(other, true), [40_000, 41_000], 'each is a process of its own');
});

/** A relay has two clients at once; the first is over. What it gives on of the 14 bytes of each. */
function twoRelayed(first: number, second: number): number {
  const story = new Story();
  const ends: Talk[] = [];
  const copy = (given: number, own?: (near: Talk, far: Talk) => void) => ({
    moves: (_: Story, near: Talk, far: Talk): void => {
      near.call(SOCAT, 'server', 'read', 14);
      if (given > 0) far.call(SOCAT, 'client', 'write', given, { buffer: 'b0', mark: 14 });
      own?.(near, far);
    },
  });
  const both = copy(first, (near, far) => {
    ends.push(near, far);
    relayed({ story, port: 45_000, ...copy(second) });
  });
  relayed({ story, ...both });
  for (const end of ends) closeBoth(story, end);
  return countGone(story, 2 * SECOND);
}

test('a relay all of whose bytes came out on the other side is explained, and lets its client go', () => {
  assert.is(twoRelayed(14, 14), 1);
  assert.is(twoRelayed(14, 13), 0, 'of the open client a byte may turn up elsewhere');
  assert.is(twoRelayed(13, 14), 0, 'of the one that is over as well');
});

test.run();
