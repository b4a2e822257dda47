/** Evidence and hops that are put into words when somebody looks: of very many connections nobody does. */
import type { Connection } from '../model/report.js';

export type Details = Pick<Connection, 'evidence' | 'hops' | 'hopsOmitted'>;

const TELL = Symbol('tell');

type Lazy = Connection & { [TELL]: (() => Details) | Details };

/** One description for all, so that their objects are alike. Spreading and JSON see ordinary fields. */
const describe = (name: keyof Details): PropertyDescriptor & ThisType<Lazy> => ({
  enumerable: true,
  get() {
    const told = this[TELL];
    if (typeof told !== 'function') return told[name];
    return (this[TELL] = told())[name];
  },
});
const EVIDENCE = describe('evidence');
const HOPS = { hops: describe('hops'), hopsOmitted: describe('hopsOmitted') };

/** Completes a connection, in the order of the document's fields, with what `tell` makes of it, once. */
export function addDetails(
  told: Omit<Connection, keyof Details | 'why'>,
  why: Connection['why'],
  tell: () => Details,
): Connection {
  Object.defineProperty(told, TELL, { value: tell, writable: true });
  Object.defineProperty(told, 'evidence', EVIDENCE);
  return Object.defineProperties(Object.assign(told, { why }), HOPS) as Connection;
}
