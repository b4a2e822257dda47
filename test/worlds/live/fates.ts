/** The ways in which connections of a world end (answered, refused, cut, stalled, lost), with the truth of each. */
import { TCP_STATE } from '../../../src/model/event.js';
import type { Connection as Told } from '../../../src/model/report.js';
import type { Outcome, Path } from '../../../src/model/verdict.js';
import { SOFTIRQ, type Connection } from './connection.js';
import { FLAGS, type Death, type Kernel, type Route, type Task } from './kernel.js';
import type { Step } from './servers.js';

export interface Scene {
  readonly kernel: Kernel;
  readonly connection: Connection;
  readonly client: Task;
  readonly server: Task;
}

export interface Fate {
  readonly routes: readonly Route[];
  readonly path: Path;
  readonly outcome: Outcome;
  /** Whether a trace that lacks nothing proves it; else the path is not known, for nobody took it. */
  readonly proven: boolean;
  readonly end?: Partial<Told['end']>;
  readonly live: (scene: Scene) => Step;
}

const SECOND = 1_000_000_000;
const MTU = 900;
const OUT = [1, 2, 4] as const;

function dial({ kernel, connection, client }: Scene): void {
  kernel.dial(client, connection.near);
}

/** The client's socket comes to its end without ever having been connected. */
function giveUp({ kernel, connection }: Scene): void {
  kernel.state(SOFTIRQ, connection.near, TCP_STATE.SYN_SENT, TCP_STATE.CLOSE);
  kernel.free(connection.near);
}

function* open(scene: Scene): Step {
  const { kernel, connection, client, server } = scene;
  connection.open(client);
  yield;
  if (isAtHost(scene)) kernel.accept(server, connection.far, 6);
  yield;
}

function isAtHost({ connection }: Scene): boolean {
  return connection.ends.route !== 'dnat';
}

function ask(scene: Scene, text = 'PING\r\n'): void {
  const { kernel, connection, server } = scene;
  connection.send(false, text);
  if (!isAtHost(scene)) return;
  kernel.copy(server, connection.far, { operation: 'read', text, buffer: '7f10', fd: 6 });
}

function answer(scene: Scene, text = '+PONG\r\n', death?: Death): void {
  const { kernel, connection, server } = scene;
  if (isAtHost(scene)) {
    kernel.copy(server, connection.far, { operation: 'write', text, buffer: '7f20', fd: 6 });
  }
  if (death) connection.segment(true, FLAGS.DATA, { length: text.length, death, counts: false });
  else connection.send(true, text);
}

/** Sends the same again after one, two and four seconds. */
function* again(scene: Scene, send: () => void): Step {
  send();
  for (const seconds of OUT) {
    yield;
    scene.kernel.time += seconds * SECOND;
    send();
  }
  yield;
}

/** The SYN dies so, however often it is sent. */
const dies = (death: (scene: Scene) => Death): Fate['live'] =>
  function* (scene) {
    const { connection } = scene;
    dial(scene);
    yield* again(scene, () =>
      connection.segment(false, FLAGS.SYN, { death: death(scene), counts: false }),
    );
    giveUp(scene);
  };

/** The server agrees, and its SYN+ACK dies so. */
const agreesInVain = (death: Death): Fate['live'] =>
  function* (scene) {
    const { kernel, connection } = scene;
    dial(scene);
    connection.segment(false, FLAGS.SYN);
    kernel.state(SOFTIRQ, connection.far, TCP_STATE.LISTEN, TCP_STATE.SYN_RECV);
    yield* again(scene, () => connection.segment(true, FLAGS.SYN_ACK, { death, counts: false }));
    giveUp(scene);
  };

/** A rule answers by a reset, and throws the segment away. */
const rejects = (connection: Connection, hops: number, rewritten?: true): Death => ({
  hops,
  reason: 'NETFILTER_DROP',
  function: 'nft_do_chain',
  ...(rewritten && { rewritten }),
  before: () => connection.segment(true, FLAGS.RST, { death: { skip: rewritten ? 3 : 0 } }),
});

const rejected = (hops: number, rewritten?: true): Fate['live'] =>
  function* (scene) {
    const { connection } = scene;
    dial(scene);
    yield;
    connection.segment(false, FLAGS.SYN, { death: reject(connection, hops, rewritten) });
    yield;
    giveUp(scene);
  };

/** Of the SYN: the reset acknowledges it, and has no number of its own. */
function reject(connection: Connection, hops: number, rewritten?: true): Death {
  const death = rejects(connection, hops, rewritten);
  return { ...death, before: () => connection.refuse({ skip: rewritten ? 3 : 0 }) };
}

/** Nothing listens: the stack says so. */
function* nobody(scene: Scene): Step {
  const { connection } = scene;
  dial(scene);
  yield;
  const before = (): void => {
    connection.answerByReset(FLAGS.SYN, null);
    connection.refuse({});
  };
  const at = { reason: 'NO_SOCKET', function: 'tcp_v4_rcv', before } as const;
  connection.segment(false, FLAGS.SYN, { death: at });
  yield;
  giveUp(scene);
}

/** Bytes of the answer that never arrive, after some that did. */
const stalls = (death: Death, length: number): Fate['live'] =>
  function* (scene) {
    yield* open(scene);
    ask(scene);
    yield;
    answer(scene);
    yield;
    ask(scene);
    yield;
    const { connection, kernel, server } = scene;
    const text = 'z'.repeat(length);
    if (isAtHost(scene)) {
      kernel.copy(server, connection.far, { operation: 'write', text, buffer: '7f20', fd: 6 });
    }
    connection.hold(length);
    yield* again(scene, () =>
      connection.segment(true, FLAGS.DATA, { length, death, counts: false }),
    );
    connection.look();
  };

/** Seen to leave the machine that sends it, and nowhere again. */
const LOST: Death = { hops: 1 };

export const FATES: Readonly<Record<string, Fate>> = {
  'answered, host': {
    routes: ['outside', 'loopback'],
    path: 'host',
    outcome: 'answered',
    proven: true,
    *live(scene) {
      yield* open(scene);
      ask(scene);
      yield;
      answer(scene);
      yield;
      scene.connection.close(scene.client);
    },
  },
  'answered, dnat': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'answered',
    proven: true,
    *live(scene) {
      yield* open(scene);
      ask(scene);
      yield;
      answer(scene);
      yield;
      scene.connection.close(scene.client);
    },
  },
  'port check': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'answered',
    proven: true,
    *live(scene) {
      yield* open(scene);
      scene.connection.close(scene.client);
    },
  },
  'half open, host': {
    routes: ['outside'],
    path: 'host',
    outcome: 'unanswered',
    proven: false,
    live: agreesInVain(LOST),
  },
  'half open, dnat': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'unanswered',
    proven: true,
    live: agreesInVain({ hops: 4 }),
  },
  'no neighbour': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'dropped',
    proven: true,
    end: { by: 'network', how: 'drop', cause: 'no-neighbour' },
    live: agreesInVain({ hops: 4, reason: 'NEIGH_FAILED', function: 'neigh_invalidate' }),
  },
  'nobody listens, host': {
    routes: ['outside', 'loopback'],
    path: 'host',
    outcome: 'refused',
    proven: true,
    end: { by: 'host', how: 'rst', cause: 'not-listening' },
    live: nobody,
  },
  'nobody listens, container': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'refused',
    proven: true,
    end: { by: 'server', how: 'rst', cause: 'not-listening' },
    live: nobody,
  },
  'rejected in INPUT': {
    routes: ['outside', 'loopback'],
    path: 'host',
    outcome: 'refused',
    proven: true,
    end: { by: 'host', how: 'rst', cause: 'rejected' },
    live: rejected(2),
  },
  'rejected in FORWARD': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'refused',
    proven: true,
    end: { by: 'host', how: 'rst', cause: 'rejected' },
    live: rejected(2, true),
  },
  'dropped in INPUT': {
    routes: ['outside', 'loopback'],
    path: 'host',
    outcome: 'dropped',
    proven: true,
    end: { by: 'host', how: 'drop', cause: 'filtered' },
    live: dies(() => ({ hops: 2, reason: 'NETFILTER_DROP' })),
  },
  'dropped in FORWARD': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'dropped',
    proven: true,
    end: { by: 'host', how: 'drop', cause: 'filtered' },
    live: dies(() => ({ hops: 2, reason: 'NETFILTER_DROP', rewritten: true })),
  },
  'answer dropped in OUTPUT': {
    routes: ['outside'],
    path: 'host',
    outcome: 'dropped',
    proven: false,
    end: { by: 'host', how: 'drop', cause: 'filtered' },
    live: agreesInVain({ hops: 0, reason: 'NETFILTER_DROP' }),
  },
  swallowed: {
    routes: ['outside'],
    path: 'host',
    outcome: 'unanswered',
    proven: false,
    live: dies(() => ({ hops: 2 })),
  },
  'reset by the server': {
    routes: ['outside', 'loopback'],
    path: 'host',
    outcome: 'reset',
    proven: true,
    end: { by: 'server', how: 'rst', cause: 'closed' },
    *live(scene) {
      const { connection } = scene;
      yield* open(scene);
      ask(scene);
      yield;
      connection.segment(true, FLAGS.RST, { socket: connection.far.address });
    },
  },
  'reset by the client': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'reset',
    proven: true,
    end: { by: 'client', how: 'rst' },
    *live(scene) {
      yield* open(scene);
      ask(scene);
      yield;
      scene.connection.segment(false, FLAGS.RST);
    },
  },
  'reset from outside': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'reset',
    proven: true,
    end: { by: 'client', how: 'rst' },
    *live(scene) {
      yield* open(scene);
      ask(scene);
      yield;
      scene.connection.segment(false, FLAGS.RST, { death: { skip: 1 } });
    },
  },
  'reset by a rule, later': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'reset',
    proven: true,
    end: { by: 'host', how: 'rst', cause: 'rejected' },
    *live(scene) {
      const { connection } = scene;
      yield* open(scene);
      const death = rejects(connection, 2, true);
      connection.segment(false, FLAGS.DATA, { length: 14, death });
      yield;
    },
  },
  'stalled, host': {
    routes: ['outside'],
    path: 'host',
    outcome: 'stalled',
    proven: true,
    live: stalls(LOST, 500),
  },
  'stalled, dnat': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'stalled',
    proven: true,
    live: stalls({ hops: 4 }, 500),
  },
  'too big': {
    routes: ['dnat'],
    path: 'dnat',
    outcome: 'stalled',
    proven: true,
    end: { by: 'host', how: 'drop', cause: 'too-big' },
    live: stalls({ hops: 3, reason: 'PKT_TOO_BIG', function: 'ip_forward', mtu: MTU }, 1_400),
  },
};
