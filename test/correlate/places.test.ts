/** Which sightings of a live trace follow one another, what NAT may do between them, and where a packet's way ended. */
import * as assert from 'uvu/assert';
import { findJourneyEnd } from '../../src/correlate/journeys/journey-end.js';
import type { Sight } from '../../src/correlate/journeys/journey.js';
import { continues, endsIn } from '../../src/correlate/journeys/live.js';
import { canStep, leadsTo, rewritten } from '../../src/correlate/journeys/nat-steps.js';
import { findRewritings } from '../../src/correlate/journeys/rewritings.js';
import type { Endpoint } from '../../src/model/address.js';
import {
  TCP,
  type ConntrackView,
  type DropEvent,
  type NatEvent,
  type PacketEvent,
  type ResetEvent,
} from '../../src/model/event.js';
import type { Device, Topology } from '../../src/model/topology.js';
import { makeLeg } from '../support/legs.js';
import { at, CLIENT, CONTAINER, HOST, Story } from '../support/story.js';
import { suite } from '../support/suite.js';

const test = suite('places of packets');

const FROM = at('198.51.100.2#40000');
const DIALLED = at('198.51.100.1#8080');
const BEHIND = at('172.17.0.2#6379');
const GATEWAY = at('172.17.0.1#61000');
const OTHER = at('192.0.2.9#9');
const SECOND = 1_000_000_000;

/** DNAT and masquerade, as the kernel's entry has both. */
const VIEW: ConntrackView = {
  id: 'ct',
  status: 0,
  original: { source: FROM, destination: DIALLED },
  reply: { source: BEHIND, destination: GATEWAY },
};

const story = new Story();
const way = (source: Endpoint, destination: Endpoint) => ({ source, destination });

function packet(more: Partial<PacketEvent> = {}): PacketEvent {
  return story.makePacket({
    source: FROM,
    destination: DIALLED,
    skb: 'a',
    time: SECOND,
    seq: 5,
    ack: 6,
    flags: TCP.ACK,
    length: 7,
    ...more,
  });
}

function nat(more: Partial<NatEvent> = {}): NatEvent {
  const { ifindex, direction, ...fields } = packet();
  void [ifindex, direction];
  return {
    ...fields,
    kind: 'nat',
    hook: 'PREROUTING',
    field: 'destination',
    becomes: BEHIND,
    ...more,
  } as NatEvent;
}

function drop(more: Partial<DropEvent> = {}): DropEvent {
  const { direction, ...fields } = packet();
  void direction;
  return { ...fields, kind: 'drop', reason: 'X', function: 'f', ...more };
}

test('an entry rewrites requests forwards and answers backwards, one end at a time or both', () => {
  const steps = (a: readonly [Endpoint, Endpoint], b: readonly [Endpoint, Endpoint]): boolean[] =>
    [true, false].map((request) => canStep(VIEW, way(...a), way(...b), request));
  assert.equal(steps([FROM, DIALLED], [FROM, BEHIND]), [true, false]);
  assert.equal(steps([FROM, BEHIND], [GATEWAY, BEHIND]), [true, false]);
  assert.equal(steps([FROM, DIALLED], [GATEWAY, BEHIND]), [true, false]);
  assert.equal(steps([BEHIND, GATEWAY], [BEHIND, FROM]), [false, true]);
  assert.equal(steps([BEHIND, FROM], [DIALLED, FROM]), [false, true]);
  assert.equal(steps([BEHIND, GATEWAY], [DIALLED, FROM]), [false, true]);
  assert.equal(steps([FROM, DIALLED], [FROM, DIALLED]), [true, false], 'nothing happened yet');
  assert.equal(steps([GATEWAY, BEHIND], [GATEWAY, BEHIND]), [true, false], 'all has happened');
});

test('an entry never undoes what it did, and knows no other addresses', () => {
  for (const [a, b] of [
    [
      [FROM, BEHIND],
      [FROM, DIALLED],
    ],
    [
      [GATEWAY, BEHIND],
      [FROM, BEHIND],
    ],
    [
      [FROM, DIALLED],
      [FROM, OTHER],
    ],
    [
      [FROM, OTHER],
      [FROM, BEHIND],
    ],
    [
      [OTHER, DIALLED],
      [OTHER, BEHIND],
    ],
    [
      [FROM, OTHER],
      [FROM, OTHER],
    ],
    [
      [DIALLED, FROM],
      [BEHIND, FROM],
    ],
  ] as const) {
    assert.is(leadsTo(VIEW, way(...a), way(...b)), false, JSON.stringify([a, b]));
  }
  assert.is(leadsTo(VIEW, way(FROM, DIALLED), way(FROM, BEHIND)), true);
  assert.is(leadsTo(VIEW, way(BEHIND, FROM), way(DIALLED, FROM)), true);
});

test('a hook gives one end another address', () => {
  assert.equal(rewritten(nat()), way(FROM, BEHIND));
  assert.equal(rewritten(nat({ field: 'source', becomes: GATEWAY })), way(GATEWAY, DIALLED));
});

test('an skb goes on with the same numbers, flags and length, within two seconds', () => {
  assert.is(continues(packet(), packet()), true);
  for (const more of [
    { seq: 6 },
    { ack: 7 },
    { flags: TCP.FIN },
    { length: 6 },
    { protocol: 'udp' as const },
  ]) {
    assert.is(continues(packet(), packet(more)), false, JSON.stringify(more));
  }
  const after = (time: number): boolean => continues(packet(), packet({ time: SECOND + time }));
  assert.equal(
    [after(0), after(2 * SECOND - 1), after(2 * SECOND), after(-1)],
    [true, true, false, false],
  );
});

test('under other addresses it goes on where the entry leads there, in one namespace', () => {
  const moved = { destination: BEHIND, conntrack: VIEW };
  assert.is(continues(packet(), packet(moved)), true);
  assert.is(continues(packet({ conntrack: VIEW }), packet({ destination: BEHIND })), true);
  assert.is(continues(packet(), packet({ ...moved, namespace: CONTAINER })), false);
  assert.is(continues(packet(), packet({ ...moved, destination: OTHER })), false);
  assert.is(continues(packet({ destination: BEHIND }), packet({ conntrack: VIEW })), false);
});

test('without an entry an end must stay; a datagram needs both', () => {
  assert.is(continues(packet(), packet({ destination: BEHIND })), true);
  assert.is(continues(packet(), packet({ source: GATEWAY })), true);
  assert.is(continues(packet(), packet({ source: GATEWAY, destination: BEHIND })), false);
  const udp = { protocol: 'udp' } as const;
  assert.is(continues(packet(udp), packet({ ...udp, destination: BEHIND })), false);
  assert.is(continues(packet(udp), packet(udp)), true);
});

test('behind a hook a packet bears what the hook gave it', () => {
  assert.is(continues(nat(), packet({ destination: BEHIND })), true);
  assert.is(
    continues(nat({ becomes: OTHER }), packet({ destination: BEHIND, source: GATEWAY })),
    false,
  );
  const udp = { protocol: 'udp' } as const;
  assert.is(continues(nat(udp), packet({ ...udp, destination: BEHIND })), true);
  assert.is(continues(nat(udp), packet(udp)), false);
});

test('a receiver may have put later segments behind the first one', () => {
  const merged = (before: Partial<PacketEvent>, now: Partial<PacketEvent>): boolean =>
    continues(
      packet({ direction: 'out', namespace: CLIENT, ...before }),
      packet({ direction: 'in', length: 14, flags: TCP.ACK | TCP.PSH, ...now }),
    );
  assert.is(merged({}, {}), true);
  assert.is(merged({ direction: 'in' }, {}), false);
  assert.is(merged({}, { direction: 'out' }), false);
  assert.is(merged({ length: 0 }, {}), false);
  assert.is(merged({}, { length: 7 }), false);
  assert.is(merged({}, { length: 6 }), false);
  assert.is(merged({}, { ack: 7 }), false);
  const udp = { protocol: 'udp' } as const;
  assert.is(merged(udp, udp), false);
  const hooked = nat({ becomes: DIALLED });
  assert.is(continues(hooked, packet({ length: 14 })), false);
  assert.is(continues(packet({ direction: 'out' }), { ...hooked, length: 14 }), false);
});

test('a drop ends the packet with its numbers, which may have waited ten seconds for a neighbour', () => {
  assert.is(endsIn(packet(), drop()), true);
  for (const more of [
    { seq: 6 },
    { ack: 7 },
    { flags: TCP.FIN },
    { length: 6 },
    { protocol: 'udp' as const },
  ]) {
    assert.is(endsIn(packet(), drop(more)), false, JSON.stringify(more));
  }
  const after = (time: number): boolean => endsIn(packet(), drop({ time: SECOND + time }));
  assert.equal(
    [after(0), after(10 * SECOND - 1), after(10 * SECOND), after(-1)],
    [true, true, false, false],
  );
});

test('what was dropped had been rewritten as its entry says; without one an end stayed', () => {
  assert.is(endsIn(packet(), drop({ destination: BEHIND, conntrack: VIEW })), true);
  assert.is(endsIn(packet(), drop({ destination: OTHER, conntrack: VIEW })), false);
  assert.is(endsIn(nat(), drop({ destination: BEHIND })), true);
  assert.is(endsIn(packet(), drop({ destination: OTHER })), true);
  assert.is(endsIn(packet(), drop({ source: OTHER })), true);
  assert.is(endsIn(packet(), drop({ source: OTHER, destination: OTHER })), false);
  const udp = { protocol: 'udp' } as const;
  assert.is(endsIn(packet(udp), drop({ ...udp, destination: OTHER })), false);
  const reset = { ...drop(), kind: 'reset' } as unknown as ResetEvent;
  assert.is(endsIn(packet(), { ...reset, destination: OTHER }), true);
});

const leg = makeLeg({
  client: FROM,
  server: DIALLED,
  destination: BEHIND,
  nat: {
    view: VIEW,
    event: packet(),
    hook: 'PREROUTING',
    destinationRewritten: true,
    sourceRewritten: true,
  },
});

interface Step {
  readonly now: Sight;
  readonly before?: Sight | null;
  readonly request?: boolean;
  readonly hook?: 'PREROUTING' | 'OUTPUT' | null;
}

/** Hooks and fields of what was rewritten on the way to a place. */
function steps({ now, before = packet(), request = true, hook = 'PREROUTING' }: Step): string {
  const own = leg.nat && { ...leg, nat: { ...leg.nat, hook } };
  return findRewritings(now, { leg: own ?? leg, request, before, host: HOST })
    .map((one) => `${one.hook} ${one.field} ${one.from.address} ${one.to.address}`)
    .join();
}

test('what changed between two places of the host was rewritten there, and where its entry says', () => {
  assert.is(steps({ now: packet() }), '');
  assert.is(
    steps({ now: packet({ destination: BEHIND }) }),
    'PREROUTING destination 198.51.100.1 172.17.0.2',
  );
  const both = packet({ source: GATEWAY, destination: BEHIND });
  assert.is(
    steps({ now: both }),
    'PREROUTING destination 198.51.100.1 172.17.0.2,POSTROUTING source 198.51.100.2 172.17.0.1',
  );
  assert.is(steps({ now: packet({ destination: OTHER }) }), '');
  assert.is(steps({ now: packet({ destination: BEHIND, namespace: CONTAINER }) }), '');
  assert.is(
    findRewritings(packet({ destination: BEHIND }), {
      leg: { ...leg, nat: null },
      request: true,
      before: packet(),
      host: HOST,
    }).length,
    0,
  );
});

test('answers are translated back', () => {
  const answer = { source: BEHIND, destination: GATEWAY };
  const step = { before: packet(answer), request: false };
  assert.is(
    steps({ ...step, now: packet({ source: BEHIND, destination: FROM }) }),
    'reply destination 172.17.0.1 198.51.100.2',
  );
  assert.is(
    steps({ ...step, now: packet({ source: DIALLED, destination: FROM }) }),
    'reply destination 172.17.0.1 198.51.100.2,reply source 172.17.0.2 198.51.100.1',
  );
});

test('which hook: as the leg knows, or PREROUTING where the packet had come in; else none is told', () => {
  const now = packet({ destination: BEHIND });
  assert.match(steps({ now, hook: 'OUTPUT' }), /^OUTPUT/);
  assert.match(steps({ now, hook: null }), /^PREROUTING/);
  assert.is(steps({ now, hook: null, before: packet({ direction: 'out' }) }), '');
  assert.is(steps({ now, hook: null, before: drop() }), '');
});

test('before its first place a packet was what its entry says: one of the host’s own, or one that died', () => {
  const now = packet({ destination: BEHIND });
  assert.match(steps({ now, before: null, hook: 'OUTPUT' }), /^OUTPUT destination/);
  assert.is(steps({ now, before: null }), '');
  const dead = drop({ destination: BEHIND, conntrack: VIEW });
  assert.match(steps({ now: dead, before: null }), /^PREROUTING destination/);
  assert.is(steps({ now: drop({ destination: BEHIND }), before: null }), '');
  const answer = drop({ source: DIALLED, destination: FROM, conntrack: VIEW });
  assert.is(steps({ now: answer, before: null, request: false }), '');
});

test('a hook that was seen says what it did; what it gave goes on from there', () => {
  assert.is(steps({ now: nat() }), 'PREROUTING destination 198.51.100.1 172.17.0.2');
  assert.is(steps({ now: nat({ hook: null }) }), '');
  assert.is(steps({ now: nat({ hook: 'FORWARD' }) }), '');
  assert.is(
    steps({ now: nat({ hook: 'POSTROUTING', field: 'source', becomes: GATEWAY }) }),
    'POSTROUTING source 198.51.100.2 172.17.0.1',
  );
  assert.is(steps({ now: packet({ destination: BEHIND }), before: nat() }), '');
});

const device = (ifindex: number, more: Partial<Device> = {}): Device => ({
  ifindex,
  name: `d${ifindex}`,
  kind: 'veth',
  addresses: [],
  master: null,
  peerIfindex: null,
  peerNamespace: null,
  ...more,
});

const TOPOLOGY = {
  host: HOST,
  namespaces: [
    {
      inode: HOST,
      name: 'host',
      role: 'host',
      devices: [
        device(1, { kind: 'loopback' }),
        device(2, { addresses: ['198.51.100.1/24'], kind: 'other' }),
        device(3, { kind: 'bridge', addresses: ['172.17.0.1/16'] }),
        device(4, { peerNamespace: CONTAINER }),
        device(5, { peerNamespace: 77 }),
      ],
    },
    {
      inode: CONTAINER,
      name: 'redis',
      role: 'container',
      devices: [device(4, { addresses: ['172.17.0.2/16', 'fd00::2/64'] })],
    },
  ],
} as unknown as Topology;

const finish = (sights: readonly Sight[], goal = BEHIND.address): string =>
  findJourneyEnd(sights, goal, {
    topology: TOPOLOGY,
    isInnocent: ({ reason }) => reason === 'OTHERHOST',
  });

test('a packet is delivered where it came into the namespace that has its destination', () => {
  const inside = packet({ namespace: CONTAINER, ifindex: 4 });
  assert.equal([finish([inside]), finish([inside], 'fd00::2')], ['delivered', 'delivered']);
  assert.equal(
    [finish([inside], '172.17.0.1'), finish([inside], '172.17.0')],
    ['unknown', 'unknown'],
  );
  assert.is(finish([inside], '127.0.0.1'), 'delivered');
  assert.is(
    finish([packet({ namespace: CLIENT })]),
    'unknown',
    'nothing is known of that namespace',
  );
  assert.is(finish([packet()], '198.51.100.1'), 'delivered');
  assert.is(finish([packet()]), 'unknown', 'it has still to go on');
  assert.is(finish([]), 'unknown');
});

test('a packet left by a device whose other end is not traced', () => {
  const out = (ifindex: number): string => finish([packet({ direction: 'out', ifindex })]);
  assert.equal(
    [out(1), out(2), out(3), out(4), out(5), out(9)],
    ['unknown', 'left', 'unknown', 'unknown', 'left', 'unknown'],
  );
});

test('a drop is the end, but for one that says nothing of it', () => {
  assert.is(finish([packet(), drop()]), 'dropped');
  const inside = packet({ namespace: CONTAINER, ifindex: 4 });
  assert.is(finish([inside, drop({ reason: 'OTHERHOST' })]), 'delivered');
  assert.is(finish([drop(), inside]), 'delivered');
});

test('a capture does not know where a packet ended', () => {
  const wire = { ttl: 64 } as unknown as NonNullable<PacketEvent['wire']>;
  assert.is(finish([packet({ namespace: CONTAINER, ifindex: 4, wire })]), 'unknown');
});

test.run();
