/**
 * The leg of a capture: it creates its events on demand, because there are very many legs and few are needed for long.
 */
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import type { CapturedPacket } from '../../model/captured-packet.js';
import type { Conversation } from '../../model/conversation.js';
import type { CounterEvent, Protocol } from '../../model/event.js';
import { isRequest } from '../bytes.js';
import type { Leg, Nat } from '../leg.js';
import type { PacketRange } from './packet-range.js';
import { RowSides } from './row-sides.js';
import { listSightings, type DeviceSighting } from './sightings.js';

/** When each side first sent a FIN or reset. */
export interface Closes {
  readonly request: number | null;
  readonly reply: number | null;
}

export interface WireEnds {
  /** The client's end in each conversation of the leg, by conversation; null if there is only one. */
  readonly clients: ReadonlyMap<number, Endpoint> | null;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly destination: Endpoint;
}

type WireEvent = CapturedPacket | CounterEvent;

export interface Sides {
  readonly requests: readonly CapturedPacket[];
  readonly replies: readonly CapturedPacket[];
}

/** Most legs whose packets are kept as objects, and most packets of a leg for which they are. */
const MOST_READY = 512;
const MOST_PACKETS = 128;
const ready: (WireLeg | undefined)[] = [];
let nextReady = 0;

export class WireLeg implements Leg {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly destination: Endpoint;
  readonly #clients: ReadonlyMap<number, Endpoint> | null;
  readonly #ids: readonly number[];
  #senders: RowSides | null = null;
  #requests: RowSides | null = null;
  /** How it ended, once that was read. */
  closes: readonly Closes[] | null = null;
  #sightings: readonly DeviceSighting[] | null = null;
  #events: readonly WireEvent[] | null = null;
  #sides: Sides | null = null;

  constructor(
    readonly protocol: Protocol,
    { clients, client, server, destination }: WireEnds,
    readonly begun: boolean,
    readonly nat: Nat | null,
    readonly range: PacketRange,
    /** Conversations with packets that were only counted; null without any. */
    readonly counted: readonly Conversation[] | null,
  ) {
    this.#clients = clients;
    this.client = client;
    this.server = server;
    this.destination = destination;
    const { table, rows, from } = range;
    this.#ids = clients === null ? [table.conversation[rows[from] ?? 0] ?? 0] : [...clients.keys()];
  }

  /** Whether the client sent the packet in this row of the table: in each conversation, it has that one's address. */
  isRequest(row: number): boolean {
    this.#senders ??= new RowSides(this.range.table, this.#ids, (conversation, source) => {
      const end = this.#clients ? this.#clients.get(conversation) : this.client;
      return end !== undefined && sameEndpoint(source, end);
    });
    return this.#senders.has(row);
  }

  /** Whether the packet in this row went to the server, as {@link isRequest} of any leg tells by its ends. */
  goesToServer(row: number): boolean {
    this.#requests ??= new RowSides(this.range.table, this.#ids, (_, source, destination) =>
      isRequest(this, { source, destination }),
    );
    return this.#requests.has(row);
  }

  /** Whether it has one pair of endpoints, in one file. */
  get isOneConversation(): boolean {
    return this.#clients === null;
  }

  /** The events; kept until many other legs have been used. */
  get events(): readonly WireEvent[] {
    if (this.#events !== null) return this.#events;
    this.#getReady();
    return (this.#events = this.#listEvents());
  }

  /** Splits the packets by sender. */
  split(): Sides {
    if (this.#sides !== null) return this.#sides;
    const requests: CapturedPacket[] = [];
    const replies: CapturedPacket[] = [];
    for (const packet of this.range.list()) {
      (this.isRequest(packet.row) ? requests : replies).push(packet);
    }
    const sides = { requests, replies };
    if (requests.length + replies.length > MOST_PACKETS) return sides;
    this.#getReady();
    return (this.#sides = sides);
  }

  /** Makes room for this leg's cache by dropping the cache of the leg that was cached longest ago. */
  #getReady(): void {
    if (this.#events !== null || this.#sides !== null) return;
    const oldest = ready[nextReady];
    if (oldest) {
      oldest.#events = null;
      oldest.#sides = null;
    }
    ready[nextReady] = this;
    nextReady = (nextReady + 1) % MOST_READY;
  }

  /** What each device saw of it. */
  get sightings(): readonly DeviceSighting[] {
    return (this.#sightings ??= listSightings(this));
  }

  /** Whether it was seen at one device only: then nothing shows where it went from there. */
  get isAtOneDevice(): boolean {
    const { table, rows, from, to } = this.range;
    const device = table.device[rows[from] ?? 0];
    for (let i = from + 1; i < to; i++) if (table.device[rows[i] ?? 0] !== device) return false;
    return true;
  }

  #listEvents(): readonly WireEvent[] {
    const packets = this.range.list();
    if (this.counted === null) return packets;
    const counters = this.counted.flatMap((conversation) => conversation.counters);
    return [...packets, ...counters].sort((a, b) => a.time - b.time || a.id - b.id);
  }

  // A capture knows no processes and has no conntrack.
  get dialled(): null {
    return null;
  }
  get accepted(): null {
    return null;
  }
  get conntracked(): boolean {
    return false;
  }
  get unlisted(): boolean {
    return this.counted !== null;
  }
  get until(): number {
    return Infinity;
  }
}
