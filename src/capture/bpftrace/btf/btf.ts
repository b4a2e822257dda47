/** Reads the kernel's description of its types (BTF), as in /sys/kernel/btf; source: Documentation/bpf/btf.rst. */
import { endianness } from 'node:os';

export const KIND = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  forward: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  function: 12,
  prototype: 13,
  variable: 14,
  section: 15,
  float: 16,
  declarationTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

export const MAGIC = 0xeb9f;
/** Bytes of a type before what its kind adds, and of a header. */
const HEAD = 12;
export const HEADER = 24;

/** One type. What its kind adds starts at `at` in `data`. */
export interface BtfType {
  readonly kind: number;
  readonly name: string;
  /** How many members, values or parameters it has. */
  readonly count: number;
  /** Whether the offsets of members hold the sizes of bit fields too. */
  readonly flag: boolean;
  /** Its size, or the type that it refers to. */
  readonly sizeOrType: number;
  readonly data: DataView;
  readonly at: number;
}

interface Part {
  readonly data: DataView;
  readonly text: Buffer;
  /** Offset of its first string among those of all parts. */
  readonly textFrom: number;
  readonly firstId: number;
  /** Offsets of its types. */
  readonly types: Uint32Array;
  readonly count: number;
  /** Numbers of its types that have a name of their own in C: structs, unions, enums and names of types. */
  readonly named: readonly number[];
}

/** The types of the kernel and of one of its modules, whose numbers follow on the kernel's. */
export class Btf {
  readonly #kernel: Part;
  readonly #module: Part | null;

  /** Throws RangeError where a part is damaged or of an unknown form. */
  constructor(kernel: Buffer, module: Buffer | null = null) {
    this.#kernel = readPart(kernel, 0, 1);
    const { text, count } = this.#kernel;
    this.#module = module === null ? null : readPart(module, text.length, count + 1);
  }

  /** Numbers of all types: from 1 to this. */
  get count(): number {
    return this.#kernel.count + (this.#module?.count ?? 0);
  }

  /** Numbers of structs, unions, enums and names of types. */
  get named(): readonly number[] {
    return [...this.#kernel.named, ...(this.#module?.named ?? [])];
  }

  kindOf(id: number): number {
    const part = this.#partOf(id);
    return (part.data.getUint32(placeOf(part, id) + 4, LITTLE) >>> 24) & 31;
  }

  type(id: number): BtfType {
    const part = this.#partOf(id);
    const { data } = part;
    const at = placeOf(part, id);
    const info = data.getUint32(at + 4, LITTLE);
    return {
      kind: (info >>> 24) & 31,
      name: this.text(data.getUint32(at, LITTLE)),
      count: info & 0xffff,
      flag: info >>> 31 === 1,
      sizeOrType: data.getUint32(at + 8, LITTLE),
      data,
      at: at + HEAD,
    };
  }

  /** The string at this offset. */
  text(offset: number): string {
    if (offset === 0) return '';
    const isModule = this.#module !== null && offset >= this.#module.textFrom;
    const { text, textFrom } = isModule ? this.#module : this.#kernel;
    const from = offset - textFrom;
    return text.toString('latin1', from, text.indexOf(0, from));
  }

  #partOf(id: number): Part {
    return this.#module !== null && id >= this.#module.firstId ? this.#module : this.#kernel;
  }
}

function placeOf({ types, firstId, count }: Part, id: number): number {
  const at = types[id - firstId];
  if (at === undefined || id - firstId >= count)
    throw new RangeError(`BTF: there is no type ${id}`);
  return at;
}

export const LITTLE = endianness() === 'LE';

function readPart(bytes: Buffer, textFrom: number, firstId: number): Part {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.getUint16(0, LITTLE) !== MAGIC) throw new RangeError('BTF: not in this form');
  const body = data.getUint32(4, LITTLE);
  const [from, length] = [data.getUint32(8, LITTLE), data.getUint32(12, LITTLE)];
  const [strings, size] = [data.getUint32(16, LITTLE), data.getUint32(20, LITTLE)];
  const types = new Uint32Array(length / HEAD);
  const named: number[] = [];
  const end = body + from + length;
  let at = body + from;
  let count = 0;
  while (at < end) {
    const info = data.getUint32(at + 4, LITTLE);
    const kind = (info >>> 24) & 31;
    if (kind === 0 || kind > LAST_KIND) throw new RangeError(`BTF: unknown kind ${kind}`);
    if (IS_NAMED[kind] === 1) named.push(firstId + count);
    types[count] = at;
    count += 1;
    at += HEAD + (MORE[kind] ?? 0) + (EACH[kind] ?? 0) * (info & 0xffff);
  }
  const text = bytes.subarray(body + strings, body + strings + size);
  return { data, text, textFrom, firstId, types, count, named };
}

const LAST_KIND = KIND.enum64;

/** Bytes that each kind adds: as such, and for each member. */
const MORE = new Uint8Array(LAST_KIND + 1);
for (const kind of [KIND.int, KIND.variable, KIND.declarationTag]) MORE[kind] = 4;
MORE[KIND.array] = 12;
const EACH = new Uint8Array(LAST_KIND + 1);
for (const kind of [KIND.struct, KIND.union, KIND.section, KIND.enum64]) EACH[kind] = 12;
for (const kind of [KIND.enum, KIND.prototype]) EACH[kind] = 8;
const IS_NAMED = new Uint8Array(LAST_KIND + 1);
for (const kind of [KIND.struct, KIND.union, KIND.enum, KIND.enum64, KIND.typedef]) {
  IS_NAMED[kind] = 1;
}
