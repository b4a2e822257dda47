/** Makes tiny loopback connections that prove that the probes are live at the start and drained at the end. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { isLoopback } from '../../model/address.js';
import { UserError } from '../../model/errors.js';
import type { Unnumbered } from '../../model/event.js';
import { findSlice, SEAL_VIEWS, type SealSign, type SealView } from './probes/index.js';

/** Milliseconds between two checks of a seal. */
export const SEAL_PAUSE = 20;

/** Milliseconds after which a loopback connection is given up: something (a firewall) drops its packets. */
const DIAL_PATIENCE = 2_000;
/** Milliseconds that follow, in which this process reads what has come while it was busy. */
const LAST_PATIENCE = 100;

/** The signs that a seal must show when these files are part of the program. */
export function signsOf(files: readonly { readonly name: string }[]): SealSign[] {
  return files.flatMap(({ name }) => findSlice(name)?.signs ?? []);
}

/** Separates the events of seals from those of the traffic, and knows when a seal is complete. */
export class SealWatch {
  readonly #ports: ReadonlySet<number>;
  readonly #flow: ReadonlySet<number>;
  readonly #required: readonly SealSign[];
  readonly #seen = new Map<number, { signs: Set<SealSign>; time: number }>();
  /** Time of the last refused seal connection. */
  #refusedAt = -Infinity;

  /** `ports` are the sealer's, `flow` those of the traffic. */
  constructor(
    ports: readonly number[],
    required: readonly SealSign[],
    flow: readonly number[] = [],
  ) {
    this.#ports = new Set(ports);
    this.#flow = new Set(flow);
    this.#required = required;
  }

  /** True when the event belongs to a seal (and so not to the traffic). */
  observe(event: Unnumbered): boolean {
    if (event.kind === 'counter') return this.#isSeal(event.source.port, event.destination.port);
    if (event.kind === 'total') return this.#isSeal(event.from.localPort, event.from.remotePort);
    const view = SEAL_VIEWS.get(event.kind)?.(event);
    return view !== undefined && this.#note(view, event.time);
  }

  /** Signs that the seal whose client used `port` still lacks. Its refusal comes after all else: an earlier one is none. */
  missing(port: number): SealSign[] {
    const { signs, time = Infinity } = this.#seen.get(port) ?? {};
    return this.#required.filter((sign) =>
      sign === 'drop' ? this.#refusedAt < time : !signs?.has(sign),
    );
  }

  /** Drops what is known of a seal that has held, and of earlier ones. */
  forget(port: number): void {
    for (const known of this.#seen.keys()) {
      this.#seen.delete(known);
      if (known === port) return;
    }
  }

  /** Time of the first event of that seal, or null. */
  timeOf(port: number): number | null {
    return this.#seen.get(port)?.time ?? null;
  }

  #note({ ends: [a, b], sign }: SealView, time: number): boolean {
    if (!this.#isSeal(a.port, b.port)) return false;
    if (!isLoopback(a.address) || !isLoopback(b.address)) return true;
    const client = this.#ports.has(a.port) ? b.port : a.port;
    const entry = this.#seen.get(client) ?? { signs: new Set(), time };
    // Lines of several processors come in any order.
    entry.time = Math.min(entry.time, time);
    // The refused connection is a second one with another port, so its time is noted and not its port.
    if (sign === 'drop') this.#refusedAt = Math.max(this.#refusedAt, time);
    else if (sign !== null) entry.signs.add(sign);
    this.#seen.set(client, entry);
    return true;
  }

  /** Another client may have got one of our ports: its packets to a port of the flow are traffic. */
  #isSeal(a: number, b: number): boolean {
    if (this.#ports.has(a)) return !this.#flow.has(b);
    return this.#ports.has(b) && !this.#flow.has(a);
  }
}

export interface SealAttempt {
  /** The client's port of this attempt. */
  readonly port: number;
  /** Wall-clock nanoseconds at the start of its connection. */
  readonly wall: bigint;
}

/** Listens on one port of 127.0.0.1 and leaves two more closed, so that connections to them are refused. */
export class Sealer {
  readonly #server: Server;
  readonly #open: number;
  readonly #refused: number;
  /** See ProgramParameters.finalPort. */
  readonly finalPort: number;

  private constructor(server: Server, open: number, refused: number, finalPort: number) {
    this.#server = server;
    this.#open = open;
    this.#refused = refused;
    this.finalPort = finalPort;
  }

  /** Never uses one of the ports in `avoid`: those of the traffic. */
  static async create(avoid: readonly number[] = []): Promise<Sealer> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('.'));
    });
    const closed = [createServer(), createServer()];
    const listening = [server, ...closed].map((one) => listenBeside(one, avoid));
    const [open = 0, refused = 0, finalPort = 0] = await Promise.all(listening);
    await Promise.all(closed.map(closeServer));
    return new Sealer(server, open, refused, finalPort);
  }

  get ports(): readonly number[] {
    return [this.#open, this.#refused, this.finalPort];
  }

  /** Freezes the program and makes it print its counters. */
  async final(): Promise<void> {
    await dialRefused(this.finalPort);
  }

  /** Makes one connection that is served and one that is refused; null when the first could not be made. */
  async attempt(): Promise<SealAttempt | null> {
    const wall = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    const port = await new Promise<number | null>((resolve) => {
      const socket = connect(this.#open, '127.0.0.1', () => socket.write('.'));
      let local: number | null = null;
      let answered = false;
      socket.setTimeout(DIAL_PATIENCE, () => giveUpLater(socket));
      socket.on('connect', () => (local = socket.localPort ?? null));
      socket.on('data', () => (answered = true));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answered ? local : null));
    });
    if (port === null) return null;
    await dialRefused(this.#refused);
    return { port, wall };
  }

  close(): void {
    this.#server.close();
  }
}

/** Under load this process may have been too busy to look: what has come meanwhile is read first. */
function giveUpLater(socket: Socket): void {
  socket.setTimeout(LAST_PATIENCE, () => socket.destroy());
}

async function dialRefused(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.destroy());
    socket.setTimeout(DIAL_PATIENCE, () => giveUpLater(socket));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
}

/** Ports to try when the kernel's own choice has to be avoided: it keeps preferring the lower half of a range. */
const FIRST_CHOICE = 20_000;
const LAST_CHOICE = 60_000;

async function listenBeside(server: Server, avoid: readonly number[]): Promise<number> {
  const free = await listen(server, 0);
  if (!avoid.includes(free)) return free;
  await closeServer(server);
  for (let port = FIRST_CHOICE + (free % 1000); port <= LAST_CHOICE; port += 1) {
    if (avoid.includes(port)) continue;
    const taken = await listen(server, port).catch(() => null);
    if (taken !== null) return taken;
  }
  throw new UserError('no port of 127.0.0.1 is left beside those that are traced', {
    code: 'no-seal-port',
    exit: 1,
    remedy: 'trace fewer ports at once',
  });
}

async function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.removeAllListeners('error');
    server.once('error', (cause) =>
      reject(
        new UserError(
          'cannot open a socket on 127.0.0.1, which the trace needs to prove its probes live',
          {
            code: 'no-loopback',
            exit: 1,
            remedy: 'bring the loopback device of this namespace up: ip link set lo up',
            cause,
          },
        ),
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

export async function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
