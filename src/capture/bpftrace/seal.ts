/** Tiny loopback connections of our own that prove the probes live at the start and drained at the end. */
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { UserError } from '../../model/errors.js';
import type { Unnumbered } from './lines.js';

/** What one seal connection makes the probes report. */
export type SealSign = 'out' | 'in' | 'drop' | 'state' | 'accept' | 'read' | 'write';

/** Which probe file reports which signs; resets are left out, older kernels do not report those without a socket. */
const SIGNS: Readonly<Record<string, readonly SealSign[]>> = {
  'hops-out.bt': ['out'],
  'hops-in.bt': ['in'],
  'drops.bt': ['drop'],
  'tcp-states.bt': ['state'],
  'relay.bt': ['accept'],
  'relay-copy.bt': ['read', 'write'],
};

export function signsOf(files: readonly { readonly name: string }[]): SealSign[] {
  return files.flatMap((file) => SIGNS[file.name] ?? []);
}

/** Sorts the tracer's events into those of seals and those of the traffic, and knows when a seal is complete. */
export class SealWatch {
  readonly #ports: ReadonlySet<number>;
  readonly #required: readonly SealSign[];
  readonly #seen = new Map<number, { signs: Set<SealSign>; time: number }>();
  #drops = 0;

  constructor(ports: readonly number[], required: readonly SealSign[]) {
    this.#ports = new Set(ports);
    this.#required = required;
  }

  /** Refused seal connections reported so far; a seal is complete only if one more came since it began. */
  get drops(): number {
    return this.#drops;
  }

  /** True when the event belongs to a seal (and so not to the traffic). */
  observe(event: Unnumbered): boolean {
    switch (event.kind) {
      case 'packet':
        return this.#note(event.source.port, event.destination.port, event.direction, event.time);
      case 'drop': {
        const ours = this.#note(event.source.port, event.destination.port, null, event.time);
        if (ours) this.#drops += 1;
        return ours;
      }
      case 'reset':
        return this.#note(event.source.port, event.destination.port, null, event.time);
      case 'copy':
        return this.#note(event.local.port, event.remote.port, event.operation, event.time);
      case 'retransmit':
        return this.#note(event.local.port, event.remote.port, null, event.time);
      case 'state':
      case 'accept':
        return this.#note(event.local.port, event.remote.port, event.kind, event.time);
      default:
        return false;
    }
  }

  /** Signs still missing of the seal whose client used `port`, when `dropsBefore` refusals had been seen before it. */
  missing(port: number, dropsBefore: number): SealSign[] {
    const signs = this.#seen.get(port)?.signs;
    return this.#required.filter((sign) =>
      sign === 'drop' ? this.#drops <= dropsBefore : !signs?.has(sign),
    );
  }

  /** Time of the first event of that seal, or null. */
  timeOf(port: number): number | null {
    return this.#seen.get(port)?.time ?? null;
  }

  #note(a: number, b: number, sign: SealSign | null, time: number): boolean {
    const ours = this.#ports.has(a) ? b : this.#ports.has(b) ? a : null;
    if (ours === null) return false;
    const entry = this.#seen.get(ours) ?? { signs: new Set(), time };
    if (sign !== null) entry.signs.add(sign);
    this.#seen.set(ours, entry);
    return true;
  }
}

export interface SealAttempt {
  /** The client's port of this attempt. */
  readonly port: number;
  /** Wall-clock nanoseconds when its connection was begun. */
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

  static async create(): Promise<Sealer> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('.'));
    });
    const closed = [createServer(), createServer()];
    const open = await listen(server);
    const [refused = 0, finalPort = 0] = await Promise.all(closed.map(listen));
    await Promise.all(closed.map((one) => new Promise((resolve) => one.close(resolve))));
    return new Sealer(server, open, refused, finalPort);
  }

  get ports(): readonly number[] {
    return [this.#open, this.#refused, this.finalPort];
  }

  /** Asks the program for its counters. */
  async final(): Promise<void> {
    await dialRefused(this.finalPort);
  }

  /** One connection that is served and one that is refused. */
  async attempt(): Promise<SealAttempt> {
    const wall = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    const port = await new Promise<number>((resolve, reject) => {
      const socket = connect(this.#open, '127.0.0.1', () => socket.write('.'));
      let local = 0;
      socket.on('connect', () => (local = socket.localPort ?? 0));
      socket.on('data', () => undefined);
      socket.on('close', () => resolve(local));
      socket.on('error', reject);
    });
    await dialRefused(this.#refused);
    return { port, wall };
  }

  close(): void {
    this.#server.close();
  }
}

async function dialRefused(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve());
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

async function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
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
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
