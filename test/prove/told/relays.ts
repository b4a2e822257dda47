/** Relays: how their bytes pass, what each of them leaves open, chains of them, and connections that clients share. */
import type { Trace } from '../../../src/model/trace.js';
import { client, copyBack, copyThere, elsewhere, relayed, relays } from '../../support/stories.js';
import {
  at,
  CURL,
  PROXY,
  PUBLISHED,
  SERVER,
  SOCAT,
  Story,
  TARGET,
  WAYS,
  type Process,
  type StoryFrame,
  type Talk,
} from '../../support/story.js';
import type { Stories, ToldStory } from '../../support/told.js';

const PROVEN = 'relay proven answered';
const LIKELY = 'relay likely answered';
const NONE = 'unknown inconclusive answered';

const nothing = (): void => undefined;
const LOST: StoryFrame = { tail: { lostEvents: 3, sealed: false } };

const one = (
  is: string | readonly string[],
  story: () => Story,
  frame?: StoryFrame,
): ToldStory => ({
  is: typeof is === 'string' ? [is] : is,
  tell: (): Trace => story().trace(frame),
});

/** Over the loopback device of the host. */
const LO = (['out', 'in'] as const).map((direction) => ({
  namespace: 1,
  ifindex: 1,
  direction,
  tracked: true,
}));

const HAPROXY: Process = { pid: 31, command: 'haproxy' };

/** What it writes is only as long as what it read, and lies elsewhere in its memory. */
const alike = (): Story =>
  relayed({
    moves: (_, near, far) => {
      near.call(SOCAT, 'server', 'read', 14);
      far.call(SOCAT, 'client', 'write', 14, { buffer: 'b2' });
    },
    answer: (_, near, far) => {
      far.call(SOCAT, 'client', 'read', 7, { buffer: 'b3' });
      near.call(SOCAT, 'server', 'write', 7, { buffer: 'b4' });
    },
  });

const spliced = (): Story =>
  relayed({
    process: HAPROXY,
    moves: (told, near, far) => told.splice(HAPROXY, [near, 'server'], [far, 'client'], 14),
    answer: (told, near, far) => told.splice(HAPROXY, [far, 'client'], [near, 'server'], 7),
  });

/** The two legs of a relay, of which nothing was seen yet. */
function openLegs(story: Story): { readonly near: Talk; readonly far: Talk } {
  return {
    near: story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost }),
    far: story.talk({ client: '172.17.0.1#40001', server: TARGET, way: WAYS.fromHost, seq: 9 }),
  };
}

/** It dials before it reads, and says nothing itself. */
const silent = (process: Process): Story => relayed({ process, moves: nothing, answer: nothing });

/** It dials before it has read anything, and has nothing to say itself: it waits for what it dialled. */
function waits(process: Process): Story {
  const story = new Story();
  const { near, far } = openLegs(story);
  near.dial(CURL).handshake().accept(process);
  far.dial(process).handshake().accept(SERVER);
  near.request(14).call(process, 'server', 'read', 14);
  return story;
}

/** It answers with more than came from the other socket. */
const adds = (): Story =>
  relayed({
    answer: (told, near, far) => {
      copyBack(SOCAT)(told, near, far);
      near.call(SOCAT, 'server', 'write', 90, elsewhere);
    },
  });

/** Two of its three requests are handed on; the last one it answers from a cache. */
function caches(): Story {
  const story = new Story();
  const { near, far } = openLegs(story);
  near.dial(CURL).handshake().accept(SOCAT);
  far.dial(SOCAT).handshake().accept(SERVER);
  for (const request of [1, 2, 3]) {
    near.request(14).call(SOCAT, 'server', 'read', 14);
    if (request < 3) {
      far.call(SOCAT, 'client', 'write', 14).request(14).reply(7).call(SOCAT, 'client', 'read', 7);
      near.call(SOCAT, 'server', 'write', 7);
    } else near.call(SOCAT, 'server', 'write', 7, elsewhere);
    near.reply(7);
  }
  near.close();
  far.close();
  return story;
}

/** Only the one direction is followed. */
const oneWay = (request: boolean): Story =>
  relayed({
    ...(request
      ? {
          answer: (_: Story, near: Talk, far: Talk): void => {
            far.call(SOCAT, 'client', 'read', 7, elsewhere);
            near.call(SOCAT, 'server', 'write', 7);
          },
        }
      : {
          moves: (_: Story, near: Talk, far: Talk): void => {
            near.call(SOCAT, 'server', 'read', 14);
            far.call(SOCAT, 'client', 'write', 14, elsewhere);
          },
        }),
  });

/** Part of its answer was not seen to be written. */
const partly = (): Story =>
  relayed({
    answer: (_, near, far) => {
      far.call(SOCAT, 'client', 'read', 4);
      near.call(SOCAT, 'server', 'write', 4);
    },
  });

/** Through one relay to another, and from there to the container. */
function chained(first: Process, second: Process): Story {
  const story = new Story();
  const near = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  const middle = story.talk({
    client: '127.0.0.1#40001',
    server: '127.0.0.1#9000',
    seq: 70,
    way: LO,
  });
  const far = story.talk({
    client: '172.17.0.1#40002',
    server: TARGET,
    way: WAYS.fromHost,
    seq: 9,
  });
  near.dial(CURL).handshake().accept(first);
  middle.dial(first).handshake().accept(second);
  far.dial(second).handshake().accept(SERVER);
  near.request(14);
  copyThere(first)(story, near, middle);
  middle.request(14);
  copyThere(second)(story, middle, far);
  far.request(14).reply(7);
  copyBack(second)(story, middle, far);
  middle.reply(7);
  copyBack(first)(story, near, middle);
  near.reply(7).close();
  middle.close();
  far.close();
  return story;
}

/** Two clients, whose bytes go over one connection to the container. */
function shares(process: Process): Story {
  const story = new Story();
  const far = story.talk({
    client: '172.17.0.1#50000',
    server: TARGET,
    way: WAYS.fromHost,
    seq: 9,
  });
  const nears = [40_000, 41_000].map((port) =>
    story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port }),
  );
  for (const near of nears) near.dial(CURL).handshake().accept(process);
  far.dial(process).handshake().accept(SERVER);
  for (const near of nears) {
    near.request(14);
    copyThere(process)(story, near, far);
    far.request(14).reply(7);
    copyBack(process)(story, near, far);
    near.reply(7);
  }
  for (const near of nears) near.close();
  return story;
}

/** Both clients at once, and the process has dialled for both and moved nothing. */
function pairs(): Story {
  const story = new Story();
  const nears = [40_000, 41_000].map((port) =>
    story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port }),
  );
  for (const near of nears) near.dial(CURL).handshake().accept(PROXY);
  const fars = [50_000, 51_000].map((port) =>
    story.talk({ client: `172.17.0.1#${port}`, server: TARGET, way: WAYS.fromHost, seq: port }),
  );
  for (const far of fars) far.dial(PROXY).handshake().accept(SERVER);
  for (const near of nears) near.close();
  return story;
}

const ARGUMENTS = relays('0.0.0.0#8080');

/** A port driver takes the client, and what it dials is not traced. */
function driven(process: Process): Story {
  const story = new Story();
  const near = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  near.dial(CURL).handshake().accept(process).request(14).reply(7).close();
  return story;
}

/** The container resets the relay's own leg, and the relay then the client's. */
function resetBeyond(): Story {
  const story = relayed({ moves: nothing, answer: nothing, process: PROXY });
  story.events.length = 0;
  const { near, far } = openLegs(story);
  near.dial(CURL).handshake().accept(PROXY);
  far.dial(PROXY).handshake().accept(SERVER);
  near.request(14);
  copyThere(PROXY)(story, near, far);
  far.request(14).send('server', { flags: 0x14 });
  near.send('server', { flags: 0x14 });
  return story;
}

/** The container ends first, and the relay hands that on. */
function endsBeyond(relayFirst: boolean): Story {
  const story = new Story();
  const { near, far } = openLegs(story);
  near.dial(CURL).handshake().accept(SOCAT);
  far.dial(SOCAT).handshake().accept(SERVER);
  near.request(14);
  copyThere(SOCAT)(story, near, far);
  far.request(14).reply(7);
  copyBack(SOCAT)(story, near, far);
  near.reply(7);
  const fin = (talk: Talk): Talk => talk.send('server', { flags: 0x11 });
  for (const talk of relayFirst ? [near, far] : [far, near]) fin(talk);
  return story;
}

export const RELAYS: Stories = {
  copies: { ...one(PROVEN, () => relayed()), hops: true },
  splices: { ...one(PROVEN, spliced), hops: true },
  'splices while runs are skipped': one(PROVEN, spliced, { tail: { skippedRuns: 2 } }),
  'copies while events are lost': one(LIKELY, () => relayed(), LOST),
  'is only alike': one(LIKELY, alike),
  'is only alike while events are lost': one(NONE, alike, LOST),
  'is only alike in a trace that is not sealed': one(NONE, alike, { tail: { sealed: false } }),
  'is only alike in a trace that was cut off': one(NONE, alike, { tail: { truncated: true } }),
  'dials before it reads, and no bytes were told': one(
    ['host likely answered', 'direct proven answered'],
    () => silent(SOCAT),
  ),
  'waits for what it dialled': one('relay likely unanswered', () => waits(SOCAT)),
  'waits for what it dialled, while events are lost': one(
    'unknown inconclusive unanswered',
    () => waits(SOCAT),
    LOST,
  ),
  'waits for what it dialled, in a trace that is not sealed': one(
    'unknown inconclusive unanswered',
    () => waits(SOCAT),
    { tail: { sealed: false } },
  ),
  'docker-proxy waits, while events are lost': one(
    'docker-proxy likely unanswered',
    () => waits(PROXY),
    LOST,
  ),
  'docker-proxy, of which no bytes were told': one('docker-proxy likely answered', () =>
    silent(PROXY),
  ),
  'docker-proxy by its arguments': one(
    'docker-proxy proven answered',
    () => silent(PROXY),
    ARGUMENTS,
  ),
  'docker-proxy by its arguments, while events are lost': one(
    'docker-proxy likely answered',
    () => silent(PROXY),
    { ...ARGUMENTS, ...LOST },
  ),
  'docker-proxy by its name, while events are lost': one(
    'docker-proxy likely answered',
    () => silent(PROXY),
    LOST,
  ),
  'docker-proxy, pairs of which nothing tells': one(
    ['docker-proxy likely unanswered', 'docker-proxy likely unanswered', NONE, NONE],
    pairs,
  ),
  'docker-proxy by its arguments, pairs of which nothing tells': one(
    ['docker-proxy likely unanswered', 'docker-proxy likely unanswered', NONE, NONE],
    pairs,
    ARGUMENTS,
  ),
  'answers from a cache now and then': one(LIKELY, caches),
  'adds bytes of its own': one(LIKELY, adds),
  'only its requests are followed': one(LIKELY, () => oneWay(true)),
  'only its answers are followed': one(LIKELY, () => oneWay(false)),
  'a part of its answer is followed': one(LIKELY, partly),
  'was not seen to accept': one(LIKELY, () => relayed({ accepts: false })),
  'dialled before it accepted': one(PROVEN, () => relayed({ dials: 'before' })),
  'was not seen to dial': one(LIKELY, () => relayed({ dials: 'never' })),
  'a chain of two': { ...one(PROVEN, () => chained(HAPROXY, SOCAT)), hops: true },
  'a chain that ends at docker-proxy': one(
    PROVEN,
    () => chained(SOCAT, PROXY),
    relays('127.0.0.1#9000'),
  ),
  'a chain that begins at docker-proxy': one(
    'docker-proxy proven answered',
    () => chained(PROXY, SOCAT),
    ARGUMENTS,
  ),
  'shares a connection': one([LIKELY, LIKELY], () => shares(SOCAT)),
  'docker-proxy that shares a connection': one(
    ['docker-proxy proven answered', 'docker-proxy proven answered'],
    () => shares(PROXY),
    ARGUMENTS,
  ),
  'a port driver': one(LIKELY, () => driven({ pid: 33, command: 'rootlesskit' })),
  'docker-proxy that dialled nothing': one('docker-proxy likely answered', () => driven(PROXY)),
  'docker-proxy by its arguments that dialled nothing': one(
    'docker-proxy proven answered',
    () => driven(PROXY),
    ARGUMENTS,
  ),
  'docker-proxy that listens elsewhere': one(
    'docker-proxy likely answered',
    () => driven(PROXY),
    relays('0.0.0.0#8081'),
  ),
  'docker-proxy for a container that is not known': one(
    'docker-proxy proven answered',
    () => driven(PROXY),
    relays('0.0.0.0#8080', '172.17.0.9#6379'),
  ),
  'the container resets': one('docker-proxy proven reset', resetBeyond),
  'the container ends first': one(PROVEN, () => endsBeyond(false)),
  'the relay ends first': one(PROVEN, () => endsBeyond(true)),
  'on loopback': one(
    'docker-proxy proven answered',
    () => {
      const story = new Story();
      const near = story.talk({ client: '127.0.0.1#40000', server: '127.0.0.1#8080', way: LO });
      near.dial({ pid: 11, command: 'curl' }).handshake();
      near
        .accept(PROXY, { local: at('127.0.0.1#8080') })
        .request(14)
        .reply(7)
        .close();
      return story;
    },
    ARGUMENTS,
  ),
};
