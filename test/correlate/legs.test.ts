/** A leg's ends, beginning and rewriting, from packets, sockets and conntrack; missing sources leave them unknown. */
import * as assert from 'uvu/assert';
import { gatherFlows } from '../../src/correlate/flows.js';
import type { Leg } from '../../src/correlate/leg.js';
import { buildLeg } from '../../src/correlate/legs.js';
import {
  CONNTRACK,
  TCP,
  type ConntrackView,
  type NatEvent,
  type PacketEvent,
  type TraceEvent,
} from '../../src/model/event.js';
import { suite } from '../support/suite.js';
import {
  at,
  CLIENT,
  CONTAINER,
  CURL,
  HOST,
  PUBLISHED,
  SERVER,
  Story,
  TARGET,
  WAYS,
  type Talk,
} from '../support/story.js';

const test = suite('legs');

const FROM = '198.51.100.2#40000';
const text = (end: { address: string; port: number } | null): string | null =>
  end && `${end.address}#${end.port}`;

function legOf(events: readonly TraceEvent[], host: number | null = HOST): Leg {
  const flows = gatherFlows(events);
  assert.is(flows.length, 1);
  const [flow] = flows;
  const leg = flow && buildLeg(flow, { host, ports: new Set([8080, 6379]) });
  if (!leg) throw new Error('no leg');
  return leg;
}

function ends(events: readonly TraceEvent[]): unknown[] {
  const { client, server, destination, begun } = legOf(events);
  return [text(client), text(server), text(destination), begun];
}

function tell(
  act: (talk: Talk, story: Story) => void,
  more: Partial<Parameters<Story['talk']>[0]> = {},
): TraceEvent[] {
  const story = new Story();
  act(
    story.talk({ client: FROM, server: PUBLISHED, target: TARGET, way: WAYS.through, ...more }),
    story,
  );
  return story.events;
}

test('the ends of a connection through DNAT', () => {
  const events = tell((talk) => talk.dial(CURL).handshake().accept(SERVER));
  assert.equal(ends(events), [FROM, PUBLISHED, TARGET, true]);
  const leg = legOf(events);
  assert.equal(
    [leg.dialled?.pid, leg.accepted?.pid, leg.conntracked],
    [CURL.pid, SERVER.pid, true],
  );
  assert.equal(
    [leg.nat?.hook, leg.nat?.destinationRewritten, leg.nat?.sourceRewritten],
    ['PREROUTING', true, false],
  );
});

test('without NAT the destination is what was dialled, and there is no rewriting', () => {
  const leg = legOf(tell((talk) => talk.handshake(), { target: PUBLISHED, way: WAYS.toHost }));
  assert.equal(
    [text(leg.server), text(leg.destination), leg.nat, leg.conntracked],
    [PUBLISHED, PUBLISHED, null, true],
  );
});

test('without any conntrack entry the last hop of the first packet tells where it went', () => {
  const way = WAYS.through.map((hop) => ({ ...hop, tracked: false }));
  const events = tell((talk) => talk.send('client', { flags: TCP.SYN }), { way });
  const leg = legOf(events);
  assert.equal(
    [text(leg.server), text(leg.destination), leg.nat, leg.conntracked],
    [PUBLISHED, TARGET, null, false],
  );
});

test('conntrack of another namespace than the host’s has no say', () => {
  const way = WAYS.through.map((hop) => ({ ...hop, tracked: hop.namespace === CONTAINER }));
  const leg = legOf(tell((talk) => talk.handshake(), { way }));
  assert.equal([leg.nat, leg.conntracked], [null, false]);
});

test('a connection older than the trace: who is the client is told by ports and conntrack', () => {
  const older = (way: typeof WAYS.through, act: (talk: Talk) => void): unknown[] =>
    ends(tell(act, { way, target: way === WAYS.through ? TARGET : PUBLISHED }));
  assert.equal(
    older(WAYS.through, (talk) => talk.request(5)),
    [FROM, PUBLISHED, TARGET, false],
  );
  const untracked = WAYS.toHost.map((hop) => ({ ...hop, tracked: false }));
  const plain = (act: (talk: Talk) => void): unknown[] =>
    ends(tell(act, { way: untracked, target: PUBLISHED }));
  assert.equal(
    plain((talk) => talk.send('client', { length: 5 })),
    [FROM, PUBLISHED, PUBLISHED, false],
  );
  assert.equal(
    plain((talk) => talk.send('server', { length: 5 })),
    [FROM, PUBLISHED, PUBLISHED, false],
  );
});

test('a SYN that the host itself sends may bear another source already: conntrack knows the client', () => {
  const story = new Story();
  const view: ConntrackView = {
    id: 'ct',
    status: CONNTRACK.DST_NAT | CONNTRACK.SRC_NAT,
    original: { source: at('127.0.0.1#40000'), destination: at('127.0.0.1#8080') },
    reply: { source: at(TARGET), destination: at('172.17.0.1#40000') },
  };
  story.tell(
    story.makePacket({
      source: at('172.17.0.1#40000'),
      destination: at(TARGET),
      flags: TCP.SYN,
      direction: 'out',
      socket: 'c',
      conntrack: view,
    }),
  );
  assert.equal(ends(story.events), ['127.0.0.1#40000', '127.0.0.1#8080', TARGET, true]);
  const { nat } = legOf(story.events);
  assert.equal(
    [nat?.hook, nat?.destinationRewritten, nat?.sourceRewritten],
    ['OUTPUT', true, true],
  );
});

test('a rewriting is one that the addresses show, or the bit that the kernel sets', () => {
  const rewritten = (view: Partial<ConntrackView>): unknown[] => {
    const story = new Story();
    const conntrack: ConntrackView = {
      id: 'ct',
      status: 0x188,
      original: { source: at(FROM), destination: at(PUBLISHED) },
      reply: { source: at(PUBLISHED), destination: at(FROM) },
      ...view,
    };
    story.tell(
      story.makePacket({ source: at(FROM), destination: at(PUBLISHED), flags: TCP.SYN, conntrack }),
    );
    const { nat } = legOf(story.events);
    // Of a packet that came in: PREROUTING where the destination was rewritten, and no hook where only the source was.
    const named = nat && (nat.destinationRewritten ? 'PREROUTING' : null);
    assert.equal(nat && nat.hook, named, JSON.stringify(view));
    return [nat?.destinationRewritten, nat?.sourceRewritten];
  };
  assert.equal(rewritten({}), [undefined, undefined]);
  assert.equal(rewritten({ status: CONNTRACK.DST_NAT }), [true, false]);
  assert.equal(rewritten({ status: CONNTRACK.SRC_NAT }), [false, true]);
  assert.equal(rewritten({ reply: { source: at(TARGET), destination: at(FROM) } }), [true, false]);
  assert.equal(rewritten({ reply: { source: at(PUBLISHED), destination: at('172.17.0.1#9') } }), [
    false,
    true,
  ]);
  // The bits that say that a hook has been asked are no proof.
  assert.equal(rewritten({ status: 0x180 }), [undefined, undefined]);
});

test('a source that is rewritten later shows in a later view of the same entry', () => {
  const story = new Story();
  const talk = story.talk({ client: FROM, server: PUBLISHED, target: TARGET, way: WAYS.through });
  const later = (id: string): boolean | undefined => {
    const events: TraceEvent[] = [];
    const own = new Story();
    const told = own.talk({ client: FROM, server: PUBLISHED, target: TARGET, way: WAYS.through });
    told.send('client', { flags: TCP.SYN });
    events.push(...own.events);
    const view = { ...talk.view(), id };
    const reply = { source: at(TARGET), destination: at('172.17.0.1#9') };
    const packet = own.makePacket({
      source: at(FROM),
      destination: at(TARGET),
      conntrack: { ...view, reply },
    });
    return legOf([...events, packet]).nat?.sourceRewritten;
  };
  assert.equal([later(talk.view().id), later('another')], [true, false]);
});

test('the hook: seen made, or by where the packet was before; else not told', () => {
  const hook = (
    act: (talk: Talk, story: Story) => void,
    way: Parameters<Story['talk']>[0]['way'] = WAYS.through,
  ): unknown => legOf(tell(act, { way })).nat?.hook;
  const syn = (talk: Talk): unknown => talk.send('client', { flags: TCP.SYN });
  assert.is(hook(syn), 'PREROUTING');
  assert.is(
    hook((talk) => syn(talk), WAYS.fromHost),
    'OUTPUT',
  );
  assert.is(
    hook((talk) => talk.send('client', { flags: TCP.SYN, socket: null }), WAYS.fromHost),
    null,
  );
});

test('a process of the host that dialled what the rule rewrote sent it: OUTPUT', () => {
  const dials = (namespace: number, remote: string): unknown => {
    const story = new Story();
    const talk = story.talk({
      client: FROM,
      server: PUBLISHED,
      target: TARGET,
      way: WAYS.fromHost,
    });
    talk.dial({ ...CURL, namespace }, { remote: at(remote), local: at(FROM) });
    const [dial] = story.events;
    const conntrack = talk.view();
    const packet = story.makePacket({
      source: at(FROM),
      destination: at(TARGET),
      flags: TCP.SYN,
      conntrack,
    });
    if (dial?.kind !== 'state') throw new Error('no dial');
    const leg = buildLeg(
      { events: [dial, packet], local: null },
      { host: HOST, ports: new Set([8080]) },
    );
    return leg?.nat?.hook;
  };
  assert.is(dials(HOST, PUBLISHED), 'OUTPUT');
  assert.is(dials(HOST, '198.51.100.1#9999'), null);
  assert.is(dials(CLIENT, PUBLISHED), null);
});

test('a hook that was seen rewriting is the one, but only of the destination and on the host', () => {
  const hook = (change: Partial<NatEvent>): unknown => {
    const events = tell((talk, story) => {
      talk.send('client', { flags: TCP.SYN }, (packet, i) => {
        if (i === 2) {
          const nat: NatEvent = {
            ...packet,
            ...story.stamp(),
            kind: 'nat',
            source: at(FROM),
            destination: at(PUBLISHED),
            hook: 'OUTPUT',
            field: 'destination',
            becomes: at(TARGET),
            conntrack: talk.view(),
            ...change,
          };
          story.tell(nat);
        }
        return packet;
      });
    });
    return legOf(events).nat?.hook;
  };
  assert.is(hook({}), 'OUTPUT');
  assert.is(hook({ hook: 'PREROUTING' }), 'PREROUTING');
  assert.is(hook({ field: 'source' }), 'PREROUTING');
  assert.is(hook({ hook: null }), 'PREROUTING');
  assert.is(hook({ hook: 'POSTROUTING' }), 'PREROUTING');
});

test('a packet that arrived after the rewriting was seen does not tell its hook', () => {
  const hook = (order: 'before' | 'after'): unknown => {
    const story = new Story();
    const talk = story.talk({ client: FROM, server: PUBLISHED, target: TARGET, way: WAYS.through });
    const arrive = () =>
      story.makePacket({ source: at(FROM), destination: at(PUBLISHED), flags: TCP.SYN });
    const leave = () =>
      story.makePacket({
        source: at(FROM),
        destination: at(TARGET),
        flags: TCP.SYN,
        direction: 'out' as const,
        conntrack: talk.view(),
      });
    const events = order === 'before' ? [arrive(), leave()] : [leave(), arrive()];
    return buildLeg({ events, local: null }, { host: HOST, ports: new Set([8080]) })?.nat?.hook;
  };
  assert.equal([hook('before'), hook('after')], ['PREROUTING', null]);
});

test('a dial alone is a leg, with the port that its socket got', () => {
  const events = tell((talk, story) => {
    talk.dial(CURL);
    const [dial] = story.events;
    if (dial?.kind === 'state')
      story.tell({ ...dial, ...story.stamp(), from: 2, to: 7, local: at(FROM) });
  });
  assert.equal(ends(events), [FROM, PUBLISHED, PUBLISHED, true]);
});

test('loose ends make no leg', () => {
  const story = new Story();
  const talk = story.talk({ client: FROM, server: PUBLISHED, way: WAYS.toHost });
  talk.accept({ pid: 1, command: 'x' });
  const [flow] = gatherFlows(story.events);
  assert.ok(flow);
  assert.is(buildLeg(flow, { host: HOST, ports: new Set([8080]) }), null);
});

test('a first packet that was only seen to be dropped began the connection', () => {
  const begun = (flags: number): boolean => {
    const story = new Story();
    const talk = story.talk({ client: FROM, server: PUBLISHED, target: TARGET, way: WAYS.through });
    const packet = story.makePacket({
      source: at(FROM),
      destination: at(TARGET),
      flags,
      conntrack: talk.view(),
    });
    story.events.push(packet);
    story.drop('NEIGH_FAILED', 'neigh_invalidate');
    return legOf(story.events.filter(({ kind }) => kind === 'drop')).begun;
  };
  assert.equal([begun(TCP.SYN), begun(TCP.ACK), begun(TCP.SYN | TCP.ACK)], [true, false, false]);
});

/** Until when a connection may have been open that was sent this reset by its server, after an exchange. */
function endedBy(reset: Partial<PacketEvent> | null, before: (talk: Talk) => void): boolean {
  const events = tell((talk) => {
    before(talk);
    if (reset) talk.send('server', { flags: TCP.RST, ...reset });
  });
  return legOf(events).until !== Infinity;
}

test('a reset ends a connection only where its numbers fit', () => {
  const exchange = (talk: Talk): void => void talk.handshake().request(10).reply(20);
  const next = legOf(tell(exchange)).events.flatMap((event) =>
    event.kind === 'packet' ? [event.ack] : [],
  );
  const expected = next.at(-1) ?? 0;
  assert.is(endedBy(null, exchange), false);
  assert.is(endedBy({}, exchange), true, 'behind all that the server sent');
  assert.is(endedBy({ seq: expected - 20 }, exchange), true, 'as the client waited for before');
  for (const off of [-21, -1_000, 21, 100_000, 2 ** 30, -(2 ** 30)]) {
    const seq = (expected + off + 2 ** 32) % 2 ** 32;
    assert.is(endedBy({ seq }, exchange), false, `${off} bytes off`);
  }
});

test('a reset that answers a SYN ends it where it acknowledges that very SYN', () => {
  const dial = (talk: Talk): void => void talk.send('client', { flags: TCP.SYN });
  const [syn] = legOf(tell(dial)).events;
  const seq = syn?.kind === 'packet' ? syn.seq : 0;
  const answer = (ack: number): boolean => endedBy({ flags: TCP.RST | TCP.ACK, seq: 0, ack }, dial);
  assert.equal([answer(seq + 1), answer(seq), answer(seq + 2)], [true, false, false]);
  assert.is(endedBy({ flags: TCP.RST, seq: 0, ack: 0 }, dial), false, 'it answers no SYN');
});

test('the hook of DNAT: PREROUTING for what came in as it was dialled, OUTPUT for what a socket here sent', () => {
  const view: ConntrackView = {
    id: 'ct',
    status: CONNTRACK.DST_NAT,
    original: { source: at(FROM), destination: at(PUBLISHED) },
    reply: { source: at(TARGET), destination: at(FROM) },
  };
  const hook = (before: Partial<PacketEvent> | null, behind: Partial<PacketEvent>): unknown => {
    const story = new Story();
    const send = (destination: string, more: Partial<PacketEvent>): void => {
      const syn = { flags: TCP.SYN, skb: 'aa', source: at(FROM), destination: at(destination) };
      story.tell(story.makePacket({ ...syn, ...more }));
    };
    if (before) send(PUBLISHED, before);
    send(TARGET, { direction: 'out', ifindex: 3, conntrack: view, ...behind });
    return legOf(story.events).nat?.hook;
  };
  assert.is(hook({ direction: 'in' }, {}), 'PREROUTING');
  assert.is(hook({ direction: 'out' }, {}), null, 'it went out before');
  assert.is(hook(null, {}), null);
  assert.is(hook(null, { socket: 's' }), 'OUTPUT');
  assert.is(hook(null, { socket: 's', direction: 'in' }), null, 'it came to a socket');
  assert.is(hook({ direction: 'in' }, { socket: 's' }), 'PREROUTING', 'it came in');
});

test.run();
