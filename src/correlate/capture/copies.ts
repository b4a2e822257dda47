/**
 * Remembers packets by key, in the order in which they came, in flat arrays: one list per key would be nearly as many
 * as packets.
 */

/** Most packets that are remembered per key; if there are more, they are all alike. */
const MAX_COPIES = 16;

export class Copies {
  readonly #mask: number;
  /** By slot: the key, its first and last packet (plus one; 0 is free), and the number of its packets. */
  readonly #keys: Int32Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #count: Uint8Array;
  /** By packet: the next one with the same key, plus one; 0 means none. */
  readonly #next: Int32Array;

  /** Makes room for `most` packets, numbered from 0 to `most` - 1. */
  constructor(most: number) {
    let slots = 16;
    while (slots < most * 2) slots *= 2;
    this.#mask = slots - 1;
    this.#keys = new Int32Array(slots);
    this.#first = new Int32Array(slots);
    this.#last = new Int32Array(slots);
    this.#count = new Uint8Array(slots);
    this.#next = new Int32Array(most);
  }

  /** The first packet of the key; -1 without one. */
  firstOf(key: number): number {
    return (this.#first[this.#find(key)] ?? 0) - 1;
  }

  /** The next packet with the same key; -1 after the last. */
  after(packet: number): number {
    return (this.#next[packet] ?? 0) - 1;
  }

  /** @param isOld whether an earlier packet is too old to match this one or any later one */
  add(key: number, packet: number, isOld: (before: number) => boolean): void {
    const slot = this.#find(key);
    const last = this.#last[slot] ?? 0;
    let count = this.#count[slot] ?? 0;
    if (count === MAX_COPIES) {
      let first = this.#first[slot] ?? 0;
      while (count > 0 && isOld(first - 1)) {
        first = this.#next[first - 1] ?? 0;
        count -= 1;
      }
      if (count === MAX_COPIES) return;
      this.#first[slot] = count === 0 ? packet + 1 : first;
    }
    if (last === 0) {
      this.#keys[slot] = key;
      this.#first[slot] = packet + 1;
    } else if (count > 0) this.#next[last - 1] = packet + 1;
    this.#last[slot] = packet + 1;
    this.#count[slot] = count + 1;
  }

  #find(key: number): number {
    let slot = (key ^ (key >>> 15)) & this.#mask;
    while (this.#first[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask;
    return slot;
  }
}
