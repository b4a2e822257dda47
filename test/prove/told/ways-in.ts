/** Ways into a container and to the host: NAT, its hooks, redirections, the container's own address, and what is older than the trace. */
import { CONNTRACK, TCP } from '../../../src/model/event.js';
import { client, relays, talkThroughNat, throughNat } from '../../support/stories.js';
import {
  at,
  CONTAINER,
  CURL,
  HOST,
  NGINX,
  PROXY,
  PUBLISHED,
  SERVER,
  Story,
  TARGET,
  WAYS,
  type Process,
  type StoryFrame,
  type Talk,
} from '../../support/story.js';
import type { Stories, ToldStory } from '../../support/told.js';

const NONE = 'unknown inconclusive answered';
const OWN: Process = { pid: 11, command: 'curl' };

const one = (
  is: string | readonly string[],
  story: () => Story,
  frame?: StoryFrame,
): ToldStory => ({
  is: typeof is === 'string' ? [is] : is,
  tell: () => story().trace(frame),
});

/** A process of the host dials the published port. */
function fromHost(dial: (talk: Talk) => unknown = (talk) => talk.dial(OWN)): Story {
  const story = new Story();
  const talk = story.talk({
    client: '198.51.100.1#40000',
    server: PUBLISHED,
    target: TARGET,
    way: WAYS.fromHost,
  });
  dial(talk);
  talk.handshake().accept(SERVER).request(14).reply(7).close();
  return story;
}

/** No packet carries its entry. */
function untracked(): Story {
  const story = new Story();
  const way = WAYS.through.map((hop) => ({ ...hop, tracked: false }));
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, target: TARGET, way });
  talk.dial(CURL).handshake().accept(SERVER).request(14).reply(7).close();
  return story;
}

/** The container's own address, from elsewhere. */
function direct(act: (talk: Talk) => unknown = (talk) => talk.dial(CURL)): Story {
  const story = new Story();
  const way = WAYS.through.map((hop) => ({ ...hop, rewritten: false }));
  const talk = story.talk({ client: client(40_000), server: TARGET, way });
  act(talk);
  talk.handshake().accept(SERVER).request(14).reply(7).close();
  return story;
}

/** From the host to the container's own address. */
function toContainer(process: Process | null): Story {
  const story = new Story();
  const talk = story.talk({ client: '172.17.0.1#40000', server: TARGET, way: WAYS.fromHost });
  if (process) talk.dial(process);
  talk.handshake().accept(SERVER).request(14).reply(7).close();
  return story;
}

/** A rule sends the client to a port of the host itself. */
function redirected(accepts: Process | null, to = '198.51.100.1#9000'): Story {
  const story = new Story();
  const way = WAYS.toHost.map((hop) => ({ ...hop }));
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, target: to, way });
  talk.dial(CURL).handshake();
  if (accepts) talk.accept(accepts);
  talk.request(14);
  if (accepts) {
    talk.call(accepts, 'server', 'read', 14).call(accepts, 'server', 'write', 7);
  }
  talk.reply(7).close();
  return story;
}

/** The packet behind the rewriting is another than the one before. */
function lookalike(): Story {
  const story = new Story();
  const talk = throughNat(story);
  const change = (packet: Parameters<NonNullable<Parameters<Talk['send']>[2]>>[0]) =>
    packet.namespace === HOST && packet.ifindex === 2
      ? { ...packet, seq: packet.seq + 77 }
      : packet;
  talk.dial(CURL);
  talk.send('client', { flags: TCP.SYN }, change);
  talk.send('server', { flags: TCP.SYN | TCP.ACK });
  talk.send('client', { flags: TCP.ACK }, change);
  return story;
}

/** NAT was seen at the hook that did it. */
function hooked(hook: 'PREROUTING' | 'OUTPUT' | 'POSTROUTING' | null): Story {
  const story = new Story();
  const talk = throughNat(story);
  talk.dial(CURL).send('client', { flags: TCP.SYN }, (packet, hop) => {
    if (hop === 2) {
      const { skb, seq, ack, flags, length } = packet;
      story.tell({
        ...story.stamp(),
        kind: 'nat',
        namespace: HOST,
        hook,
        field: 'destination',
        protocol: 'tcp',
        skb,
        seq,
        ack,
        flags,
        length,
        source: talk.client,
        destination: talk.server,
        becomes: talk.target,
        ifindex: null,
        socket: null,
        conntrack: talk.view(),
      });
    }
    return packet;
  });
  talk.send('server', { flags: TCP.SYN | TCP.ACK }).send('client', { flags: TCP.ACK });
  talk.accept(SERVER).request(14).reply(7).close();
  return story;
}

/** Masquerade as well: the container sees the bridge's address. */
function masqueraded(): Story {
  const story = new Story();
  const talk = story.talk({
    client: client(40_000),
    server: PUBLISHED,
    target: TARGET,
    way: WAYS.through,
  });
  const behind = at('172.17.0.1#61000');
  const view = talk.view();
  const entry = {
    ...view,
    status: view.status | CONNTRACK.SRC_NAT,
    reply: { source: at(TARGET), destination: behind },
  };
  const rewrite = (request: boolean) =>
    ((packet) => {
      const conntrack = packet.conntrack && entry;
      const inside = packet.namespace === CONTAINER || packet.ifindex === 3;
      if (!inside) return { ...packet, conntrack };
      return { ...packet, conntrack, [request ? 'source' : 'destination']: behind };
    }) satisfies Parameters<Talk['send']>[2];
  talk.dial(CURL);
  talk.send('client', { flags: TCP.SYN }, rewrite(true));
  talk.send('server', { flags: TCP.SYN | TCP.ACK }, rewrite(false));
  talk.send('client', { flags: TCP.ACK }, rewrite(true));
  talk.accept(SERVER, { remote: behind });
  talk.send('client', { length: 14 }, rewrite(true));
  talk.send('server', { length: 7 }, rewrite(false));
  talk.send('client', {}, rewrite(true));
  return story;
}

const older = (close: boolean): Story => {
  const story = new Story();
  const talk = throughNat(story).request(14).reply(7);
  if (close) talk.close();
  return story;
};

const LOST = { tail: { lostEvents: 3 } };

export const WAYS_IN: Stories = {
  DNAT: { ...one('dnat proven answered', () => talkThroughNat()), hops: true },
  'DNAT while events are lost': one('dnat likely answered', () => talkThroughNat(), LOST),
  'DNAT in a trace that was cut off': one('dnat likely answered', () => talkThroughNat(), {
    tail: { truncated: true },
  }),
  'DNAT in a trace that is not sealed': one('dnat likely answered', () => talkThroughNat(), {
    tail: { sealed: false },
  }),
  'DNAT while runs are skipped': one('dnat proven answered', () => talkThroughNat(), {
    tail: { skippedRuns: 3 },
  }),
  'DNAT from the host': { ...one('dnat proven answered', () => fromHost()), hops: true },
  'DNAT from the host, by a process that was not seen to dial': one('dnat proven answered', () =>
    fromHost(() => null),
  ),
  'DNAT, seen at its hook': {
    ...one('dnat proven answered', () => hooked('PREROUTING')),
    hops: true,
  },
  'DNAT, seen at a hook that is not named': one('dnat proven answered', () => hooked(null)),
  'DNAT, seen at a hook that cannot be': one('dnat proven answered', () => hooked('POSTROUTING')),
  'DNAT and masquerade': { ...one('dnat proven answered', masqueraded), hops: true },
  'DNAT of another packet': one(
    ['dnat proven answered', 'unknown inconclusive unanswered'],
    lookalike,
  ),
  'no packet carries its entry': one(NONE, untracked),
  'a rewriting and an accept by docker-proxy': one(NONE, () => {
    const story = new Story();
    const talk = throughNat(story).dial(CURL).handshake();
    talk
      .accept(PROXY, { local: at(PUBLISHED) })
      .request(14)
      .reply(7);
    return story;
  }),
  'older than the trace': one('dnat proven answered', () => older(false)),
  'older than the trace, to its end': one('dnat proven answered', () => older(true)),
  'the container’s own address': one('direct proven answered', () => direct()),
  'the container’s own address, by nobody that is known': one('direct proven answered', () =>
    direct(() => null),
  ),
  'the container’s own address, while events are lost': one(
    'direct likely answered',
    () => direct(),
    LOST,
  ),
  'from the host to the container’s own address': one('direct proven answered', () =>
    toContainer(OWN),
  ),
  'a relay’s own leg': one(NONE, () => toContainer(PROXY)),
  'by nobody that is known to the container’s own address': one(NONE, () => toContainer(null)),
  'from the host to the container, while events are lost': one(NONE, () => toContainer(OWN), LOST),
  'redirected to a server of the host': one('host proven answered', () => redirected(NGINX)),
  'redirected to docker-proxy': one(
    'docker-proxy proven answered',
    () => redirected(PROXY),
    relays('0.0.0.0#9000'),
  ),
  'redirected, and accepted by nobody': one(NONE, () => redirected(null)),
  'accepted in another namespace': one(NONE, () => {
    const story = new Story();
    const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
    talk
      .dial(CURL)
      .handshake()
      .accept({ ...NGINX, namespace: CONTAINER });
    talk.request(14).reply(7).close();
    return story;
  }),
  'accepted by nobody': one(NONE, () => {
    const story = new Story();
    const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
    talk.dial(CURL).handshake().request(14).reply(7).close();
    return story;
  }),
  'two clients, one after the other': one(['dnat proven answered', 'dnat proven answered'], () => {
    const story = talkThroughNat(40_000);
    return talkThroughNat(41_000, story.wait(1_000_000_000));
  }),
  'one client by a port that it used before': one(
    ['dnat proven answered', 'dnat proven unanswered'],
    () => {
      const story = talkThroughNat(40_000).wait(3_000_000_000);
      const again = story.talk({
        client: client(40_000),
        server: PUBLISHED,
        target: TARGET,
        way: WAYS.through,
        seq: 90_000,
        sockets: ['c2', 's2'],
      });
      again.dial(CURL).send('client', { flags: TCP.SYN });
      return story;
    },
  ),
};
