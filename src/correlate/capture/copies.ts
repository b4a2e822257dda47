/**
 * Remembers packets by key, in the order in which they came, in flat arrays: one list per key would be nearly as many
 * as packets.
 */

/** Most packets that are remembered per key; if there are more, they are all alike. */
const MAX_COPIES = 16;

/** Numbers per slot, side by side because they are used together. */
const SLOT = 4;
const KEY = 0;
/** The first and last packet of the key, plus one; 0 is free. */
const FIRST = 1;
const LAST = 2;
const COUNT = 3;

/** The arrays of the latest one, which the next one uses again: they are large, and only one is needed at a time. */
let spareSlots = new Int32Array(0);
let spareNext = new Int32Array(0);

/** Returns the array, emptied, or another one if it is too small or far too large. */
function takeSpare(spare: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  if (spare.length < size || spare.length > size * 4) return new Int32Array(size);
  return spare.fill(0);
}

export class Copies {
  readonly #mask: number;
  readonly #slots: Int32Array;
  /** By packet: the next one with the same key, plus one; 0 means none. */
  readonly #next: Int32Array;

  /** Makes room for `most` packets, numbered from 0 to `most` - 1. Ends the use of the one that was made before. */
  constructor(most: number) {
    let slots = 16;
    while (slots < most * 1.3) slots *= 2;
    spareSlots = takeSpare(spareSlots, slots * SLOT);
    spareNext = takeSpare(spareNext, most);
    this.#mask = spareSlots.length / SLOT - 1;
    this.#slots = spareSlots;
    this.#next = spareNext;
  }

  /** The slot of a key, to find and to add packets with it. */
  slotOf(key: number): number {
    const slots = this.#slots;
    let slot = (key ^ (key >>> 15)) & this.#mask;
    while (slots[slot * SLOT + FIRST] !== 0 && slots[slot * SLOT + KEY] !== key) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  /** The first packet of the slot; -1 without one. */
  firstOf(slot: number): number {
    return (this.#slots[slot * SLOT + FIRST] ?? 0) - 1;
  }

  /** The next packet with the same key; -1 after the last. */
  after(packet: number): number {
    return (this.#next[packet] ?? 0) - 1;
  }

  /**
   * @param slot that of the key
   * @param isOld whether an earlier packet is too old to match this one or any later one
   */
  add(slot: number, key: number, packet: number, isOld: (before: number) => boolean): void {
    const slots = this.#slots;
    const at = slot * SLOT;
    const last = slots[at + LAST] ?? 0;
    let count = slots[at + COUNT] ?? 0;
    if (count === MAX_COPIES) {
      let first = slots[at + FIRST] ?? 0;
      while (count > 0 && isOld(first - 1)) {
        first = this.#next[first - 1] ?? 0;
        count -= 1;
      }
      if (count === MAX_COPIES) return;
      slots[at + FIRST] = count === 0 ? packet + 1 : first;
    }
    if (last === 0) {
      slots[at + KEY] = key;
      slots[at + FIRST] = packet + 1;
    } else if (count > 0) this.#next[last - 1] = packet + 1;
    slots[at + LAST] = packet + 1;
    slots[at + COUNT] = count + 1;
  }
}
