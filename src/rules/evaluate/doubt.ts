/** What a condition says of a packet, where that may not be known. */

/** A condition that cannot be decided: what it says, and whether it is so by design (chance) or for want of knowledge. */
export interface Doubt {
  readonly about: string;
  readonly chance: boolean;
}

export type Answer = boolean | Doubt;
