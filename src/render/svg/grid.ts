/** Where the lanes of a drawing are. */

export interface Grid {
  /** Middle of each lane. */
  readonly x: readonly number[];
  readonly spacing: number;
  readonly left: number;
  readonly right: number;
}
