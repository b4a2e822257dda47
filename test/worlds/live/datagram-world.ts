/** A world of datagrams from a seed: servers on unconnected sockets, relays, refusals and losses, and ports that are used again. */
import type { Trace } from '../../../src/model/trace.js';
import type { Outcome, Path } from '../../../src/model/verdict.js';
import { randomizer } from '../../decode/frames.js';
import { Connection } from './connection.js';
import { ADDRESS, Kernel, NS, numberEvents, type Death, type Route, type Task } from './kernel.js';
import { BEHIND, type Step } from './servers.js';
import { makeTopology, makeTrace, pick, type Harm } from './world.js';

interface Scene {
  readonly kernel: Kernel;
  readonly flow: Connection;
  readonly server: Task;
  /** The trace saw the server begin to wait; a first call that was begun before is not told. */
  readonly waited: boolean;
  readonly turns: number;
}

export interface Kind {
  readonly route: Route;
  readonly path: Path;
  readonly outcome: Outcome;
  /** `never`: nothing that was watched shows it. */
  readonly proven: 'always' | 'may' | 'never';
  readonly live: (scene: Scene) => Step;
}

export interface Flown {
  readonly name: string;
  readonly kind: Kind;
  readonly port: number;
}

export interface DatagramWorld {
  readonly trace: Trace;
  readonly truths: readonly Flown[];
  readonly harm: Harm;
}

const PORT = 8_080;
const PLACE = '7f30';
const QUERY = 'query for one name';
const REPLY = 'its address';

function read({ kernel, flow, server }: Scene, text: string): void {
  kernel.copy(server, flow.far, { operation: 'read', text, buffer: PLACE, fd: 4 });
}

function write({ kernel, flow, server }: Scene, text: string, buffer = '7f40'): void {
  kernel.copy(server, flow.far, { operation: 'write', text, buffer, fd: 4 });
  flow.send(true, text);
}

/** `between` is what the server does until it answers. */
const converse = (between: (scene: Scene) => void, echoes = false): Kind['live'] =>
  function* (scene) {
    for (let turn = 0; turn < scene.turns; turn++) {
      scene.flow.send(false, QUERY);
      yield;
      // The call began before the trace, so that only its answer is told.
      if (!scene.waited || turn > 0) read(scene, QUERY);
      between(scene);
      yield;
      if (echoes) write(scene, QUERY, PLACE);
      else write(scene, REPLY);
      yield;
    }
  };

/** Each client has a socket of the relay's own, which speaks to the container. */
function* relay(scene: Scene): Step {
  const { kernel, flow, server } = scene;
  const near = { address: ADDRESS.bridge, port: kernel.port() };
  const onward = new Connection(kernel, {
    protocol: 'udp',
    route: 'toContainer',
    client: near,
    dialled: BEHIND,
    answered: BEHIND,
    namespaces: { client: NS.host, server: NS.container },
  });
  const call = (operation: 'read' | 'write', text: string): void =>
    kernel.copy(server, onward.near, { operation, text, buffer: PLACE, fd: 9 });
  for (let turn = 0; turn < scene.turns; turn++) {
    const [query, reply] = [`${QUERY} ${turn}`, `${REPLY} ${turn}`];
    flow.send(false, query);
    yield;
    read(scene, query);
    call('write', query);
    onward.send(false, query);
    yield;
    onward.send(true, reply);
    call('read', reply);
    write(scene, reply, PLACE);
    yield;
  }
}

/** Datagrams that die so; nobody answers. */
const dies = (death: Death): Kind['live'] =>
  function* ({ flow, turns }) {
    for (let turn = 0; turn < turns; turn++) {
      flow.segment(false, 0, { length: QUERY.length, death });
      yield;
    }
  };

const host = { route: 'outside', path: 'host', outcome: 'answered' } as const;
const dnat = { route: 'dnat', path: 'dnat' } as const;

export const DATAGRAMS: Readonly<Record<string, Kind>> = {
  server: { ...host, proven: 'always', live: converse(() => undefined) },
  echo: { ...host, proven: 'always', live: converse(() => undefined, true) },
  'on loopback': {
    ...host,
    route: 'loopback',
    proven: 'always',
    live: converse(() => undefined),
  },
  'asks another server': {
    ...host,
    proven: 'never',
    live: converse(({ kernel, server }) =>
      kernel.aside(server, {
        what: 'socket',
        operation: 'write',
        object: 'ffff8883aa00',
        local: { address: ADDRESS.host, port: 51_000 },
        remote: { address: '203.0.113.9', port: 53 },
      }),
    ),
  },
  'by recvmmsg': {
    ...host,
    proven: 'never',
    live: converse(({ kernel, server }) =>
      kernel.aside(server, { what: 'recvmmsg', operation: 'call', object: '0' }),
    ),
  },
  relay: { ...host, path: 'relay', proven: 'may', live: relay },
  'nobody listens': {
    route: 'outside',
    path: 'host',
    outcome: 'refused',
    proven: 'always',
    live: dies({ reason: 'NO_SOCKET', function: '__udp4_lib_rcv' }),
  },
  'dropped in INPUT': {
    route: 'outside',
    path: 'host',
    outcome: 'dropped',
    proven: 'always',
    live: dies({ hops: 2, reason: 'NETFILTER_DROP' }),
  },
  container: {
    ...dnat,
    outcome: 'answered',
    proven: 'always',
    *live({ flow, turns }) {
      for (let turn = 0; turn < turns; turn++) {
        flow.send(false, QUERY);
        yield;
        flow.send(true, REPLY);
        yield;
      }
    },
  },
  'container is silent': {
    ...dnat,
    outcome: 'unanswered',
    proven: 'always',
    live: dies({}),
  },
  'answer that is lost': {
    ...dnat,
    outcome: 'dropped',
    proven: 'always',
    *live({ flow }) {
      flow.send(false, QUERY);
      yield;
      const death = { hops: 3, reason: 'NETFILTER_DROP' } as const;
      flow.segment(true, 0, { length: REPLY.length, death });
      yield;
    },
  },
  'nobody listens in the container': {
    ...dnat,
    outcome: 'refused',
    proven: 'always',
    live: dies({ reason: 'NO_SOCKET', function: '__udp4_lib_rcv' }),
  },
  'dropped in FORWARD': {
    ...dnat,
    outcome: 'dropped',
    proven: 'always',
    live: dies({ hops: 2, reason: 'NETFILTER_DROP', rewritten: true }),
  },
};

const HARMS = ['none', 'none', 'lost', 'skipped', 'late'] as const;

export function makeDatagramWorld(seed: number): DatagramWorld {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const harm = pick(random, HARMS);
  const ports = new Set([PORT, BEHIND.port]);
  const kernel = new Kernel(random, { ports, copies: true, asides: true, budget: 16 });
  const truths: Flown[] = [];
  // One process serves one port, and is of one kind.
  const name = pick(random, Object.keys(DATAGRAMS));
  const kind = DATAGRAMS[name];
  const server = kernel.task('named');
  kernel.watch(server);
  const socket = kernel.socket(
    ...(['udp', NS.host] as const),
    { address: '0.0.0.0', port: PORT },
    { address: '0.0.0.0', port: 0 },
  );
  let waits = random(3) === 0;
  const running = Array.from({ length: 1 + random(4) }, () => ask());
  while (running.length > 0) {
    const at = random(running.length);
    if (running[at]?.next().done === true) running.splice(at, 1);
    kernel.time += random(200_000);
  }
  kernel.finish();
  const events = numberEvents(kernel.events);
  const topology = makeTopology([{ port: PORT, server: { task: server } }], harm);
  const setting = { random, harm, ports: [PORT], sight: { ports }, topology };
  return { trace: makeTrace(events, setting), truths, harm };

  /** A client asks, and a later one from the same port sometimes. */
  function* ask(): Step {
    if (!kind) return;
    const port = kernel.port();
    const flows = random(3) === 0 ? 2 : 1;
    for (let turn = 0; turn < flows; turn++) {
      truths.push({ name, kind, port });
      const waited = waits;
      waits = false;
      const flow = connect(kernel, kind.route, port, socket);
      yield* kind.live({ kernel, flow, server, waited, turns: 1 + random(3) });
    }
  }
}

function connect(
  kernel: Kernel,
  route: Route,
  port: number,
  shared: ReturnType<Kernel['socket']>,
): Connection {
  const inside = route === 'loopback';
  const client = { address: inside ? ADDRESS.loopback : ADDRESS.client, port };
  const dialled = { address: inside ? ADDRESS.loopback : ADDRESS.host, port: PORT };
  const through = route === 'dnat';
  return new Connection(
    kernel,
    {
      protocol: 'udp',
      route,
      client,
      dialled,
      answered: through ? BEHIND : dialled,
      namespaces: {
        client: inside ? NS.host : NS.client,
        server: through ? NS.container : NS.host,
      },
    },
    { ...shared, remote: client },
  );
}
