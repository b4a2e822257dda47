/** Reduces the kernel's types to those that a program needs, which bpftrace reads in a fraction of the time. */
import { KIND, type Btf, type BtfType, LITTLE } from './btf.js';
import { BtfWriter } from './writer.js';

export interface WantedTypes {
  /** Names of structs and unions. */
  readonly structs: ReadonlySet<string>;
  /** Names of members; those of others are left out of each struct. */
  readonly members: ReadonlySet<string>;
}

interface Member {
  readonly name: string;
  readonly type: number;
  /** In bits. */
  readonly offset: number;
  /** As it is written in BTF. */
  readonly raw: number;
  readonly isBits: boolean;
}

const POINTER = 8;
/**
 * BTF with these structs, and all enums and names of integers. Each struct has its size and the members that are wanted, where they
 * were; what lies between is filled. A pointer to a struct without wanted members becomes one to nothing in particular.
 * Throws RangeError where the types are damaged or of an unknown form.
 */
export function trimTypes(btf: Btf, wanted: WantedTypes): Buffer {
  return new Trimmer(btf, wanted).trim();
}

class Trimmer {
  readonly #btf: Btf;
  readonly #wanted: WantedTypes;
  readonly #writer = new BtfWriter();
  /** Numbers of the types that were written, by their old numbers. */
  readonly #written = new Map<number, number>([[0, 0]]);
  readonly #relevant = new Map<number, boolean>();
  readonly #fillings = new Map<number, number>();
  #char = 0;
  #index = 0;
  #filled = 0;

  constructor(btf: Btf, wanted: WantedTypes) {
    this.#btf = btf;
    this.#wanted = wanted;
  }

  trim(): Buffer {
    this.#char = this.#writer.integer('char', 1);
    this.#index = this.#writer.integer('unsigned int', 4);
    for (const id of this.#btf.named) if (this.#isRoot(this.#btf.type(id), id)) this.#write(id);
    return this.#writer.finish();
  }

  /** Whether a type is written for its own sake: a struct of the program, or what fields of tracepoints are of. */
  #isRoot({ kind, name }: BtfType, id: number): boolean {
    if (name === '') return false;
    if (kind === KIND.struct || kind === KIND.union) return this.#wanted.structs.has(name);
    if (kind !== KIND.typedef) return true;
    const target = this.#skipModifiers(id);
    return target !== 0 && this.#btf.kindOf(target) === KIND.int;
  }

  /** @returns the new number of a type */
  #write(id: number): number {
    const known = this.#written.get(id);
    if (known !== undefined) return known;
    const type = this.#btf.type(id);
    // What a tag is on matters, not the tag.
    if (type.kind === KIND.typeTag) return this.#write(type.sizeOrType);
    const own = this.#writer.reserve();
    this.#written.set(id, own);
    this.#writer.set(own, this.#copy(type));
    return own;
  }

  #copy(type: BtfType): Parameters<BtfWriter['set']>[1] {
    const { kind, name, sizeOrType, flag } = type;
    const head = { kind, name, flag, sizeOrType };
    switch (kind) {
      case KIND.int:
        return { ...head, more: [type.data.getUint32(type.at, LITTLE)] };
      case KIND.enum:
      case KIND.enum64:
        return { ...head, count: countValues(type), more: this.#copyValues(type) };
      case KIND.array: {
        const [element = 0, , length = 0] = readWords(type, 3);
        return { ...head, more: [this.#write(element), this.#index, length] };
      }
      case KIND.struct:
      case KIND.union: {
        const members = this.#listMembers(type);
        return { ...head, count: members.length, more: members.flat() };
      }
      case KIND.pointer:
        return { ...head, sizeOrType: this.#writeTarget(sizeOrType) };
      case KIND.forward:
      case KIND.float:
        return head;
      case KIND.typedef:
      case KIND.volatile:
      case KIND.const:
      case KIND.restrict:
        return { ...head, sizeOrType: this.#write(sizeOrType) };
      default:
        throw new RangeError(`BTF: a type of kind ${kind} where none is expected`);
    }
  }

  #writeTarget(id: number): number {
    const target = this.#skipModifiers(id);
    if (target === 0) return this.#write(id);
    const { kind } = this.#btf.type(target);
    if (kind === KIND.prototype || kind === KIND.forward) return 0;
    const isRecord = kind === KIND.struct || kind === KIND.union;
    return isRecord && !this.#isRelevant(target) ? 0 : this.#write(id);
  }

  #skipModifiers(id: number): number {
    let at = id;
    for (;;) {
      if (at === 0) return 0;
      const { kind, sizeOrType } = this.#btf.type(at);
      if (!MODIFIERS.has(kind)) return at;
      at = sizeOrType;
    }
  }

  /** Whether a struct or one without a name in it has a member that is wanted. */
  #isRelevant(id: number): boolean {
    const known = this.#relevant.get(id);
    if (known !== undefined) return known;
    const found = readMembers(this.#btf, this.#btf.type(id)).some((one) => this.#isWanted(one));
    this.#relevant.set(id, found);
    return found;
  }

  #isWanted({ name, type }: Member): boolean {
    if (name !== '') return this.#wanted.members.has(name);
    const target = this.#skipModifiers(type);
    const kind = target === 0 ? 0 : this.#btf.kindOf(target);
    return (kind === KIND.struct || kind === KIND.union) && this.#isRelevant(target);
  }

  #listMembers(type: BtfType): number[][] {
    const all = readMembers(this.#btf, type);
    const kept = all.filter((one) => this.#isWanted(one));
    // Bit fields cannot be filled up by bytes: such a struct stays as it is.
    if (kept.some(({ isBits }) => isBits)) return all.map((one) => this.#writeMember(one));
    return type.kind === KIND.union ? this.#keepOfUnion(type, kept) : this.#keepOf(type, kept);
  }

  #keepOf({ sizeOrType: size }: BtfType, kept: readonly Member[]): number[][] {
    let end = 0;
    const members = kept.flatMap((one) => {
      const gap = this.#fill(end, one.offset / 8 - end);
      end = one.offset / 8 + this.#sizeOf(one.type);
      return [...gap, this.#writeMember(one)];
    });
    return [...members, ...this.#fill(end, size - end)];
  }

  #keepOfUnion({ sizeOrType: size }: BtfType, kept: readonly Member[]): number[][] {
    return [...kept.map((one) => this.#writeMember(one)), ...this.#fill(0, size)];
  }

  /** A member of so many bytes that nothing reads. */
  #fill(from: number, length: number): number[][] {
    if (length <= 0) return [];
    let type = this.#fillings.get(length);
    if (type === undefined) {
      type = this.#writer.reserve();
      const more = [this.#char, this.#index, length];
      this.#writer.set(type, { kind: KIND.array, name: '', flag: false, sizeOrType: 0, more });
      this.#fillings.set(length, type);
    }
    this.#filled += 1;
    return [[this.#writer.text(`__filling_${this.#filled}`), type, from * 8]];
  }

  #writeMember({ name, type, raw }: Member): number[] {
    return [this.#writer.text(name), this.#write(type), raw];
  }

  #copyValues(type: BtfType): number[] {
    const words = type.kind === KIND.enum ? 2 : 3;
    return Array.from({ length: countValues(type) }, (_, index) => {
      const [name = 0, ...value] = readWords(type, words, index * words);
      return [this.#writer.text(this.#btf.text(name)), ...value];
    }).flat();
  }

  #sizeOf(id: number): number {
    const target = this.#skipModifiers(id);
    const type = this.#btf.type(target);
    if (type.kind === KIND.pointer) return POINTER;
    if (type.kind !== KIND.array) return type.sizeOrType;
    const [element = 0, , length = 0] = readWords(type, 3);
    return this.#sizeOf(element) * length;
  }
}

const MODIFIERS: ReadonlySet<number> = new Set([
  KIND.typedef,
  KIND.volatile,
  KIND.const,
  KIND.restrict,
  KIND.typeTag,
]);

/** One value is enough for a type to have its size. */
function countValues({ count }: BtfType): number {
  return Math.min(1, count);
}

function readWords({ data, at }: BtfType, count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) =>
    data.getUint32(at + 4 * (from + index), LITTLE),
  );
}

function readMembers(btf: Btf, type: BtfType): Member[] {
  return Array.from({ length: type.count }, (_, index) => {
    const [name = 0, member = 0, raw = 0] = readWords(type, 3, index * 3);
    const offset = type.flag ? raw & 0xffffff : raw;
    const isBits = (type.flag && raw >>> 24 > 0) || offset % 8 !== 0;
    return { name: btf.text(name), type: member, offset, raw, isBits };
  });
}
