/** A world of live events from a seed: servers, relays and clients of all kinds at once, and what is true of each connection. */
import type { Endpoint } from '../../../src/model/address.js';
import { TCP, type TraceEvent } from '../../../src/model/event.js';
import type { Topology } from '../../../src/model/topology.js';
import type { Trace } from '../../../src/model/trace.js';
import { randomizer } from '../../decode/frames.js';
import { Connection } from './connection.js';
import { ADDRESS, Kernel, NS, numberEvents, type Random, type Route, type Task } from './kernel.js';
import { ANSWERS, BEHIND, KINDS, REQUESTS, type Server, type Step, type Visit } from './servers.js';

export interface Truth {
  readonly kind: string;
  readonly client: Endpoint;
  readonly path: 'host' | 'relay' | 'docker-proxy' | 'dnat';
  readonly proven: 'always' | 'may' | 'never';
  /** Several ways at once: nothing may be called proven. */
  readonly did: ReadonlySet<string>;
}

export interface LiveWorld {
  readonly trace: Trace;
  readonly truths: readonly Truth[];
  /** Calls that are told of each socket. */
  readonly budget: number;
  /** Nothing is missing from the trace, and everything was watched. */
  readonly clean: boolean;
}

/** What is done to a trace before it is looked at. */
const HARMS = ['none', 'none', 'none', 'lost', 'skipped', 'late', 'unwatched', 'earlier'] as const;
export type Harm = (typeof HARMS)[number];

export function makeLiveWorld(seed: number): LiveWorld {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const harm = pick(random, HARMS);
  const count = 1 + random(3);
  const ports = Array.from({ length: count }, (_, index) => 8_080 + 10 * index);
  const whole = random(2) === 0;
  const sight = {
    ports: new Set([...ports, ...(whole ? [BEHIND.port] : []), 8_081]),
    copies: harm !== 'unwatched',
    asides: harm !== 'unwatched' && harm !== 'earlier',
    budget: random(3) === 0 ? 2 : 16,
  };
  const kernel = new Kernel(random, sight);
  const names = Object.keys(KINDS);
  const servers = ports.map((port) => {
    const name = pick(random, names);
    const server = makeServer(kernel, KINDS[name]?.command ?? '');
    if (random(4) > 0 || KINDS[name]?.path === 'docker-proxy') kernel.watch(server.task);
    return { port, name, server };
  });
  const truths: Truth[] = [];
  const running: Step[] = [];
  for (const { port, name, server } of servers) {
    const clients = 1 + random(4);
    for (let i = 0; i < clients; i++) running.push(visit({ port, name, server }, truths));
  }
  if (random(3) === 0) running.push(pass(kernel, ports[0] ?? 0, truths));
  while (running.length > 0) {
    const at = random(running.length);
    if (running[at]?.next().done === true) running.splice(at, 1);
    kernel.time += random(200_000);
  }
  kernel.finish();
  const events = numberEvents(kernel.events);
  const topology = makeTopology(servers, harm);
  return {
    trace: makeTrace(events, { random, harm, ports, sight, topology }),
    truths,
    budget: sight.budget,
    clean: harm === 'none',
  };
}

function makeServer(kernel: Kernel, command: string): Server {
  const place = (): string => `7f${kernel.random(2 ** 28).toString(16)}0`;
  return {
    kernel,
    task: kernel.task(command),
    buffers: [place(), place(), place()],
    rooms: new Set(),
    pool: null,
    kept: new Map(),
    fd: 4,
  };
}

/** A process that listens on a port of the host. */
export interface Listening {
  readonly port: number;
  readonly server: { readonly task: Task };
}

interface Placed extends Listening {
  readonly name: string;
  readonly server: Server;
}

/** A client of a server of the host, from one of three places, sometimes by a rule that redirects. */
function* visit({ port, name, server }: Placed, truths: Truth[]): Step {
  const { kernel } = server;
  const { random } = kernel;
  const kind = KINDS[name];
  if (!kind) return;
  const from = pick(random, ['outside', 'loopback', 'fromContainer'] as const);
  const address = {
    outside: ADDRESS.client,
    loopback: ADDRESS.loopback,
    fromContainer: ADDRESS.container,
  };
  const hosts = {
    outside: ADDRESS.host,
    loopback: ADDRESS.loopback,
    fromContainer: ADDRESS.bridge,
  };
  const namespace = { outside: NS.client, loopback: NS.host, fromContainer: NS.container };
  const client = { address: address[from], port: kernel.port() };
  const redirected = from === 'outside' && random(4) === 0;
  const answered = { address: hosts[from], port };
  const route: Route = redirected ? 'redirect' : from;
  const connection = new Connection(kernel, {
    protocol: 'tcp',
    route,
    client,
    answered,
    dialled: redirected ? { address: ADDRESS.host, port: 80 } : answered,
    namespaces: { client: namespace[from], server: NS.host },
  });
  const did = new Set<'relay' | 'host'>();
  const { path, proven } = kind;
  truths.push({ kind: name, client, path, proven, did });
  const caller = kernel.task('curl');
  connection.open(caller);
  yield;
  server.fd += 1;
  const { fd, task } = server;
  kernel.accept(task, connection.far, fd);
  yield;
  const turns = Array.from({ length: 1 + random(3) }, () => {
    const which = random(REQUESTS.length);
    return { request: REQUESTS[which] ?? '', answer: ANSWERS[which] ?? '' };
  });
  const made: Visit = { server, connection, task, fd, turns, did };
  yield* kind.serve(made);
  yield;
  connection.close(caller);
}

/** A client whose connection a rule rewrites to the container: no process of the host takes part. */
function* pass(kernel: Kernel, port: number, truths: Truth[]): Step {
  const client = { address: ADDRESS.client, port: kernel.port() };
  const connection = new Connection(kernel, {
    protocol: 'tcp',
    route: 'dnat',
    client,
    answered: BEHIND,
    dialled: { address: ADDRESS.host, port },
    namespaces: { client: NS.client, server: NS.container },
  });
  truths.push({ kind: 'dnat', client, path: 'dnat', proven: 'may', did: new Set() });
  const caller = kernel.task('curl');
  connection.open(caller);
  yield;
  connection.send(false, REQUESTS[0]);
  yield;
  connection.send(true, ANSWERS[0]);
  yield;
  connection.close(caller);
}

export interface Setting {
  readonly random: Random;
  readonly harm: Harm;
  readonly ports: readonly number[];
  readonly sight: { readonly ports: ReadonlySet<number> };
  readonly topology: Topology;
}

export function makeTrace(all: readonly TraceEvent[], setting: Setting): Trace {
  const { random, harm, ports, sight, topology } = setting;
  const share = random(10) / 20;
  const gone = (): boolean => random(1000) / 1000 < share;
  let events = all;
  if (harm === 'lost') events = all.filter(() => !gone());
  if (harm === 'skipped')
    events = all.filter((event, at) => !maySkip(event) || isOfOneCall(all, at) || !gone());
  if (harm === 'late') events = all.slice(findStart(all, random(all.length)));
  const missing = all.length - events.length;
  return {
    source: 'live',
    header: {
      program: 'a world',
      epoch: 0n,
      client: null,
      topology,
      target: {
        protocol: 'all',
        asked: ports,
        ports: [...sight.ports],
        containers: ['redis'],
        addresses: [ADDRESS.container],
        mappings: [],
      },
      probes: {
        attached: ['tracepoint:syscalls:sys_exit_accept4'],
        missing: [],
        witnesses: listWitnesses(harm),
      },
    },
    events,
    tail: {
      lostEvents: harm === 'lost' ? missing : 0,
      ...(harm === 'skipped' && missing > 0 && { skippedRuns: missing }),
      unparsedPackets: 0,
      truncated: false,
      sealed: harm !== 'lost' || missing === 0,
      notes: [],
    },
  };
}

function listWitnesses(harm: Harm): ('accepts' | 'copies' | 'asides')[] {
  if (harm === 'unwatched') return ['accepts'];
  return harm === 'earlier' ? ['accepts', 'copies'] : ['accepts', 'copies', 'asides'];
}

/** What the kernel sees in softirq, where a probe that was interrupted keeps the others from running. */
function maySkip(event: TraceEvent): boolean {
  if (event.kind === 'state') return event.to !== 2 && event.from !== event.to;
  return event.kind === 'packet';
}

/** The probes are live before the trace begins: it does not begin in the middle of a call that throws a packet away. */
function findStart(all: readonly TraceEvent[], at: number): number {
  for (let start = at; start < all.length; start++) {
    if (!all.slice(start, start + 4).some(({ kind }) => kind === 'drop')) return start;
  }
  return all.length;
}

/** A rule's reset leaves in the call that throws the segment away: of both, none is skipped where the other is seen. */
function isOfOneCall(all: readonly TraceEvent[], at: number): boolean {
  const event = all[at];
  if (event?.kind !== 'packet' || (event.flags & TCP.RST) === 0) return false;
  return all
    .slice(at, at + 4)
    .some((next) => next.kind === 'drop' && next.reason === 'NETFILTER_DROP');
}

export function makeTopology(servers: readonly Listening[], harm: Harm): Topology {
  const device = (ifindex: number, name: string, ...addresses: string[]) => ({
    ifindex,
    name,
    addresses,
    master: null,
    peerIfindex: null,
    peerNamespace: null,
    kind: 'other' as const,
  });
  const everywhere = (port: number): Endpoint => ({ address: '0.0.0.0', port });
  const isProxy = (task: Task): boolean => task.command === 'docker-proxy';
  return {
    host: NS.host,
    namespaces: [
      {
        inode: NS.host,
        name: 'host',
        role: 'host',
        devices: [
          device(1, 'lo', '127.0.0.1/8'),
          device(2, 'ext0', `${ADDRESS.host}/24`),
          device(3, 'docker0', `${ADDRESS.bridge}/16`),
          device(5, 'veth1'),
        ],
      },
      {
        inode: NS.container,
        name: 'redis',
        role: 'container',
        devices: [device(2, 'eth0', `${ADDRESS.container}/16`)],
      },
      {
        inode: NS.client,
        name: 'client',
        role: 'other',
        devices: [device(2, 'eth0', `${ADDRESS.client}/24`)],
      },
    ],
    containers: [
      {
        id: 'r',
        name: 'redis',
        pid: 500,
        namespace: NS.container,
        networkMode: 'bridge',
        networks: [
          {
            name: 'bridge',
            bridge: 'docker0',
            addresses: [ADDRESS.container],
            gateway: ADDRESS.bridge,
          },
        ],
        published: [],
      },
    ],
    relays: servers.flatMap(({ server: { task }, port }) =>
      isProxy(task) && harm !== 'unwatched'
        ? [
            {
              pid: task.pid,
              command: task.command,
              arguments: [],
              protocol: 'tcp' as const,
              listens: everywhere(port),
              target: BEHIND,
            },
          ]
        : [],
    ),
    listeners: servers.map(({ server: { task }, port }) => ({
      namespace: NS.host,
      protocol: 'tcp',
      local: everywhere(port),
      pid: task.pid,
      command: task.command,
    })),
    engine: null,
    problems: [],
  };
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T;
}
