/** Legs paired where no byte was seen to move: which pairs are possible, and where a choice remains. */
import * as assert from 'uvu/assert';
import { LegCalls } from '../../src/correlate/calls.js';
import { findConnections } from '../../src/correlate/connections.js';
import { couldServe, pairByExclusion } from '../../src/correlate/exclusion.js';
import { Kinship } from '../../src/correlate/kinship.js';
import type { Leg } from '../../src/correlate/leg.js';
import { LegIndex } from '../../src/correlate/locate.js';
import type { AcceptEvent, CopyEvent, StateEvent, TraceEvent } from '../../src/model/event.js';
import type { Target } from '../../src/model/target.js';
import type { Topology } from '../../src/model/topology.js';
import { makeLeg } from '../support/legs.js';
import { at, CURL, HOST, Story, TARGET, WAYS } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('pairs by exclusion');

const CLIENT = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#8080');

interface Doer {
  readonly pid?: number;
  readonly command?: string;
  readonly namespace?: number;
}

function accepted(
  time: number,
  { pid = 40, command = 'docker-proxy', namespace = HOST }: Doer = {},
): AcceptEvent {
  const ends = { local: DIALLED, remote: CLIENT, socket: `a${time}` };
  return { kind: 'accept', id: time, time, namespace, pid, tid: pid, command, fd: 5, ...ends };
}

function dialled(
  time: number,
  { pid = 40, command = 'docker-proxy', namespace = HOST }: Doer = {},
): StateEvent {
  const ends = { local: at('172.17.0.1#0'), remote: at(TARGET), socket: `d${time}` };
  return {
    kind: 'state',
    id: time,
    time,
    namespace,
    pid,
    tid: pid,
    command,
    from: 7,
    to: 2,
    ...ends,
  };
}

const near = (event: AcceptEvent, more: Partial<Leg> = {}): Leg =>
  makeLeg({
    client: CLIENT,
    server: DIALLED,
    destination: DIALLED,
    accepted: event,
    events: [event],
    ...more,
  });
const far = (event: StateEvent | null, port = 50_000): Leg =>
  makeLeg({
    client: at(`172.17.0.1#${port}`),
    server: at(TARGET),
    destination: at(TARGET),
    dialled: event,
    events: event ? [event] : [],
  });

test('who dialled may have dialled for a client that its process had accepted, and that was still there', () => {
  const kin = new Kinship([]);
  const could = (leg: Leg, dial: StateEvent | null): boolean => couldServe(leg, dial, kin);
  assert.is(could(near(accepted(10)), dialled(20)), true);
  assert.is(could(near(accepted(10)), dialled(10)), true);
  assert.is(could(near(accepted(10)), dialled(9)), false);
  assert.is(could(near(accepted(10), { until: 20 }), dialled(20)), true);
  assert.is(could(near(accepted(10), { until: 19 }), dialled(20)), false);
  assert.is(could(near(accepted(10)), dialled(20, { pid: 41 })), false);
  assert.is(could(near(accepted(10)), dialled(20, { namespace: 7 })), false);
  assert.is(could(near(accepted(10), { accepted: null }), dialled(20)), false);
  assert.is(could(near(accepted(10)), null), false);
});

test('a child dials for the client that it was forked for', () => {
  const [one, two] = [accepted(10), accepted(12)];
  const fork = (time: number, pid: number, child: number): TraceEvent => ({
    kind: 'fork',
    id: time,
    time,
    pid,
    child,
    command: 'x',
  });
  const kin = new Kinship([one, fork(11, 40, 41), two, fork(13, 40, 42), fork(14, 99, 43)]);
  const could = (event: AcceptEvent, pid: number): boolean =>
    couldServe(near(event), dialled(20, { pid }), kin);
  assert.equal([could(one, 41), could(two, 41)], [true, false]);
  assert.equal([could(one, 42), could(two, 42)], [false, true]);
  assert.is(could(one, 43), false);
});

const TOPOLOGY = { relays: [] } as unknown as Topology;

function pairs(
  clients: readonly Leg[],
  upstreams: readonly Leg[],
  { events = [], topology = TOPOLOGY }: { events?: readonly CopyEvent[]; topology?: Topology } = {},
): string {
  const calls = new LegCalls(new LegIndex([...clients, ...upstreams]), events);
  return pairByExclusion(clients, upstreams, { kinship: new Kinship([]), calls, topology })
    .map(
      ({ client, upstream, how }) =>
        `${clients.indexOf(client)}${upstreams.indexOf(upstream)} ${how}`,
    )
    .join();
}

test('a relay’s one leg is its one client’s; with two of either nothing is paired', () => {
  const [one, two] = [near(accepted(10)), near(accepted(11))];
  assert.is(pairs([one], [far(dialled(20))]), '00 only');
  assert.is(pairs([one, two], [far(dialled(20))]), '');
  assert.is(pairs([one], [far(dialled(20)), far(dialled(21))]), '');
  assert.is(pairs([one], [far(dialled(20)), far(null), far(dialled(5))]), '00 only');
  assert.is(pairs([one], [one]), '');
});

test('a relay whose arguments were read dials its target', () => {
  const relay = (target: string | null): Topology =>
    ({
      relays: [
        {
          pid: 40,
          command: 'docker-proxy',
          arguments: [],
          target: target === null ? null : at(target),
        },
      ],
    }) as unknown as Topology;
  const found = (target: string | null): string =>
    pairs([near(accepted(10))], [far(dialled(20))], { topology: relay(target) });
  assert.equal([found(TARGET), found('172.17.0.9#6379'), found(null)], ['00 only', '', '00 only']);
});

const NGINX = { pid: 50, command: 'nginx' };

function call(operation: 'read' | 'write', time: number): CopyEvent {
  return {
    kind: 'copy',
    id: time,
    time,
    namespace: HOST,
    protocol: 'tcp',
    ...NGINX,
    tid: 50,
    operation,
    socket: 's',
    fd: 5,
    bytes: 9,
    total: 9,
    calls: 1,
    local: DIALLED,
    remote: CLIENT,
    buffer: 'b',
    mark: 1,
    tail: 0,
    life: 1,
  };
}

test('another process waits for what it dialled where it dials before it reads, and says nothing itself', () => {
  const client = near(accepted(10, NGINX));
  const own = (...events: CopyEvent[]): string =>
    pairs([client], [far(dialled(20, NGINX))], { events });
  assert.is(own(), '00 only');
  assert.is(own(call('read', 21)), '00 only');
  assert.is(own(call('read', 19)), '', 'it had read the request');
  assert.is(own(call('read', 20)), '');
  assert.is(own(call('write', 21)), '', 'it answers itself');
  const packet = (request: boolean, length: number): TraceEvent =>
    new Story().makePacket({
      source: request ? CLIENT : DIALLED,
      destination: request ? DIALLED : CLIENT,
      length,
    });
  const seen = (event: TraceEvent): string =>
    pairs(
      [{ ...client, events: [...client.events, event] as Leg['events'] }],
      [far(dialled(20, NGINX))],
    );
  assert.equal(
    [seen(packet(true, 5)), seen(packet(false, 0)), seen(packet(false, 5))],
    ['00 only', '00 only', ''],
  );
});

/** Ports that the clients of the connections dialled, of one through NAT and one to another port of the host. */
function meant(change: Partial<Target> = {}, client: string | null = null): string {
  const story = new Story();
  const talks = [
    story.talk({
      client: '198.51.100.2#40000',
      server: '198.51.100.1#8080',
      target: TARGET,
      way: WAYS.through,
    }),
    story.talk({
      client: '198.51.100.3#41000',
      server: '198.51.100.1#9090',
      way: WAYS.toHost,
      seq: 7,
    }),
  ];
  for (const talk of talks) talk.dial(CURL).handshake();
  const trace = story.trace();
  const target = { ...trace.header.target, ...change };
  return findConnections({ ...trace, header: { ...trace.header, target, client } })
    .map(({ leg }) => leg.server?.port)
    .join();
}

test('the connections that were asked for: to the published port, or to the container behind it', () => {
  assert.is(meant(), '8080');
  assert.is(meant({ asked: [6379] }), '8080');
  assert.is(
    meant({ asked: [9090] }),
    '8080,9090',
    'a port that is published nowhere is meant itself',
  );
  assert.is(meant({ mappings: [], asked: [9090], addresses: [] }), '9090');
  assert.is(meant({ mappings: [], asked: [], addresses: [] }), '');
  assert.is(
    meant({ mappings: [], asked: [], ports: [6379] }),
    '8080',
    'by the container’s address',
  );
  assert.is(meant({ mappings: [], asked: [], ports: [8080] }), '');
  assert.is(meant({ mappings: [], asked: [6379], addresses: [] }), '8080', 'by where it went');
  const [mapping] = [
    { protocol: 'tcp', listens: at('0.0.0.0#8080'), target: at('172.17.0.9#1') },
  ] as const;
  assert.is(
    meant({ mappings: [mapping], addresses: [], asked: [] }),
    '8080',
    'by what was dialled',
  );
});

test('of one protocol, and of one client, where that was asked for', () => {
  assert.equal([meant({ protocol: 'tcp' }), meant({ protocol: 'udp' })], ['8080', '']);
  assert.equal([meant({}, '198.51.100.2'), meant({}, '198.51.100.3')], ['8080', '']);
});

test.run();
