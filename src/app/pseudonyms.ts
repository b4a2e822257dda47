/** Makes pseudonyms of addresses by a key: equal addresses stay equal, and one network stays one network. */
import { createHmac } from 'node:crypto';
import { addressFromBytes, canonicalAddress } from '../model/address.js';
import { parseAddressNumber } from '../model/range.js';

/** First bytes of IPv4 addresses that name no ordinary host: this network, loopback, multicast, broadcast. */
const isSpecial = (first: number): boolean => first === 0 || first === 127 || first >= 224;

export class AddressPseudonyms {
  readonly #key: Uint8Array;
  readonly #known = new Map<string, string>();
  /** A permutation of the first bytes that are not special. */
  readonly #firsts: readonly number[];

  /** @param key random bytes; anyone who has them can recover the addresses */
  constructor(key: Uint8Array) {
    this.#key = key;
    const firsts = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => !isSpecial(byte),
    );
    const shuffled = firsts
      .map((byte) => ({ byte, order: this.#draw(`first ${byte}`).toString('hex') }))
      .sort((a, b) => (a.order < b.order ? -1 : 1));
    const table = Array.from({ length: 256 }, (_, byte) => byte);
    for (const [index, byte] of firsts.entries()) table[byte] = shuffled[index]?.byte ?? byte;
    this.#firsts = table;
  }

  /** @param text an address, or an address with a prefix length; other text gives null */
  rename(text: string): string | null {
    const [bare = '', ...rest] = text.split('/');
    const canonical = canonicalAddress(bare);
    if (canonical === null || rest.length > 1) return null;
    const length = rest.length === 1 ? `/${rest[0]}` : '';
    let renamed = this.#known.get(canonical);
    if (renamed === undefined) {
      renamed = this.#rename(canonical);
      this.#known.set(canonical, renamed);
    }
    return `${renamed}${length}`;
  }

  #rename(canonical: string): string {
    const number = parseAddressNumber(canonical);
    if (!number) return canonical;
    const size = number.family === 4 ? 4 : 16;
    const bytes = Array.from({ length: size }, (_, i) =>
      Number((number.value >> BigInt(8 * (size - 1 - i))) & 255n),
    );
    const [first = 0] = bytes;
    if (number.family === 4) {
      if (isSpecial(first)) return canonical;
      return addressFromBytes([this.#firsts[first] ?? first, ...this.#flip(bytes, 8).slice(1)]);
    }
    // Global (2000::/3) and private (fc00::/7) addresses keep those prefixes; the rest is special.
    const kept = first >> 5 === 1 ? 3 : first >> 1 === 0x7e ? 7 : 0;
    return kept === 0 ? this.#keepPrefix(bytes) : addressFromBytes(this.#flip(bytes, kept));
  }

  /**
   * Changes the second half of fe80::/10 addresses, which is made from hardware addresses. Keeps ::1 and multicast,
   * which identify nobody.
   */
  #keepPrefix(bytes: readonly number[]): string {
    const linkLocal = bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
    return addressFromBytes(linkLocal ? this.#flip(bytes, 64) : bytes);
  }

  /** Flips bits from bit `from` on. The key and the preceding bits decide about each, so equal prefixes stay equal. */
  #flip(bytes: readonly number[], from: number): number[] {
    const bits = bytes.flatMap((byte) =>
      Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1),
    );
    const prefix = bits.slice(0, from);
    const flipped = [...prefix];
    for (const bit of bits.slice(from)) {
      flipped.push(bit ^ ((this.#draw(`${bits.length} ${prefix.join('')}`)[0] ?? 0) & 1));
      prefix.push(bit);
    }
    return bytes.map((_, at) =>
      flipped.slice(8 * at, 8 * at + 8).reduce((sum, bit) => 2 * sum + bit, 0),
    );
  }

  #draw(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
