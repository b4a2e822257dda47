/** Room for the beginnings of streams, in a few large pieces: a capture may have a hundred thousand of them. */

const SLAB_BITS = 18;
const SLAB = 1 << SLAB_BITS;
/** The least that is handed out; more is this doubled, so that what grows leaves room of a size that others can use. */
const LEAST = 64;

export class BytePool {
  readonly #slabs: Uint8Array[] = [];
  #used = SLAB;
  /** What was given back, by its size. */
  readonly #free = new Map<number, number[]>();

  /** What is handed out for `length` bytes. */
  static sizeFor(length: number): number {
    let size = LEAST;
    while (size < length) size *= 2;
    return size;
  }

  /** The address of `size` bytes of whatever content. */
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

  /** The piece that an address is in, and where in it. */
  slabOf(address: number): Uint8Array {
    const slab = this.#slabs[address >>> SLAB_BITS];
    if (slab === undefined) throw new RangeError(`nothing was handed out at ${address}`);
    return slab;
  }

  static offsetOf(address: number): number {
    return address & (SLAB - 1);
  }
}
