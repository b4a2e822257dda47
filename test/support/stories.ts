/** Stories that several tests tell: a rule leads a client into a container, a process of the host answers, a relay hands bytes on. */
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
} from './story.js';

export const client = (port: number): string => `198.51.100.2#${port}`;

/** A client elsewhere dials the published port, and a rule leads it into the container. */
export function throughNat(story = new Story(), port = 40_000): Talk {
  return story.talk({ client: client(port), server: PUBLISHED, target: TARGET, way: WAYS.through });
}

export function talkThroughNat(port = 40_000, story = new Story()): Story {
  throughNat(story, port).dial(CURL).handshake().accept(SERVER).request(14).reply(7).close();
  return story;
}

/** A process of the host answers by itself. */
export function served(
  process: Process,
  act: (story: Story, talk: Talk) => void = () => undefined,
): Story {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL).handshake().accept(process).request(14).call(process, 'server', 'read', 14);
  act(story, talk);
  talk.call(process, 'server', 'write', 7).reply(7).close();
  return story;
}

interface Relaying {
  readonly process?: Process;
  readonly port?: number;
  readonly story?: Story;
  readonly accepts?: boolean;
  readonly dials?: 'after' | 'before' | 'never';
  /** How the bytes pass. */
  readonly moves?: (story: Story, near: Talk, far: Talk) => void;
  readonly answer?: (story: Story, near: Talk, far: Talk) => void;
}

export const copyThere =
  (process: Process) =>
  (_: Story, near: Talk, far: Talk): void => {
    near.call(process, 'server', 'read', 14);
    far.call(process, 'client', 'write', 14);
  };
export const copyBack =
  (process: Process) =>
  (_: Story, near: Talk, far: Talk): void => {
    far.call(process, 'client', 'read', 7);
    near.call(process, 'server', 'write', 7);
  };

/** A process accepts a client, dials the container for it, and hands bytes on. */
export function relayed(options: Relaying = {}): Story {
  const {
    process = SOCAT,
    port = 40_000,
    story = new Story(),
    accepts = true,
    dials = 'after',
  } = options;
  const near = story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port });
  const far = story.talk({
    client: `172.17.0.1#${port + 1}`,
    server: TARGET,
    way: WAYS.fromHost,
    seq: port + 9,
  });
  if (dials === 'before') far.dial(process).handshake().accept(SERVER);
  near.dial(CURL).handshake();
  if (accepts) near.accept(process);
  if (dials === 'after') far.dial(process);
  if (dials !== 'before') far.handshake().accept(SERVER);
  near.request(14);
  (options.moves ?? copyThere(process))(story, near, far);
  far.request(14).reply(7);
  (options.answer ?? copyBack(process))(story, near, far);
  near.reply(7).close();
  far.close();
  return story;
}

/** The fields of a call on bytes that came from nowhere that is known. */
export const elsewhere = { buffer: 'b9', mark: 99 };

export const relays = (listens: string, target: string | null = TARGET): StoryFrame => ({
  topology: {
    relays: [
      {
        pid: PROXY.pid,
        command: 'docker-proxy',
        arguments: [],
        protocol: 'tcp' as const,
        listens: at(listens),
        target: target === null ? null : at(target),
      },
    ],
  },
});

export const nothing = (): void => undefined;
