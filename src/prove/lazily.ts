/** A connection whose reason, evidence and hops are put into words when somebody looks: of very many connections nobody does. */
import type { Connection } from '../model/report.js';

export type Details = Pick<Connection, 'reason' | 'evidence' | 'hops' | 'hopsOmitted'>;

/** What is known of it at once. */
export type Outline = Omit<Connection, keyof Details>;

/** Its details are told once. They are no fields of its own: copy what `toJSON` returns, not itself. */
export class LazyConnection<T> implements Connection {
  readonly id: Connection['id'];
  readonly protocol: Connection['protocol'];
  readonly client: Connection['client'];
  readonly server: Connection['server'];
  readonly container: Connection['container'];
  readonly path: Connection['path'];
  readonly proof: Connection['proof'];
  readonly outcome: Connection['outcome'];
  readonly nat: Connection['nat'];
  readonly relay: Connection['relay'];
  readonly drop: Connection['drop'];
  readonly bytes: Connection['bytes'];
  readonly processes: Connection['processes'];
  readonly clientNamespace: Connection['clientNamespace'];
  readonly why: Connection['why'];
  readonly #subject: T;
  readonly #tell: (subject: T) => Details;
  #details: Details | null = null;

  /** @param tell makes the details of `subject`. */
  constructor(outline: Outline, subject: T, tell: (subject: T) => Details) {
    this.id = outline.id;
    this.protocol = outline.protocol;
    this.client = outline.client;
    this.server = outline.server;
    this.container = outline.container;
    this.path = outline.path;
    this.proof = outline.proof;
    this.outcome = outline.outcome;
    this.nat = outline.nat;
    this.relay = outline.relay;
    this.drop = outline.drop;
    this.bytes = outline.bytes;
    this.processes = outline.processes;
    this.clientNamespace = outline.clientNamespace;
    this.why = outline.why;
    this.#subject = subject;
    this.#tell = tell;
  }

  get reason(): string {
    return this.#told.reason;
  }
  get evidence(): Connection['evidence'] {
    return this.#told.evidence;
  }
  get hops(): Connection['hops'] {
    return this.#told.hops;
  }
  get hopsOmitted(): number {
    return this.#told.hopsOmitted;
  }

  /** Everything as ordinary fields, in the document's order. */
  toJSON(): Connection {
    const { id, protocol, client, server, container, path, proof, reason, outcome, nat } = this;
    const { relay, drop, bytes, processes, clientNamespace, evidence, why } = this;
    const { hops, hopsOmitted } = this;
    return {
      ...{ id, protocol, client, server, container, path, proof, reason, outcome, nat, relay },
      ...{ drop, bytes, processes, clientNamespace, evidence, why, hops, hopsOmitted },
    };
  }

  get #told(): Details {
    return (this.#details ??= this.#tell(this.#subject));
  }
}

/** A connection that may be copied field by field. */
export function withFields(connection: Connection): Connection {
  return connection instanceof LazyConnection ? connection.toJSON() : connection;
}
