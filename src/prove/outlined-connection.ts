/** A connection whose outline is known at once and whose other fields are computed on access. */
import type { Connection } from '../model/report.js';

type Outline = Pick<
  Connection,
  | ('id' | 'protocol' | 'client' | 'server' | 'container' | 'path' | 'proof' | 'outcome')
  | ('nat' | 'relay' | 'drop' | 'bytes' | 'processes' | 'clientNamespace')
>;

/** Late fields are getters and not own properties: to copy a connection, spread what `toJSON` returns. */
export abstract class OutlinedConnection implements Outline {
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

  protected constructor(outline: Outline, id = outline.id) {
    this.id = id;
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
  }

  /** Returns all fields as ordinary ones, in the document's order. */
  abstract toJSON(): Connection;
}

/** Returns a connection with ordinary fields only, which can be spread. */
export function withFields(connection: Connection): Connection {
  return connection instanceof OutlinedConnection ? connection.toJSON() : connection;
}
