/** Converts the timestamps of one pcapng interface, which has its own unit (if_tsresol) and offset (if_tsoffset). */
import type { Frame } from './sink.js';

const BILLION = 1_000_000_000;

export class Timestamps {
  /** Units per second; a bigint, because units finer than a microsecond need more than 53 bits. */
  readonly #perSecond: bigint;
  readonly #offset: bigint;
  /** True for microseconds without an offset, as in nearly all files: plain numbers suffice. */
  readonly #plain: boolean;

  /** `resolution` is the option's byte: a negative power of ten, or of two with the highest bit set. */
  constructor(resolution: number, offset: bigint) {
    const power = BigInt(resolution & 0x7f);
    this.#perSecond = (resolution & 0x80) !== 0 ? 2n ** power : 10n ** power;
    this.#offset = offset;
    this.#plain = resolution === 6 && offset === 0n;
  }

  /** Converts the two halves of a timestamp to seconds since 1970 and nanoseconds, and stores them in `frame`. */
  convert(high: number, low: number, frame: Pick<Frame, 'seconds' | 'nanoseconds'>): void {
    if (this.#plain && high < 0x200000) {
      const microseconds = high * 2 ** 32 + low;
      const whole = Math.floor(microseconds / 1_000_000);
      frame.seconds = whole;
      frame.nanoseconds = (microseconds - whole * 1_000_000) * 1000;
      return;
    }
    const units = (BigInt(high) << 32n) | BigInt(low);
    const seconds = units / this.#perSecond;
    const fraction = ((units % this.#perSecond) * BigInt(BILLION)) / this.#perSecond;
    frame.seconds = Number(seconds + this.#offset);
    frame.nanoseconds = Number(fraction);
  }
}
