/** Assigns small numbers to addresses, so that a packet's conversation is found without formatting text. */
import { addressFromBytes } from '../../model/address.js';
import { uint32 } from '../../decode/bytes.js';

/** Small enough to fit beside a port in an exact number, and far more than a useful capture has. */
const MAX_ADDRESSES = 2 ** 20;

export class AddressBook {
  readonly #v4 = new Map<number, number>();
  readonly #v6 = new Map<string, number>();
  /** Addresses of networks inside tunnels, which may use the same ones. */
  readonly #tunnelled = new Map<string, number>();
  readonly #texts: string[] = [];

  /** Returns the number of the address at `at` in `network`; -1 when there are too many addresses. */
  number(frame: Uint8Array, at: number, version: number, network = 0): number {
    if (network !== 0) {
      const bytes = frame.subarray(at, at + (version === 4 ? 4 : 16));
      const key = `${network}|${String.fromCharCode(...bytes)}`;
      return this.#tunnelled.get(key) ?? this.#add(this.#tunnelled, key, bytes);
    }
    if (version === 4) {
      const key = uint32(frame, at);
      return this.#v4.get(key) ?? this.#add(this.#v4, key, frame.subarray(at, at + 4));
    }
    const bytes = frame.subarray(at, at + 16);
    const key = String.fromCharCode(...bytes);
    return this.#v6.get(key) ?? this.#add(this.#v6, key, bytes);
  }

  text(number: number): string {
    return this.#texts[number] ?? '';
  }

  #add<K>(book: Map<K, number>, key: K, bytes: Uint8Array): number {
    const number = this.#texts.length;
    if (number >= MAX_ADDRESSES) return -1;
    this.#texts.push(addressFromBytes([...bytes]));
    book.set(key, number);
    return number;
  }
}
