/** What servers and relays of a world do with one connection; each step yields, so that others run in between. */
import type { Endpoint } from '../../../src/model/address.js';
import type { AsideKind } from '../../../src/model/event.js';
import { Connection } from './connection.js';
import { ADDRESS, NS, type Kernel, type Socket, type Task } from './kernel.js';

export const REQUESTS = ['PING\r\n', 'GET /api/items HTTP/1.1\r\n\r\n', 'x'] as const;
export const ANSWERS = ['+PONG\r\n', 'HTTP/1.1 200 OK\r\n\r\nhello', 'y'.repeat(700)] as const;

/** A process that listens. */
export interface Server {
  readonly kernel: Kernel;
  readonly task: Task;
  /** Places in its memory that calls use again and again. */
  readonly buffers: readonly [string, string, string];
  /** Other clients that are open, for chats. */
  readonly rooms: Set<{ readonly connection: Connection; readonly fd: number }>;
  /** A connection that it shares between clients, or that is older than the trace. */
  pool: Connection | null;
  /** Answers that it keeps. */
  readonly kept: Map<string, string>;
  fd: number;
}

export type Step = Generator<void, void>;

/** One connection as its server has it. */
export interface Visit {
  readonly server: Server;
  readonly connection: Connection;
  readonly task: Task;
  readonly fd: number;
  readonly turns: readonly { readonly request: string; readonly answer: string }[];
  /** How each of its requests was answered. */
  readonly did: Set<'relay' | 'host'>;
}

type Serve = (visit: Visit) => Step;

function read({ server, connection, task, fd }: Visit, text: string, buffer?: string): void {
  const place = buffer ?? server.buffers[0];
  server.kernel.copy(task, connection.far, { operation: 'read', text, buffer: place, fd });
}

function write(
  { server, connection, task, fd }: Visit,
  text: string,
  buffer = server.buffers[1],
): void {
  connection.send(true, text);
  server.kernel.copy(task, connection.far, { operation: 'write', text, buffer, fd });
}

/** Asks and answers; `between` is what the server does until it answers. */
function* converse(visit: Visit, between: (request: string) => Step = nothing): Step {
  for (const { request, answer } of visit.turns) {
    visit.connection.send(false, request);
    yield;
    read(visit, request);
    yield* between(request);
    yield;
    write(visit, answer);
  }
}

function* nothing(): Step {
  yield;
}

/** Calls elsewhere and an answer from there. */
const asks =
  (what: AsideKind, { fd = 7, back = true, peer = '0', self = false } = {}): Serve =>
  (visit) =>
    converse(visit, function* () {
      const { server, task } = visit;
      const object = `ffff8882${server.task.pid.toString(16)}00`;
      const call = what === 'pipe' || what === 'unix' || what === 'socket' || what === 'device';
      if (!call) {
        server.kernel.aside(task, { what, operation: 'call', object: '0' });
        return;
      }
      const ends =
        what === 'socket'
          ? {
              local: { address: ADDRESS.host, port: 51_000 },
              remote: { address: '203.0.113.9', port: 22 },
            }
          : {};
      server.kernel.aside(task, { what, operation: 'write', object, peer, fd, ...ends });
      yield;
      const other = what === 'pipe' && !self ? `${object}1` : object;
      if (back)
        server.kernel.aside(task, { what, operation: 'read', object: other, peer, fd, ...ends });
    });

/** Begins a connection of its own to ask something else. */
const dials =
  (port: number, same = false): Serve =>
  (visit) =>
    converse(visit, function* (request) {
      const { server, task } = visit;
      const other = dialUp(server, task, { address: ADDRESS.host, port });
      yield;
      // Its own words may stand where the request stood, be as long, and begin like it.
      const text = same && request.length > 16 ? `${request.slice(0, -3)}zz\n` : 'SELECT 1';
      const [place] = server.buffers;
      other.send(false, text);
      server.kernel.copy(task, other.near, { operation: 'write', text, buffer: place, fd: 12 });
      yield;
      other.send(true, 'row');
      server.kernel.copy(task, other.near, {
        operation: 'read',
        text: 'row',
        buffer: server.buffers[2],
        fd: 12,
      });
      yield;
      other.close(task);
    });

function dialUp(server: Server, task: Task, to: Endpoint): Connection {
  const container = to.address === ADDRESS.container;
  const other = new Connection(server.kernel, {
    protocol: 'tcp',
    route: container ? 'toContainer' : 'loopback',
    client: { address: container ? ADDRESS.bridge : ADDRESS.host, port: server.kernel.port() },
    dialled: to,
    answered: to,
    namespaces: { client: NS.host, server: container ? NS.container : NS.host },
  });
  other.open(task);
  return other;
}

/** What a client says goes to all others in the room, and to none else. */
function* chat(visit: Visit): Step {
  const { server, task } = visit;
  const seat = { connection: visit.connection, fd: visit.fd };
  server.rooms.add(seat);
  for (const { request } of visit.turns) {
    visit.connection.send(false, request);
    yield;
    read(visit, request);
    for (const { connection, fd } of server.rooms) {
      connection.send(true, request);
      server.kernel.copy(task, connection.far, {
        operation: 'write',
        text: request,
        buffer: server.buffers[0],
        fd,
      });
    }
    yield;
  }
  server.rooms.delete(seat);
}

function* echo(visit: Visit): Step {
  for (const { request } of visit.turns) {
    visit.connection.send(false, request);
    yield;
    read(visit, request);
    yield;
    write(visit, request, visit.server.buffers[0]);
  }
}

interface RelayForm {
  readonly to: Endpoint;
  /** How its bytes go from socket to socket. */
  readonly by: 'copy' | 'splice' | 'tls' | 'other-place';
  /** Answers some requests from what it keeps. */
  readonly caches?: true;
  /** The upstream server speaks first, or ahead of the request. */
  readonly ahead?: true;
  readonly pooled?: true;
  readonly forks?: true;
}

const TLS_HELLO = `\x16\x03\x01\x00\xc3\x01\x00\x00\xbf${'h'.repeat(191)}`;
const SEALED = 22;

function relay(form: RelayForm): Serve {
  return function* (visit) {
    const { server, connection } = visit;
    const { kernel } = server;
    const task = form.forks ? kernel.fork(visit.task) : visit.task;
    const own = { ...visit, task };
    let upstream = form.pooled ? server.pool : null;
    if (form.by === 'tls') {
      connection.send(false, TLS_HELLO);
      yield;
      read(own, TLS_HELLO);
      write(own, 'S'.repeat(1_200), server.buffers[2]);
      yield;
    }
    const begin = (): Connection => {
      upstream ??= dialUp(server, task, form.to);
      if (form.pooled) server.pool = upstream;
      return upstream;
    };
    if (!form.caches) begin();
    if (form.ahead) {
      const banner = '220 ready\r\n';
      yield;
      begin().send(true, banner);
      carry(own, begin().near, banner, form, true);
    }
    for (const { request, answer } of visit.turns) {
      const longer = form.by === 'tls' ? 'e'.repeat(SEALED) : '';
      connection.send(false, request + longer);
      yield;
      if (form.caches && server.kept.has(request)) {
        visit.did.add('host');
        read(own, request);
        yield;
        write(own, server.kept.get(request) ?? '', server.buffers[2]);
        continue;
      }
      visit.did.add('relay');
      carry(own, begin().near, request, form, false);
      begin().send(false, request);
      yield;
      begin().send(true, answer);
      yield;
      carry(own, begin().near, answer, form, true);
      if (form.caches) server.kept.set(request, answer);
    }
    yield;
    if (!form.pooled) upstream?.close(task);
  };
}

/** Moves a piece between the client's socket and the upstream one. */
function carry(visit: Visit, upstream: Socket, text: string, form: RelayForm, back: boolean): void {
  const { server, connection, task, fd } = visit;
  const { kernel, buffers } = server;
  if (form.by === 'splice') {
    const [from, to] = back ? [upstream, connection.far] : [connection.far, upstream];
    kernel.splice(task, from, to, text.length);
    if (back) connection.send(true, text);
    return;
  }
  const sealed = form.by === 'tls' ? 'e'.repeat(SEALED) : '';
  const [first, second] = form.by === 'copy' ? [buffers[0], buffers[0]] : [buffers[0], buffers[1]];
  const near = { fd, socket: connection.far, text: text + sealed };
  const far = { fd: 12, socket: upstream, text };
  const [from, to] = back ? [far, near] : [near, far];
  kernel.copy(task, from.socket, {
    operation: 'read',
    text: from.text,
    buffer: first,
    fd: from.fd,
  });
  if (back) connection.send(true, text + sealed);
  kernel.copy(task, to.socket, { operation: 'write', text: to.text, buffer: second, fd: to.fd });
}

/** docker-proxy where nothing listens behind it. */
function* vain(visit: Visit): Step {
  const { server, task } = visit;
  yield;
  new Connection(server.kernel, {
    protocol: 'tcp',
    route: 'toContainer',
    client: { address: ADDRESS.bridge, port: server.kernel.port() },
    dialled: BEHIND,
    answered: BEHIND,
    namespaces: { client: NS.host, server: NS.container },
  }).refused(task);
  yield;
}

export const BEHIND: Endpoint = { address: ADDRESS.container, port: 6379 };
const ELSEWHERE: Endpoint = { address: ADDRESS.host, port: 19_090 };

export interface Kind {
  readonly serve: Serve;
  /** What is so; `never`: not even the truth may be called proven, for nothing that was watched shows it. */
  readonly path: 'host' | 'relay' | 'docker-proxy';
  readonly proven: 'always' | 'may' | 'never';
  readonly command: string;
}

const host = { path: 'host', command: 'python3' } as const;
const relayed = { path: 'relay', command: 'socat' } as const;

/** All kinds of servers that there are. */
export const KINDS: Readonly<Record<string, Kind>> = {
  plain: { serve: (visit) => converse(visit), ...host, proven: 'always' },
  echo: { serve: echo, ...host, proven: 'always' },
  chat: { serve: chat, ...host, proven: 'always' },
  logs: { serve: asks('pipe', { fd: 2, back: false }), ...host, proven: 'always' },
  'wakes itself': { serve: asks('pipe', { self: true }), ...host, proven: 'always' },
  database: { serve: dials(19_090), ...host, proven: 'never' },
  'database, alike': { serve: dials(19_090, true), ...host, proven: 'never' },
  'database, traced': { serve: dials(8_081), ...host, proven: 'never' },
  'unix socket': { serve: asks('unix'), ...host, proven: 'never' },
  'pipe to another': { serve: asks('pipe'), ...host, proven: 'never' },
  'log that answers': { serve: asks('pipe', { fd: 2 }), ...host, proven: 'never' },
  'one way': { serve: asks('unix', { back: false }), ...host, proven: 'never' },
  'older connection': { serve: asks('socket'), ...host, proven: 'never' },
  terminal: { serve: asks('device'), ...host, proven: 'never' },
  io_uring: { serve: asks('io_uring'), ...host, proven: 'never' },
  sendmmsg: { serve: asks('sendmmsg'), ...host, proven: 'never' },
  copies: { serve: relay({ to: BEHIND, by: 'copy' }), ...relayed, proven: 'always' },
  'copies, untraced': { serve: relay({ to: ELSEWHERE, by: 'copy' }), ...relayed, proven: 'always' },
  splices: { serve: relay({ to: BEHIND, by: 'splice' }), ...relayed, proven: 'always' },
  forks: { serve: relay({ to: BEHIND, by: 'copy', forks: true }), ...relayed, proven: 'always' },
  prefetches: {
    serve: relay({ to: BEHIND, by: 'copy', ahead: true }),
    ...relayed,
    proven: 'always',
  },
  'copies elsewhere in memory': {
    serve: relay({ to: BEHIND, by: 'other-place' }),
    ...relayed,
    proven: 'never',
  },
  encrypts: { serve: relay({ to: BEHIND, by: 'tls' }), ...relayed, proven: 'never' },
  pools: { serve: relay({ to: BEHIND, by: 'copy', pooled: true }), ...relayed, proven: 'may' },
  caches: { serve: relay({ to: BEHIND, by: 'copy', caches: true }), ...relayed, proven: 'may' },
  'docker-proxy': {
    serve: relay({ to: BEHIND, by: 'splice' }),
    path: 'docker-proxy',
    command: 'docker-proxy',
    proven: 'always',
  },
  'docker-proxy in vain': {
    serve: vain,
    path: 'docker-proxy',
    command: 'docker-proxy',
    // Of several clients at once it stays open which leg is whose, and so whether a container was there.
    proven: 'may',
  },
};
