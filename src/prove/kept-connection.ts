/** Keeps a judged connection compactly: fields for statistics and the headline stay readable, the rest is packed. */
import type { TraceCoverage } from '../model/judgement.js';
import type { Checkpoint } from '../model/trace.js';
import type { Connection, Evidence } from '../model/report.js';
import { isLossless } from './coverage/coverage.js';
import { coverageOfLife, type Life } from './coverage/whole-parts.js';
import { OutlinedConnection } from './outlined-connection.js';
import { PackedTexts, type Packer } from './packed-texts.js';
import { settleSketch } from './settle.js';
import type { ConnectionSketch } from './sketch-live.js';

export type KeptOutline = Omit<
  Connection,
  | 'reason'
  | 'because'
  | 'acknowledged'
  | 'via'
  | 'evidence'
  | 'why'
  | 'functions'
  | 'hops'
  | 'hopsOmitted'
  | 'unlistedLegs'
>;

/** What becomes known after the verdict. */
interface Additions {
  readonly id?: number;
  readonly end?: Connection['end'];
  readonly why?: Connection['why'];
  readonly predicted?: NonNullable<Connection['predicted']>;
  /** A further claim, appended to the others. */
  readonly witness?: Evidence | null;
}

export class KeptConnection extends OutlinedConnection implements Connection {
  static #latest: { readonly of: KeptConnection; readonly told: Connection } | null = null;
  readonly end: Connection['end'];
  readonly handshake: Connection['handshake'];
  readonly stall: Connection['stall'];
  readonly sourceSeen: Connection['sourceSeen'];
  readonly reached?: Connection['reached'];
  readonly relays?: Connection['relays'];
  readonly timing: Connection['timing'];
  readonly retransmits: Connection['retransmits'];
  readonly predicted?: Connection['predicted'];
  readonly #tell: () => Connection;
  readonly #additions: Additions;

  constructor(outline: KeptOutline, tell: () => Connection, additions: Additions = {}) {
    super(outline, additions.id);
    this.end = additions.end ?? outline.end;
    this.handshake = outline.handshake;
    this.stall = outline.stall;
    this.sourceSeen = outline.sourceSeen;
    this.reached = outline.reached;
    this.relays = outline.relays;
    this.timing = outline.timing;
    this.retransmits = outline.retransmits;
    this.predicted = additions.predicted;
    this.#tell = tell;
    this.#additions = additions;
  }

  get reason(): string {
    return this.toJSON().reason;
  }
  get because(): Connection['because'] {
    return this.toJSON().because;
  }
  get acknowledged(): Connection['acknowledged'] {
    return this.toJSON().acknowledged;
  }
  get via(): Connection['via'] {
    return this.toJSON().via;
  }
  get evidence(): Connection['evidence'] {
    return this.toJSON().evidence;
  }
  get why(): Connection['why'] {
    return this.toJSON().why;
  }
  get functions(): Connection['functions'] {
    return this.toJSON().functions;
  }
  get hops(): Connection['hops'] {
    return this.toJSON().hops;
  }
  get hopsOmitted(): number {
    return this.toJSON().hopsOmitted;
  }
  get unlistedLegs(): Connection['unlistedLegs'] {
    return this.toJSON().unlistedLegs;
  }

  /** Returns the same connection with these additions. */
  extend(additions: Additions): KeptConnection {
    return new KeptConnection(this, this.#tell, { ...this.#additions, ...additions });
  }

  /** All fields as ordinary ones, in the document's order. Only the connection read last stays unpacked. */
  toJSON(): Connection {
    if (KeptConnection.#latest?.of === this) return KeptConnection.#latest.told;
    const told = this.#unpack();
    KeptConnection.#latest = { of: this, told };
    return told;
  }

  #unpack(): Connection {
    const whole = this.#tell();
    const { end, why, predicted, witness } = this.#additions;
    return {
      ...whole,
      id: this.id,
      ...(end && { end }),
      ...(witness && { evidence: [...whole.evidence, witness] }),
      ...(why !== undefined && { why }),
      ...(predicted && { predicted }),
    };
  }
}

/** Position of a connection in the list: time and number of its first event. */
export type ListPosition = readonly [time: number, event: number];

export interface Placed {
  readonly place: ListPosition;
  readonly connection: Connection;
}

/** Keeps equal parts of connections only once. */
export class SharedValues {
  readonly #known = new Map<string, unknown>();

  /** @returns an equal value that was passed before, otherwise this one */
  share<T>(value: T): T {
    const key = JSON.stringify(value);
    const known = this.#known.get(key);
    if (known !== undefined) return known as T;
    if (this.#known.size < MOST_SHARED) this.#known.set(key, value);
    return value;
  }
}

interface Kept {
  readonly place: ListPosition;
  readonly life: Life | null;
  /** The sketch, as JSON. */
  readonly read: () => string;
  readonly outline: KeptOutline;
}

/** Most parts of connections that are remembered for sharing. */
const MOST_SHARED = 20_000;

/** Keeps many connections compactly. */
export class ConnectionStore {
  readonly #texts: PackedTexts;
  readonly #kept: Kept[] = [];
  readonly #shared = new SharedValues();
  readonly #namespaces = new Set<string>();
  readonly #coverage: TraceCoverage;
  readonly #forgets: boolean;
  #size = 0;

  /**
   * @param coverage by which connections are judged when they come: that of a complete trace
   * @param forgets counts connections but keeps none
   */
  constructor(packer: Packer, coverage: TraceCoverage, forgets = false) {
    this.#texts = new PackedTexts(packer);
    this.#coverage = coverage;
    this.#forgets = forgets;
  }

  /** How many connections were added. */
  get size(): number {
    return this.#size;
  }

  /** Names of the namespaces in which packets of any connection were seen. */
  get namespaces(): ReadonlySet<string> {
    return this.#namespaces;
  }

  /**
   * @param life the time that its verdict rests on; null where no part of the trace can be known to be complete
   * @returns the connection as judged by the coverage of this store
   */
  add(sketch: ConnectionSketch, place: ListPosition, life: Life | null = null): Connection {
    this.#size += 1;
    const connection = settleSketch(this.#size, sketch, this.#coverage);
    if (this.#forgets) return connection;
    for (const { namespace } of sketch.fields.hops) this.#namespaces.add(namespace);
    const read = this.#texts.add(JSON.stringify(sketch));
    this.#kept.push({ place, life, read, outline: outlineOf(connection, this.#shared) });
    return connection;
  }

  /**
   * Lists all connections as judged in a trace of this coverage, of which parts may be complete. {@link numberPlaced}
   * assigns the final ids.
   */
  list(coverage: TraceCoverage, complete: readonly Checkpoint[] = []): Placed[] {
    const isWhole = isLossless(this.#coverage);
    this.#texts.pack();
    return this.#kept.map(({ place, life, read, outline }, index) => {
      const own = coverageOfLife(life, complete, coverage);
      const tell = (): Connection =>
        settleSketch(index + 1, JSON.parse(read()) as ConnectionSketch, own);
      const same = isWhole && isLossless(own);
      return {
        place,
        connection: new KeptConnection(same ? outline : outlineOf(tell(), this.#shared), tell),
      };
    });
  }
}

/** The fields of a connection that stay unpacked. */
export function outlineOf(connection: Connection, shared: SharedValues): KeptOutline {
  const { server, container, end, handshake, stall, nat, relay, relays, drop, reached } =
    connection;
  return {
    id: connection.id,
    protocol: connection.protocol,
    client: connection.client,
    server: shared.share(server),
    container: shared.share(container),
    path: connection.path,
    proof: connection.proof,
    outcome: connection.outcome,
    end: shared.share(end),
    handshake: shared.share(handshake),
    stall: shared.share(stall),
    sourceSeen: connection.sourceSeen,
    reached,
    nat: shared.share(nat),
    relay: shared.share(relay),
    relays,
    drop: shared.share(drop),
    bytes: shared.share(connection.bytes),
    timing: connection.timing,
    retransmits: connection.retransmits,
    processes: shared.share(connection.processes),
    clientNamespace: connection.clientNamespace,
  };
}

/** Sorts connections by position and numbers them from 1. */
export function numberPlaced(placed: readonly Placed[]): Connection[] {
  return placed
    .toSorted(({ place: [a, m] }, { place: [b, n] }) => a - b || m - n)
    .map(({ connection }, index) => withId(connection, index + 1));
}

function withId(connection: Connection, id: number): Connection {
  if (connection instanceof KeptConnection) return connection.extend({ id });
  return connection.id === id ? connection : { ...connection, id };
}
