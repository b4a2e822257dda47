/** A connection that computes its reason, evidence and hops only on access, because most are never looked at. */
import type { Connection } from '../model/report.js';
import { OutlinedConnection } from './outlined-connection.js';

export type Details = Pick<
  Connection,
  'reason' | 'because' | 'evidence' | 'hops' | 'hopsOmitted' | 'unlistedLegs'
>;

/** What statistics and the headline need: small, and computed without writing any text. */
export type LateFields = Pick<
  Connection,
  'end' | 'handshake' | 'acknowledged' | 'stall' | 'timing' | 'retransmits' | 'sourceSeen'
>;

/** What is computed when the connection is made. */
export type Outline = Omit<Connection, keyof Details | keyof LateFields>;

/** Computes the details and late fields of a connection. */
export interface Teller<T> {
  readonly details: (subject: T) => Details;
  readonly facts: (subject: T) => LateFields;
}

/** Computes its details and late fields once, at first access. */
export class LazyConnection<T> extends OutlinedConnection implements Connection {
  readonly via?: Connection['via'];
  readonly why: Connection['why'];
  readonly #subject: T;
  readonly #teller: Teller<T>;
  #details: Details | null = null;
  #facts: LateFields | null = null;

  constructor(outline: Outline, subject: T, teller: Teller<T>) {
    super(outline);
    if (outline.via) this.via = outline.via;
    this.why = outline.why;
    this.#subject = subject;
    this.#teller = teller;
  }

  get reason(): string {
    return this.#told.reason;
  }
  get because(): Connection['because'] {
    return this.#told.because;
  }
  get evidence(): Connection['evidence'] {
    return this.#told.evidence;
  }
  get end(): Connection['end'] {
    return this.#known.end;
  }
  get handshake(): Connection['handshake'] {
    return this.#known.handshake;
  }
  get acknowledged(): Connection['acknowledged'] {
    return this.#known.acknowledged;
  }
  get stall(): Connection['stall'] {
    return this.#known.stall;
  }
  get timing(): Connection['timing'] {
    return this.#known.timing;
  }
  get retransmits(): Connection['retransmits'] {
    return this.#known.retransmits;
  }
  get sourceSeen(): Connection['sourceSeen'] {
    return this.#known.sourceSeen;
  }
  get hops(): Connection['hops'] {
    return this.#told.hops;
  }
  get hopsOmitted(): number {
    return this.#told.hopsOmitted;
  }
  get unlistedLegs(): Connection['unlistedLegs'] {
    return this.#told.unlistedLegs;
  }

  toJSON(): Connection {
    return {
      id: this.id,
      protocol: this.protocol,
      client: this.client,
      server: this.server,
      container: this.container,
      path: this.path,
      proof: this.proof,
      reason: this.reason,
      ...(this.because && { because: this.because }),
      outcome: this.outcome,
      end: this.end,
      handshake: this.handshake,
      acknowledged: this.acknowledged,
      stall: this.stall,
      nat: this.nat,
      relay: this.relay,
      drop: this.drop,
      ...(this.via && { via: this.via }),
      bytes: this.bytes,
      timing: this.timing,
      retransmits: this.retransmits,
      sourceSeen: this.sourceSeen,
      processes: this.processes,
      clientNamespace: this.clientNamespace,
      evidence: this.evidence,
      why: this.why,
      hops: this.hops,
      hopsOmitted: this.hopsOmitted,
      ...(this.unlistedLegs && { unlistedLegs: this.unlistedLegs }),
    };
  }

  get #told(): Details {
    return (this.#details ??= this.#teller.details(this.#subject));
  }

  get #known(): LateFields {
    return (this.#facts ??= this.#teller.facts(this.#subject));
  }
}
