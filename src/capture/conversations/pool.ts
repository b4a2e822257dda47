/** Allocates memory for the first bytes of streams from large slabs: a capture may have a hundred thousand streams. */

const SLAB_BITS = 18;
const SLAB = 1 << SLAB_BITS;
/** Smallest size, in bytes. Larger ones double it, so that others can reuse the room that a growing stream leaves. */
const LEAST = 64;

export class BytePool {
  readonly #slabs: Uint8Array[] = [];
  #used = SLAB;
  /** Addresses that were given back, by size. */
  readonly #free = new Map<number, number[]>();

  /** The size that is allocated for `length` bytes. */
  static sizeFor(length: number): number {
    let size = LEAST;
    while (size < length) size *= 2;
    return size;
  }

  /** Returns the address of `size` bytes; their content is undefined. */
  take(size: number): number {
    const again = this.#free.get(size)?.pop();
    if (again !== undefined) return again;
    if (this.#used + size > SLAB) {
      this.#slabs.push(new Uint8Array(SLAB));
      this.#used = 0;
    }
    this.#used += size;
    return this.#slabs.length * SLAB - SLAB + this.#used - size;
  }

  giveBack(address: number, size: number): void {
    const list = this.#free.get(size);
    if (list) list.push(address);
    else this.#free.set(size, [address]);
  }

  /** The slab that contains an address; see `offsetOf` for the position in it. */
  slabOf(address: number): Uint8Array {
    const slab = this.#slabs[address >>> SLAB_BITS];
    if (slab === undefined) throw new RangeError(`nothing was handed out at ${address}`);
    return slab;
  }

  static offsetOf(address: number): number {
    return address & (SLAB - 1);
  }
}
