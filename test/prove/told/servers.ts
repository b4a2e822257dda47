/** Stories of servers of the host: what they did beside their client, and what was not watched. */
import type { AsideEvent } from '../../../src/model/event.js';
import { client, elsewhere, served } from '../../support/stories.js';
import { at, CURL, NGINX, PUBLISHED, SOCAT, Story, WAYS, type Talk } from '../../support/story.js';
import type { Stories, ToldStory } from '../../support/told.js';

const PROVEN = 'host proven answered';
const LIKELY = 'host likely answered';

const one = (is: string, story: () => Story): ToldStory => ({
  is: [is],
  tell: () => story().trace(),
});

const beside = (what: AsideEvent['what'], more: Partial<AsideEvent> = {}): ToldStory =>
  one(LIKELY, () => served(NGINX, (story) => story.aside(NGINX, what, more)));

const call = { operation: 'call', fd: null } as const;

/** A client that asks twice on one connection. */
function askedTwice(act: (story: Story, talk: Talk, request: number) => void): Story {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL).handshake().accept(NGINX);
  for (const request of [1, 2]) {
    talk.request(14).call(NGINX, 'server', 'read', 14);
    act(story, talk, request);
    talk.call(NGINX, 'server', 'write', 7).reply(7);
  }
  talk.close();
  return story;
}

const database = (story: Story): Talk =>
  story.talk({ client: '127.0.0.1#50000', server: '127.0.0.1#5432', way: [], seq: 7 });

/** Asks its database with what it was asked, and answers with something else. */
function asks(talk: Talk): void {
  talk.call(NGINX, 'client', 'write', 30, elsewhere);
  talk.call(NGINX, 'client', 'read', 50, { ...elsewhere, mark: 7 });
}

const blind = (...witnesses: ('accepts' | 'copies' | 'asides')[]): ToldStory => ({
  is: [LIKELY],
  tell: () => {
    const trace = served(NGINX).trace();
    const probes = { ...trace.header.probes, witnesses };
    return { ...trace, header: { ...trace.header, probes } };
  },
});

/** The process takes the connection and says nothing for it. */
function mute(writes: number): Story {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL).handshake().accept(NGINX).request(14).call(NGINX, 'server', 'read', 14);
  if (writes > 0) talk.call(NGINX, 'server', 'write', writes);
  talk.reply(7).close();
  return story;
}

/** An earlier use of the socket has spent what is told of it. */
function spent(): Story {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.call(NGINX, 'server', 'write', 100);
  story.wait(5_000_000_000);
  talk.dial(CURL).handshake().accept(NGINX).request(14).call(NGINX, 'server', 'read', 14);
  talk.reply(7).close();
  return story;
}

const dialsIt = (story: Story): void => {
  asks(database(story).dial(NGINX));
};

export const SERVERS: Stories = {
  'answers by itself': { ...one(PROVEN, () => served(NGINX)), hops: true },
  'writes to a unix socket': beside('unix', { peer: 'p' }),
  'reads from a unix socket': beside('unix', { peer: 'p', operation: 'read' }),
  'writes to a pipe': beside('pipe'),
  'reads from a pipe': beside('pipe', { operation: 'read' }),
  'writes to a device': beside('device'),
  'writes to a socket of another family': beside('family'),
  'sends a message through a queue': beside('queue'),
  splices: beside('splice', call),
  tees: beside('tee', call),
  'uses vmsplice': beside('vmsplice', call),
  'uses io_uring': beside('io_uring', call),
  'uses aio': beside('aio', call),
  'uses sendmmsg': beside('sendmmsg', call),
  'uses recvmmsg': beside('recvmmsg', call),
  'uses pwritev2': beside('pwritev2', call),
  'writes to an older connection': beside('socket', { remote: at('192.0.2.9#22') }),
  'reads from an older connection': beside('socket', {
    remote: at('192.0.2.9#22'),
    operation: 'read',
  }),
  'writes to two places': one(LIKELY, () =>
    served(NGINX, (story) => story.aside(NGINX, 'pipe').aside(NGINX, 'unix').aside(NGINX, 'unix')),
  ),
  'logs to its standard output': one(PROVEN, () =>
    served(NGINX, (story) => story.aside(NGINX, 'pipe', { fd: 1 })),
  ),
  'logs and uses a unix socket': one(LIKELY, () =>
    served(NGINX, (story) => story.aside(NGINX, 'pipe', { fd: 1 }).aside(NGINX, 'unix')),
  ),
  'another process writes elsewhere': one(PROVEN, () =>
    served(NGINX, (story) => story.aside(SOCAT, 'unix')),
  ),
  'asks a database': one(LIKELY, () => served(NGINX, dialsIt)),
  'asks a database for one of two requests': one(LIKELY, () =>
    askedTwice((story, _, request) => {
      if (request === 2) dialsIt(story);
    }),
  ),
  'asks a database for both requests': one(LIKELY, () => {
    let talk: Talk | null = null;
    return askedTwice((story) => {
      talk ??= database(story).dial(NGINX);
      asks(talk);
    });
  }),
  'asks a database over an older connection': one(LIKELY, () =>
    served(NGINX, (story) => {
      asks(database(story));
    }),
  ),
  'dials a database while runs are skipped': {
    is: [LIKELY],
    tell: () => served(NGINX, dialsIt).trace({ tail: { skippedRuns: 2 } }),
  },
  'answers while runs are skipped': {
    is: [PROVEN],
    tell: () => served(NGINX).trace({ tail: { skippedRuns: 2 } }),
  },
  'answers while events are lost': {
    is: ['unknown inconclusive answered'],
    tell: () => served(NGINX).trace({ tail: { lostEvents: 4, notes: ['4 events were lost'] } }),
  },
  'answers in a trace that is not sealed': {
    is: ['unknown inconclusive answered'],
    tell: () => served(NGINX).trace({ tail: { sealed: false } }),
  },
  'answers in a trace that is not sealed, with a note': {
    is: ['unknown inconclusive answered'],
    tell: () => served(NGINX).trace({ tail: { sealed: false, notes: ['the end was cut'] } }),
  },
  'answers, with nobody watching calls': blind('accepts', 'asides'),
  'answers, with nobody watching other calls': blind('accepts', 'copies'),
  'answers, and none of it was seen to be written': one(LIKELY, () => mute(0)),
  'answers, and a part of it was seen to be written': one(LIKELY, () => mute(3)),
  'answers, and its calls were not told': one(LIKELY, spent),
};
