/** The conntrack zones of a connection. */

/** The zone of each direction of a connection. */
export interface Zones {
  readonly original: number;
  readonly reply: number;
}
