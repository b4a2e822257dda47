/** Puts the rest of one chunk before the next, in a buffer that is reused: a new one per chunk would be slow. */

export class Carry {
  #room: Buffer = Buffer.alloc(0);
  #kept = 0;

  get length(): number {
    return this.#kept;
  }

  /** Returns the kept bytes followed by `chunk`; the result is valid until the next call. */
  join(chunk: Buffer): Buffer {
    if (this.#kept === 0) return chunk;
    const size = this.#kept + chunk.length;
    this.#makeRoom(size);
    chunk.copy(this.#room, this.#kept);
    return this.#room.subarray(0, size);
  }

  /** Copies `rest`, which may be a part of what `join` returned. */
  keep(rest: Buffer): void {
    this.#kept = 0;
    this.#makeRoom(rest.length);
    rest.copy(this.#room);
    this.#kept = rest.length;
  }

  #makeRoom(size: number): void {
    if (size <= this.#room.length) return;
    const wider = Buffer.allocUnsafe(Math.max(size, this.#room.length * 2));
    this.#room.copy(wider, 0, 0, this.#kept);
    this.#room = wider;
  }
}
