/** Zones of connection tracking. */

/** Where each direction of a connection is kept. */
export interface Zones {
  readonly original: number;
  readonly reply: number;
}
