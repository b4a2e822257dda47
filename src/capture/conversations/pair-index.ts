/** Maps a pair of numbers to a value: a hash table in typed arrays, far cheaper than nested maps. */

const FIRST_SLOTS = 1024;

export class PairIndex<T> {
  /** By record: both numbers of the pair, side by side. */
  #keys = new Float64Array(FIRST_SLOTS);
  readonly #values: (T | undefined)[] = [];
  /** Records that were removed and may be used again. */
  readonly #free: number[] = [];
  /** The record of each slot plus one; 0 where the slot is free. */
  #slots = new Int32Array(FIRST_SLOTS);
  #size = 0;

  /** How many pairs have a value. */
  get size(): number {
    return this.#size;
  }

  /** The record of a pair; -1 without one. It stays the same until the pair is removed. */
  find(lower: number, higher: number): number {
    return (this.#slots[this.#findSlot(lower, higher)] ?? 0) - 1;
  }

  /** The value of a record. */
  valueOf(record: number): T | undefined {
    return this.#values[record];
  }

  /** Replaces the value of a record. */
  replace(record: number, value: T): void {
    this.#values[record] = value;
  }

  /** Adds a pair that has no record yet; returns its record. */
  add(lower: number, higher: number, value: T): number {
    const record = this.#free.pop() ?? this.#values.length;
    this.#values[record] = value;
    if (record * 2 + 2 > this.#keys.length) this.#widenKeys();
    this.#keys[record * 2] = lower;
    this.#keys[record * 2 + 1] = higher;
    this.#slots[this.#findSlot(lower, higher)] = record + 1;
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#growSlots();
    return record;
  }

  /** Removes the pair of a record. */
  remove(record: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#slotOf(record);
    // Pairs behind the hole that would no longer be found move into it.
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const other = (slots[slot] ?? 0) - 1;
      const home = this.#homeOf(other);
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = other + 1;
      hole = slot;
    }
    slots[hole] = 0;
    this.#values[record] = undefined;
    this.#free.push(record);
    this.#size -= 1;
  }

  #homeOf(record: number): number {
    const keys = this.#keys;
    const mixed = hash(keys[record * 2] ?? 0, keys[record * 2 + 1] ?? 0);
    return mixed & (this.#slots.length - 1);
  }

  #slotOf(record: number): number {
    const slots = this.#slots;
    let slot = this.#homeOf(record);
    while (slots[slot] !== record + 1) slot = (slot + 1) & (slots.length - 1);
    return slot;
  }

  /** The pair's slot, or the free one that it would get. */
  #findSlot(lower: number, higher: number): number {
    const [slots, keys] = [this.#slots, this.#keys];
    const mask = slots.length - 1;
    let slot = hash(lower, higher) & mask;
    for (let record = slots[slot] ?? 0; record !== 0; record = slots[slot] ?? 0) {
      if (keys[record * 2 - 2] === lower && keys[record * 2 - 1] === higher) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #widenKeys(): void {
    const wider = new Float64Array(this.#keys.length * 2);
    wider.set(this.#keys);
    this.#keys = wider;
  }

  #growSlots(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    const mask = this.#slots.length - 1;
    for (const record of old) {
      if (record === 0) continue;
      let slot = this.#homeOf(record - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = record;
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
