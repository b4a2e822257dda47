/**
 * The leg of a capture: it creates its events on demand, because there are very many legs and few are needed for long.
 */
import { sameEndpoint, type Endpoint } from '../../model/address.js';
import { CapturedPacket } from '../../model/captured-packet.js';
import type { Conversation } from '../../model/conversation.js';
import type { CounterEvent, Protocol } from '../../model/event.js';
import type { PacketTable } from '../../model/packet-table.js';
import type { Leg, Nat } from '../leg.js';
import { listSightings, type DeviceSighting } from './sightings.js';

/** Some rows of the packet table, in order of time: a slice of a list that holds all rows. */
export class PacketRange {
  constructor(
    readonly table: PacketTable,
    readonly rows: Uint32Array,
    readonly from: number,
    readonly to: number,
  ) {}

  get isEmpty(): boolean {
    return this.from === this.to;
  }

  list(): CapturedPacket[] {
    const packets: CapturedPacket[] = [];
    for (let i = this.from; i < this.to; i++) {
      packets.push(new CapturedPacket(this.table, this.rows[i] ?? 0));
    }
    return packets;
  }
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
const MOST_READY = 4_096;
const MOST_PACKETS = 128;
const ready: (WireLeg | undefined)[] = [];
let nextReady = 0;

export class WireLeg implements Leg {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly destination: Endpoint;
  readonly #clients: ReadonlyMap<number, Endpoint> | null;
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

  /** Splits the packets by sender: in each conversation, the client has that conversation's address. */
  split(): Sides {
    if (this.#sides !== null) return this.#sides;
    const requests: CapturedPacket[] = [];
    const replies: CapturedPacket[] = [];
    for (const packet of this.range.list()) {
      const end = this.#clients ? this.#clients.get(packet.conversation) : this.client;
      const isRequest = end !== undefined && sameEndpoint(packet.source, end);
      (isRequest ? requests : replies).push(packet);
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
    if (this.#sightings === null) {
      const { requests, replies } = this.split();
      // A damaged packet may show any TTL.
      const sound = (packet: CapturedPacket): boolean => !packet.damaged;
      this.#sightings = listSightings(requests.filter(sound), replies.filter(sound));
    }
    return this.#sightings;
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
