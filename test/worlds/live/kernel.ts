/**
 * The kernel of a world of live events: sockets, packets and calls as the probes report them; addresses are reused
 * soon.
 */
import type { Endpoint } from '../../../src/model/address.js';
import {
  TCP,
  TCP_STATE,
  type AsideKind,
  type ConntrackView,
  type Protocol,
  type SocketSums,
  type TraceEvent,
  type Unnumbered,
} from '../../../src/model/event.js';

export type Random = (below: number) => number;

export const NS = { client: 20, host: 10, container: 30 } as const;
export const ADDRESS = {
  client: '198.51.100.2',
  host: '198.51.100.1',
  bridge: '172.17.0.1',
  container: '172.17.0.2',
  loopback: '127.0.0.1',
} as const;

/** Where a packet passes: out of or into a device; `after` where NAT has rewritten it. */
interface Hop {
  readonly namespace: number;
  readonly ifindex: number;
  readonly direction: 'in' | 'out';
  readonly after?: true;
}

const hop = (namespace: number, ifindex: number, direction: 'in' | 'out', after?: true): Hop => ({
  namespace,
  ifindex,
  direction,
  ...(after && { after }),
});

/** Ways of a request; an answer goes back the same way. */
export const ROUTES = {
  outside: [hop(NS.client, 2, 'out'), hop(NS.host, 2, 'in')],
  loopback: [hop(NS.host, 1, 'out'), hop(NS.host, 1, 'in')],
  toContainer: [hop(NS.host, 3, 'out'), hop(NS.host, 5, 'out'), hop(NS.container, 2, 'in')],
  fromContainer: [hop(NS.container, 2, 'out'), hop(NS.host, 5, 'in'), hop(NS.host, 3, 'in')],
  dnat: [
    hop(NS.client, 2, 'out'),
    hop(NS.host, 2, 'in'),
    hop(NS.host, 3, 'out', true),
    hop(NS.host, 5, 'out', true),
    hop(NS.container, 2, 'in', true),
  ],
  redirect: [hop(NS.client, 2, 'out'), hop(NS.host, 2, 'in')],
} as const satisfies Record<string, readonly Hop[]>;

export type Route = keyof typeof ROUTES;

export interface Task {
  readonly pid: number;
  readonly tid: number;
  readonly command: string;
}

/** What the probes were set to. */
export interface Sight {
  readonly ports: ReadonlySet<number>;
  /** Calls on sockets are watched. */
  readonly copies: boolean;
  /** Calls elsewhere are watched. */
  readonly asides: boolean;
  readonly budget: number;
}

export interface Socket {
  readonly protocol: Protocol;
  readonly namespace: number;
  address: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  life: number;
  /** Dialled by a process that serves the flow. */
  dialled: boolean;
}

type Bare = Unnumbered;

/** Calls of one socket and direction, or of a pair of sockets. */
interface Sum {
  readonly operation: 'read' | 'write' | 'move';
  readonly from: Socket;
  readonly to: Socket | null;
  calls: number;
  total: number;
}

export class Kernel {
  readonly events: Bare[] = [];
  readonly #random: Random;
  readonly #sight: Sight;
  readonly #free: string[] = [];
  readonly #lives = new Map<string, number>();
  readonly #relays = new Set<number>();
  readonly #calls = new Map<string, { calls: number }>();
  readonly #sums = new Map<string, Sum>();
  readonly #closed = new WeakSet<Socket>();
  #made = 0;
  #port = 33_000;
  #pid = 900;
  time = 1_000_000;

  constructor(random: Random, sight: Sight) {
    this.#random = random;
    this.#sight = sight;
  }

  get random(): Random {
    return this.#random;
  }

  task(command: string): Task {
    this.#pid += 1 + this.#random(3);
    return { pid: this.#pid, tid: this.#pid, command };
  }

  /** A process that listened when the trace began is watched from then on. */
  watch({ pid }: Task): void {
    this.#relays.add(pid);
  }

  port(): number {
    this.#port += 1 + this.#random(7);
    return this.#port;
  }

  fork(parent: Task): Task {
    const child = this.task(parent.command);
    if (this.#relays.has(parent.pid)) {
      this.#relays.add(child.pid);
      this.#tell({ kind: 'fork', pid: parent.pid, child: child.pid, command: parent.command });
    }
    return child;
  }

  socket(protocol: Protocol, namespace: number, local: Endpoint, remote: Endpoint): Socket {
    return {
      protocol,
      namespace,
      address: this.#allocate(),
      local,
      remote,
      life: 0,
      dialled: false,
    };
  }

  /** Its memory goes to the next socket. */
  free(socket: Socket): void {
    this.#free.push(socket.address);
  }

  dial(task: Task, socket: Socket): void {
    socket.dialled = this.#relays.has(task.pid);
    if (socket.dialled) this.#live(socket);
    this.state(
      task,
      { ...socket, local: { ...socket.local, port: 0 } },
      TCP_STATE.CLOSE,
      TCP_STATE.SYN_SENT,
    );
  }

  accept(task: Task, socket: Socket, fd: number): void {
    if (!this.#sees(socket)) return;
    this.#relays.add(task.pid);
    this.#live(socket);
    const { namespace, address, local, remote } = socket;
    this.#tell({ kind: 'accept', ...task, namespace, socket: address, local, remote, fd });
  }

  state(task: Task, socket: Socket, from: number, to: number, sums?: SocketSums): void {
    if (!this.#sees(socket) && !socket.dialled) return;
    const { namespace, address, local, remote } = socket;
    const ends = { namespace, socket: address, local, remote };
    this.#tell({ kind: 'state', ...task, ...ends, from, to, ...(sums && { sums }) });
    if (to !== TCP_STATE.CLOSE) return;
    const { budget } = this.#sight;
    this.#sum(({ from: one, to: other }) => one === socket && other === null, budget);
    // Between two sockets that have closed nothing can be moved any more.
    this.#closed.add(socket);
    this.#sum(
      (sum) =>
        sum.to !== null &&
        (sum.from === socket || sum.to === socket) &&
        this.#closed.has(sum.from) &&
        this.#closed.has(sum.to),
      budget,
    );
  }

  /** A call of a process on a socket. */
  copy(task: Task, socket: Socket, call: Call): void {
    const { pid } = task;
    if (!this.#relays.has(pid) || !this.#sight.copies) return;
    const { namespace, address, local, remote, protocol, life } = socket;
    const { operation, text, buffer, fd } = call;
    if (!this.#sees(socket) && !socket.dialled) {
      this.aside(task, {
        what: 'socket',
        operation,
        object: address,
        bytes: text.length,
        local,
        remote,
      });
      return;
    }
    const key = [operation, address, life, JSON.stringify([local, remote])].join();
    const count = this.#count(key, { operation, from: socket, to: null }, text.length);
    if (count.calls > this.#sight.budget) return;
    this.#tell({
      kind: 'copy',
      ...task,
      namespace,
      protocol,
      socket: address,
      local,
      remote,
      life,
      operation,
      fd,
      bytes: text.length,
      total: count.total,
      calls: count.calls,
      buffer,
      mark: digest(text.slice(0, 8)),
      tail: text.length > 8 ? digest(text.slice(-8)) : 0,
    });
  }

  splice(task: Task, from: Socket, to: Socket, bytes: number): void {
    const key = ['splice', from.address, to.address, from.local.port, to.local.port].join();
    const count = this.#count(key, { operation: 'move', from, to }, bytes);
    if (count.calls > this.#sight.budget) return;
    const ends = ({ address: socket, local, remote }: Socket) => ({ socket, local, remote });
    this.#tell({
      kind: 'move',
      ...task,
      fds: [9, 5],
      bytes,
      total: count.total,
      calls: count.calls,
      from: ends(from),
      to: ends(to),
    });
  }

  aside(task: Task, use: AsideUse): void {
    if (!this.#relays.has(task.pid) || !this.#sight.asides) return;
    const {
      what,
      operation,
      object,
      peer = '0',
      bytes = 1,
      fd = 7,
      local = null,
      remote = null,
    } = use;
    const key = ['aside', task.pid, object, what, operation].join();
    const count = this.#calls.get(key) ?? { calls: 0 };
    this.#calls.set(key, count);
    count.calls += 1;
    if (count.calls > this.#sight.budget) return;
    this.#tell({
      kind: 'aside',
      ...task,
      what,
      operation,
      fd,
      bytes,
      calls: count.calls,
      object,
      peer,
      local,
      remote,
    });
  }

  /** One packet on its way; the time goes on with it. It may die on it. */
  packet(flow: PacketFlow, parts: PacketParts, death?: Death): void {
    const { protocol, route, client, dialled, answered, sender, conntrack } = flow;
    const { reply, flags = 0, seq = 0, ack = 0, length = 0 } = parts;
    if (![client.port, dialled.port, answered.port].some((port) => this.#sight.ports.has(port))) {
      this.#pass();
      return;
    }
    const way: readonly Hop[] = ROUTES[route];
    const hops = reply ? [...way].reverse() : way;
    const skb = `ffff888${(this.#random(6) + 0x10a).toString(16)}00`;
    const describe = ({ namespace, ifindex, after }: Hop, index: number) => {
      const server = after ? answered : dialled;
      return {
        namespace,
        ifindex,
        skb,
        protocol,
        seq,
        ack,
        flags,
        length,
        source: reply ? server : client,
        destination: reply ? client : server,
        conntrack: namespace === NS.host && (after || index > 0) ? conntrack : null,
      };
    };
    const seen = hops.slice(death?.skip ?? 0, death?.hops ?? hops.length);
    for (const [index, hop] of seen.entries()) {
      this.#pass();
      const direction = reply ? (hop.direction === 'in' ? 'out' : 'in') : hop.direction;
      const socket = index === 0 && !reply ? sender : (parts.socket ?? null);
      this.#tell({
        kind: 'packet',
        direction,
        ...describe(hop, index + (death?.skip ?? 0)),
        socket,
      });
    }
    if (!death?.reason) return;
    // A rule sends its reset first, and throws the packet away then.
    death.before?.();
    const [last] = seen.slice(-1);
    const place = last ?? hops[0];
    if (!place) return;
    // It may have been rewritten behind the last place that it was seen at.
    const next = death.rewritten === true ? { ...place, after: true as const } : place;
    this.#tell({
      kind: 'drop',
      ...describe(next, 1),
      socket: null,
      ...(last ? {} : { ifindex: null }),
      reason: death.reason,
      function: death.function ?? 'nft_do_chain',
      mtu: death.mtu ?? null,
    });
  }

  /** The stack answers a segment with a reset: told by its own tracepoint, with the segment's fields. */
  answerByReset(flow: PacketFlow, parts: PacketParts, socket: string | null): void {
    const { protocol, client, answered } = flow;
    const { reply, flags = 0, seq = 0, ack = 0, length = 0 } = parts;
    const way: readonly Hop[] = ROUTES[flow.route];
    const { namespace, ifindex } = (reply ? way[0] : way.at(-1)) ?? { namespace: 0, ifindex: 0 };
    this.#tell({
      kind: 'reset',
      namespace,
      ifindex,
      skb: null,
      socket,
      protocol,
      seq,
      ack,
      flags,
      length,
      source: reply ? answered : client,
      destination: reply ? client : answered,
    });
  }

  /** Counts that the program prints at its end. */
  finish(): void {
    for (const [key, { calls }] of this.#calls) {
      const [kind, pid, object, what, operation] = key.split(',');
      if (kind !== 'aside' || calls <= this.#sight.budget) continue;
      this.#tell({
        kind: 'aside',
        pid: Number(pid),
        tid: Number(pid),
        command: '',
        fd: null,
        bytes: 0,
        calls,
        what: what as AsideKind,
        operation: operation as 'read',
        object: object ?? '',
        peer: '0',
        local: null,
        remote: null,
        sum: true,
      });
    }
    this.#sum(() => true, 0);
  }

  #count(key: string, of: Omit<Sum, 'calls' | 'total'>, bytes: number): Sum {
    const sum = this.#sums.get(key) ?? { ...of, calls: 0, total: 0 };
    this.#sums.set(key, sum);
    sum.calls += 1;
    sum.total += bytes;
    return sum;
  }

  /** Forgets the sums that are chosen, and tells those of so many calls. */
  #sum(isChosen: (sum: Sum) => boolean, least: number): void {
    for (const [key, sum] of this.#sums) {
      if (!isChosen(sum)) continue;
      this.#sums.delete(key);
      const { operation, from, to, calls, total: bytes } = sum;
      if (calls < least) continue;
      const ends = ({ address: socket, local, remote, life }: Socket) => ({
        socket,
        localPort: local.port,
        remotePort: remote.port,
        ...(to === null && { life }),
      });
      this.#tell({ kind: 'total', operation, from: ends(from), to: to && ends(to), bytes });
    }
  }

  #sees({ local, remote }: Socket): boolean {
    return this.#sight.ports.has(local.port) || this.#sight.ports.has(remote.port);
  }

  #live(socket: Socket): void {
    const life = (this.#lives.get(socket.address) ?? 0) + 1;
    this.#lives.set(socket.address, life);
    socket.life = life;
  }

  #allocate(): string {
    const used = this.#free.shift();
    if (used !== undefined) return used;
    this.#made += 1;
    return `ffff8881${(this.#made * 0x940).toString(16).padStart(8, '0')}`;
  }

  #pass(): void {
    this.time += 1_000 + this.#random(20_000);
  }

  #tell(event: Omit<Bare, 'time'> | object): void {
    this.#pass();
    this.events.push({ ...event, time: this.time } as Bare);
  }
}

interface Call {
  readonly operation: 'read' | 'write';
  readonly text: string;
  /** Place in the process's memory. */
  readonly buffer: string;
  readonly fd: number;
}

export interface AsideUse {
  readonly what: AsideKind;
  readonly operation: 'read' | 'write' | 'call';
  readonly object: string;
  readonly peer?: string;
  readonly bytes?: number;
  readonly fd?: number;
  readonly local?: Endpoint;
  readonly remote?: Endpoint;
}

/** What is the same of all packets of a connection. */
export interface PacketFlow {
  readonly protocol: Protocol;
  readonly route: Route;
  readonly client: Endpoint;
  readonly dialled: Endpoint;
  /** Where it ends: another address after NAT. */
  readonly answered: Endpoint;
  /** Kernel address of the client's socket. */
  readonly sender: string | null;
  readonly conntrack: ConntrackView | null;
}

/** How far a packet comes, and what becomes of it there. */
export interface Death {
  /** Places at which it is seen; all of them without. */
  readonly hops?: number;
  /** Places at which it is not seen yet: it was made on its way. */
  readonly skip?: number;
  /** Without, nobody sees it die. */
  readonly reason?: string;
  readonly function?: string;
  readonly mtu?: number;
  /** It has been rewritten behind the last place. */
  readonly rewritten?: true;
  /** What happens between its last place and its death. */
  readonly before?: () => void;
}

export interface PacketParts {
  readonly reply: boolean;
  /** Kernel address of the socket that it still has, beyond the client's first place. */
  readonly socket?: string;
  readonly flags?: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly length?: number;
}

export const FLAGS = {
  SYN: TCP.SYN,
  SYN_ACK: TCP.SYN | TCP.ACK,
  ACK: TCP.ACK,
  DATA: TCP.ACK | TCP.PSH,
  FIN: TCP.ACK | TCP.FIN,
  RST: TCP.RST | TCP.ACK,
} as const;

/** The probes' digest of up to eight bytes. */
function digest(text: string): number {
  let word = 0n;
  for (const [index, byte] of Buffer.from(text.slice(0, 8), 'latin1').entries()) {
    word |= BigInt(byte) << BigInt(8 * index);
  }
  return Number((BigInt.asUintN(64, word * 0x5851f42d4c957f2dn) >> 32n) & 0xffffffffn);
}

export function numberEvents(events: readonly Bare[]): TraceEvent[] {
  return events.map((event, index) => ({ ...event, id: index + 1 }));
}
