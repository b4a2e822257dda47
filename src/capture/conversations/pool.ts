/** Room for the beginnings of streams: a capture may have a hundred thousand of them, and an ArrayBuffer each is dear. */

const SLAB = 1 << 18;
/** The least that is handed out; more is this doubled, so that what grows leaves room of a size that others can use. */
const LEAST = 64;

export class BytePool {
  #slab = new Uint8Array(0);
  #used = 0;
  /** What was given back, by its size. */
  readonly #free = new Map<number, Uint8Array[]>();

  /** At least `length` bytes, of whatever content. */
  take(length: number): Uint8Array {
    let size = LEAST;
    while (size < length) size *= 2;
    const again = this.#free.get(size)?.pop();
    if (again) return again;
    if (this.#used + size > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
    }
    this.#used += size;
    return this.#slab.subarray(this.#used - size, this.#used);
  }

  giveBack(bytes: Uint8Array): void {
    const list = this.#free.get(bytes.length) ?? [];
    list.push(bytes);
    this.#free.set(bytes.length, list);
  }
}
