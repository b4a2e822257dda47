/** Sorts the first frames of a file by time, as many as fit into bounded memory; later ones pass through as they come.
 * Unsorted, a late frame would be taken for one of another connection. */
import type { Frame } from '../file/sink.js';

/** Default number of frames that are sorted. */
export const MAX_FRAMES = 20_000;
const MAX_BYTES = 4 * 1024 * 1024;
const SLAB = 65_536;

export class TimeOrder {
  readonly #hand: (frame: Frame) => void;
  #kept: Frame[] = [];
  #slab = new Uint8Array(0);
  #used = 0;
  #bytes = 0;
  #passes = false;

  readonly #most: number;

  /** @param most number of frames that are sorted */
  constructor(hand: (frame: Frame) => void, most: number) {
    this.#hand = hand;
    this.#most = most;
  }

  take(frame: Frame): void {
    const { from, to } = frame;
    if (!this.#passes) {
      const fits = this.#kept.length < this.#most && this.#bytes + to - from <= MAX_BYTES;
      if (fits) {
        this.#keep(frame);
        return;
      }
      this.flush();
      this.#passes = true;
    }
    this.#hand(frame);
  }

  /** Passes on the frames that wait, in order of time. */
  flush(): void {
    const frames = this.#kept;
    this.#kept = [];
    this.#slab = new Uint8Array(0);
    frames.sort((a, b) => a.seconds - b.seconds || a.nanoseconds - b.nanoseconds);
    for (const frame of frames) this.#hand(frame);
  }

  #keep(frame: Frame): void {
    const { bytes, from, to, length, linkType, device, seconds, nanoseconds, direction } = frame;
    const size = to - from;
    if (this.#used + size > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(size, SLAB));
      this.#used = 0;
    }
    this.#slab.set(bytes.subarray(from, to), this.#used);
    const at = { from: this.#used, to: this.#used + size };
    this.#kept.push({
      bytes: this.#slab,
      ...at,
      length,
      linkType,
      device,
      seconds,
      nanoseconds,
      direction,
    });
    this.#used += size;
    this.#bytes += size;
  }
}
