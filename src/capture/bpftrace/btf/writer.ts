/** Writes descriptions of types (BTF); see btf.ts. */
import { HEADER, KIND, LITTLE, MAGIC } from './btf.js';

export interface NewType {
  readonly kind: number;
  readonly name: string;
  readonly flag: boolean;
  readonly sizeOrType: number;
  /** Members or values. */
  readonly count?: number;
  /** What its kind adds, in words of 32 bits. */
  readonly more?: readonly number[];
}

export class BtfWriter {
  readonly #types: (NewType | null)[] = [];
  readonly #texts = new Map<string, number>([['', 0]]);
  #textEnd = 1;

  /** @returns the number of a type that is described later */
  reserve(): number {
    return this.#types.push(null);
  }

  set(id: number, type: NewType): void {
    this.#types[id - 1] = type;
  }

  /** @returns the number of an integer without a sign */
  integer(name: string, size: number): number {
    const id = this.reserve();
    this.set(id, { kind: KIND.int, name, flag: false, sizeOrType: size, more: [size * 8] });
    return id;
  }

  /** @returns the offset of a string */
  text(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const offset = this.#textEnd;
    this.#texts.set(text, offset);
    this.#textEnd += text.length + 1;
    return offset;
  }

  finish(): Buffer {
    const words = this.#types.flatMap((type) => (type === null ? [] : this.#write(type)));
    const head = Buffer.alloc(HEADER);
    const length = words.length * 4;
    const write = new DataView(head.buffer, head.byteOffset, HEADER);
    write.setUint16(0, MAGIC, LITTLE);
    write.setUint8(2, 1);
    for (const [index, word] of [HEADER, 0, length, length, this.#textEnd].entries()) {
      write.setUint32(4 + 4 * index, word, LITTLE);
    }
    const body = Buffer.from(Uint32Array.from(words).buffer);
    const texts = Buffer.from(
      [...this.#texts.keys()].map((text) => `${text}\0`).join(''),
      'latin1',
    );
    return Buffer.concat([head, body, texts]);
  }

  #write({ kind, name, flag, sizeOrType, count = 0, more = [] }: NewType): number[] {
    const info = ((flag ? 1 : 0) << 31) | (kind << 24) | count;
    return [this.text(name), info >>> 0, sizeOrType, ...more];
  }
}
