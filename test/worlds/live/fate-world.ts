/** A world of connections that end in all ways at once, some from ports that were used before, from a seed. */
import type { Trace } from '../../../src/model/trace.js';
import { randomizer } from '../../decode/frames.js';
import { Connection } from './connection.js';
import { FATES, type Fate } from './fates.js';
import { ADDRESS, Kernel, NS, numberEvents, type Route } from './kernel.js';
import { BEHIND, type Step } from './servers.js';
import { makeTopology, makeTrace, pick, type Harm } from './world.js';

export interface Ended {
  readonly name: string;
  readonly fate: Fate;
  readonly port: number;
}

export interface FateWorld {
  readonly trace: Trace;
  readonly truths: readonly Ended[];
  readonly harm: Harm;
}

const HARMS = ['none', 'none', 'lost', 'skipped', 'late'] as const;
const PORT = 8_080;
const SECOND = 1_000_000_000;

export function makeFateWorld(seed: number): FateWorld {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const harm = pick(random, HARMS);
  const ports = new Set([PORT, BEHIND.port]);
  const kernel = new Kernel(random, { ports, copies: true, asides: true, budget: 16 });
  const server = kernel.task('python3');
  kernel.watch(server);
  const truths: Ended[] = [];
  const running: Step[] = [];
  const lines = 1 + random(5);
  for (let line = 0; line < lines; line++) running.push(endOneAfterTheOther());
  while (running.length > 0) {
    const at = random(running.length);
    if (running[at]?.next().done === true) running.splice(at, 1);
    kernel.time += random(200_000);
  }
  kernel.finish();
  const events = numberEvents(kernel.events);
  const listening = { port: PORT, server: { task: server } };
  const topology = makeTopology([listening], harm);
  const setting = { random, harm, ports: [PORT], sight: { ports }, topology };
  return { trace: makeTrace(events, setting), truths, harm };

  /** Connections of one client, sometimes from one port again and again. */
  function* endOneAfterTheOther(): Step {
    const kept = random(3) === 0 ? kernel.port() : null;
    const count = 1 + random(3);
    const name = pick(random, Object.keys(FATES));
    const first = FATES[name];
    if (!first) return;
    const route = pick(random, first.routes);
    for (let turn = 0; turn < count; turn++) {
      const next = turn === 0 ? name : pick(random, listFates(route));
      const fate = FATES[next];
      if (!fate) return;
      const port = kept ?? kernel.port();
      truths.push({ name: next, fate, port });
      const connection = connect(kernel, route, port);
      yield* fate.live({ kernel, connection, client: kernel.task('curl'), server });
      // A port is free again when its last connection has been forgotten.
      kernel.time += 60 * SECOND;
      yield;
    }
  }
}

function listFates(route: Route): string[] {
  return Object.entries(FATES).flatMap(([name, { routes }]) =>
    routes.includes(route) ? [name] : [],
  );
}

function connect(kernel: Kernel, route: Route, port: number): Connection {
  const inside = route === 'loopback';
  const address = inside ? ADDRESS.loopback : ADDRESS.client;
  const dialled = { address: inside ? ADDRESS.loopback : ADDRESS.host, port: PORT };
  return new Connection(kernel, {
    protocol: 'tcp',
    route,
    client: { address, port },
    dialled,
    answered: route === 'dnat' ? BEHIND : dialled,
    namespaces: {
      client: inside ? NS.host : NS.client,
      server: route === 'dnat' ? NS.container : NS.host,
    },
  });
}
