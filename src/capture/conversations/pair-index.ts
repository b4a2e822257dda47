/** Maps a pair of numbers to a value: a hash table in typed arrays, far cheaper than nested maps. */

const FIRST_SLOTS = 1024;

export class PairIndex<T> {
  #lower = new Float64Array(FIRST_SLOTS);
  #higher = new Float64Array(FIRST_SLOTS);
  /** Index in `#values` plus one; 0 where the slot is free. */
  #slots = new Int32Array(FIRST_SLOTS);
  #values: T[] = [];

  get(lower: number, higher: number): T | undefined {
    return this.#values[(this.#slots[this.#find(lower, higher)] ?? 0) - 1];
  }

  set(lower: number, higher: number, value: T): void {
    const slot = this.#find(lower, higher);
    const known = this.#slots[slot] ?? 0;
    if (known > 0) {
      this.#values[known - 1] = value;
      return;
    }
    this.#values.push(value);
    this.#lower[slot] = lower;
    this.#higher[slot] = higher;
    this.#slots[slot] = this.#values.length;
    if (this.#values.length * 2 > this.#slots.length) this.#grow();
  }

  /** Replaces every value by the result of `change`, and removes those for which it returns null. */
  retain(change: (value: T) => T | null): void {
    const [lower, higher, slots, values] = [this.#lower, this.#higher, this.#slots, this.#values];
    this.#lower = new Float64Array(FIRST_SLOTS);
    this.#higher = new Float64Array(FIRST_SLOTS);
    this.#slots = new Int32Array(FIRST_SLOTS);
    this.#values = [];
    for (let old = 0; old < slots.length; old++) {
      const value = values[(slots[old] ?? 0) - 1];
      const kept = value === undefined ? null : change(value);
      if (kept !== null) this.set(lower[old] ?? 0, higher[old] ?? 0, kept);
    }
  }

  /** The pair's slot, or the free one that it would get. */
  #find(lower: number, higher: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(lower, higher) & mask;
    while (
      this.#slots[slot] !== 0 &&
      (this.#lower[slot] !== lower || this.#higher[slot] !== higher)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [lower, higher, slots] = [this.#lower, this.#higher, this.#slots];
    const size = slots.length * 2;
    this.#lower = new Float64Array(size);
    this.#higher = new Float64Array(size);
    this.#slots = new Int32Array(size);
    for (let old = 0; old < slots.length; old++) {
      const [low, high, value] = [lower[old] ?? 0, higher[old] ?? 0, slots[old] ?? 0];
      if (value === 0) continue;
      const slot = this.#find(low, high);
      this.#lower[slot] = low;
      this.#higher[slot] = high;
      this.#slots[slot] = value;
    }
  }
}

/** Mixes the halves of two numbers up to 2^53. */
function hash(lower: number, higher: number): number {
  let mixed = Math.imul(lower | 0, 0x9e3779b1) ^ Math.imul((lower / 2 ** 32) | 0, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed ^= Math.imul(higher | 0, 0xc2b2ae35) ^ Math.imul((higher / 2 ** 32) | 0, 0x27d4eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0x297a2d39);
  return mixed ^ (mixed >>> 16);
}
