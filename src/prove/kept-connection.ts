/** A judged connection in little room: what statistics and the headline ask for, with the rest packed until somebody looks. */
import type { TraceCoverage } from '../model/judgement.js';
import type { Connection, Evidence } from '../model/report.js';
import { isLossless } from './coverage/coverage.js';
import { settleSketch, type ConnectionSketch } from './describe-live.js';
import { OutlinedConnection } from './outlined-connection.js';

/** Turns text into few bytes and back. */
export interface Packer {
  pack(text: string): Uint8Array;
  unpack(packed: Uint8Array): string;
}

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

/** What is known later than its verdict. */
interface Additions {
  readonly id?: number;
  readonly end?: Connection['end'];
  readonly why?: Connection['why'];
  readonly predicted?: NonNullable<Connection['predicted']>;
  /** Another claim, behind the others. */
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

  /** The same with what was found out since. */
  extend(additions: Additions): KeptConnection {
    return new KeptConnection(this, this.#tell, { ...this.#additions, ...additions });
  }

  /** Everything as ordinary fields, in the document's order. Only the one that was looked at last stays unpacked. */
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

/** Where a connection stands among the others: by the time, and the number, of its first event. */
export type ListPosition = readonly [time: number, event: number];

export interface Placed {
  readonly place: ListPosition;
  readonly connection: Connection;
}

/** Equal parts of connections are kept once. */
export class SharedValues {
  readonly #known = new Map<string, unknown>();

  /** @returns an equal value that came before, if there is one */
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
  readonly packed: Uint8Array;
  readonly outline: KeptOutline;
}

/** Equal parts of connections that are kept once; more of them are not looked for. */
const MOST_SHARED = 20_000;

/** Keeps many connections in little room. */
export class ConnectionStore {
  readonly #packer: Packer;
  readonly #kept: Kept[] = [];
  readonly #shared = new SharedValues();
  readonly #namespaces = new Set<string>();
  readonly #coverage: TraceCoverage;
  readonly #forgets: boolean;
  #size = 0;

  /**
   * @param coverage as which they are judged when they come: that of a trace that lacks nothing
   * @param forgets counts them, and keeps none
   */
  constructor(packer: Packer, coverage: TraceCoverage, forgets = false) {
    this.#packer = packer;
    this.#coverage = coverage;
    this.#forgets = forgets;
  }

  /** How many came. */
  get size(): number {
    return this.#size;
  }

  /** Names of the namespaces that packets of any were seen in. */
  get namespaces(): ReadonlySet<string> {
    return this.#namespaces;
  }

  /** @returns the connection as a trace that lacks nothing would tell it */
  add(sketch: ConnectionSketch, place: ListPosition): Connection {
    this.#size += 1;
    const connection = settleSketch(this.#size, sketch, this.#coverage);
    if (this.#forgets) return connection;
    for (const { namespace } of sketch.fields.hops) this.#namespaces.add(namespace);
    const packed = this.#packer.pack(JSON.stringify(sketch));
    this.#kept.push({ place, packed, outline: outlineOf(connection, this.#shared) });
    return connection;
  }

  /** All of them as a trace of this coverage tells them; the numbers are given by `number`. */
  list(coverage: TraceCoverage): Placed[] {
    const same = isLossless(coverage) && isLossless(this.#coverage);
    return this.#kept.map(({ place, packed, outline }, index) => {
      const tell = (): Connection =>
        settleSketch(
          index + 1,
          JSON.parse(this.#packer.unpack(packed)) as ConnectionSketch,
          coverage,
        );
      return {
        place,
        connection: new KeptConnection(same ? outline : outlineOf(tell(), this.#shared), tell),
      };
    });
  }
}

/** What stays unpacked of a connection. */
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

/** In order, numbered from 1. */
export function numberPlaced(placed: readonly Placed[]): Connection[] {
  return placed
    .toSorted(({ place: [a, m] }, { place: [b, n] }) => a - b || m - n)
    .map(({ connection }, index) => withId(connection, index + 1));
}

function withId(connection: Connection, id: number): Connection {
  if (connection instanceof KeptConnection) return connection.extend({ id });
  return connection.id === id ? connection : { ...connection, id };
}
