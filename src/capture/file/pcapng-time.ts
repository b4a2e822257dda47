/** Timestamps of one pcapng interface: units of its own (if_tsresol), from an offset of its own (if_tsoffset). */

const BILLION = 1_000_000_000;

export class Timestamps {
  /** Units per second; exact, for units finer than a microsecond need more than 53 bits. */
  readonly #perSecond: bigint;
  readonly #offset: bigint;

  /** `resolution` is the option's byte: a negative power of ten, or of two with the highest bit set. */
  constructor(resolution: number, offset: bigint) {
    const power = BigInt(resolution & 0x7f);
    this.#perSecond = (resolution & 0x80) !== 0 ? 2n ** power : 10n ** power;
    this.#offset = offset;
  }

  /** Seconds since 1970 and nanoseconds, from the two halves of a timestamp. */
  convert(high: number, low: number): readonly [number, number] {
    if (this.#perSecond === 1_000_000n && this.#offset === 0n && high < 0x200000) {
      const microseconds = high * 2 ** 32 + low;
      const whole = Math.floor(microseconds / 1_000_000);
      return [whole, (microseconds - whole * 1_000_000) * 1000];
    }
    const units = (BigInt(high) << 32n) | BigInt(low);
    const seconds = units / this.#perSecond;
    const fraction = ((units % this.#perSecond) * BigInt(BILLION)) / this.#perSecond;
    return [Number(seconds + this.#offset), Number(fraction)];
  }
}
