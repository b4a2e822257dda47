/** Compares TCP sequence numbers, which wrap at 2^32. */
const WRAP = 2 ** 32;

/** Whether `one` comes after `other`. */
export function isAfter(one: number, other: number): boolean {
  return one !== other && (one - other + WRAP) % WRAP < WRAP / 2;
}

/** Bytes from `first` to `later`. */
export function distance(first: number, later: number): number {
  return (later - first + WRAP) % WRAP;
}
