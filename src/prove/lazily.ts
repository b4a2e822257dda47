/** Reasons, evidence and hops that are put into words when somebody looks: of very many connections nobody does. */
import type { Connection } from '../model/report.js';

export type Details = Pick<Connection, 'reason' | 'evidence' | 'hops' | 'hopsOmitted'>;

/** What goes before the reason, between it and the evidence, and behind that, in the order of the document's fields. */
type Beginning = Pick<
  Connection,
  'id' | 'protocol' | 'client' | 'server' | 'container' | 'path' | 'proof'
>;
type End = Pick<Connection, 'why'>;
type Middle = Omit<Connection, keyof Beginning | keyof Details | keyof End>;

/** What all connections of a report are told with. */
export type Teller<T> = (subject: T) => Details;

const TOLD = Symbol('told');
const SUBJECT = Symbol('subject');
const TELLER = Symbol('teller');

type Lazy = Connection & {
  [TOLD]: Details | null;
  [SUBJECT]: unknown;
  [TELLER]: Teller<unknown>;
};

/** One description for all, so that their objects are alike. Spreading and JSON see ordinary fields. */
const describe = (name: keyof Details): PropertyDescriptor & ThisType<Lazy> => ({
  enumerable: true,
  get() {
    this[TOLD] ??= this[TELLER](this[SUBJECT]);
    return this[TOLD][name];
  },
});
const hidden = (): PropertyDescriptor => ({ writable: true, value: null });
const REASON = describe('reason');
const EVIDENCE = describe('evidence');
const HOPS = { hops: describe('hops'), hopsOmitted: describe('hopsOmitted') };
const KEPT = { [TOLD]: hidden(), [SUBJECT]: hidden(), [TELLER]: hidden() };

/** A connection with what `tell` makes of its subject, once. */
export function tellLazily<T>(
  beginning: Beginning,
  middle: Middle,
  end: End,
  subject: T,
  tell: Teller<T>,
): Connection {
  const one = Object.defineProperties(beginning, KEPT) as Lazy;
  one[SUBJECT] = subject;
  one[TELLER] = tell as Teller<unknown>;
  Object.defineProperty(one, 'reason', REASON);
  Object.assign(one, middle);
  Object.defineProperty(one, 'evidence', EVIDENCE);
  Object.assign(one, end);
  return Object.defineProperties(one, HOPS);
}
