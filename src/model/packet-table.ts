/** Keeps the packets of captures in columns: hundreds of thousands of objects would cost more than reading the file. */
import { sameEndpoint, type Endpoint } from './address.js';

/**
 * The flags in `bits`. `BACK`: the second end of the conversation sent the packet. `DAMAGED`: a checksum is wrong.
 */
export const BIT = {
  TCP: 1,
  BACK: 2,
  OUT: 4,
  DIRECTED: 8,
  DIGEST: 16,
  STAMPED: 32,
  DAMAGED: 64,
} as const;

const FIRST_ROWS = 256;
/** Most hardware addresses whose text is cached. */
const MAX_HARDWARE = 10_000;

export class PacketTable {
  #size = 0;
  /** Rows in order of time; empty until they were sorted. */
  ordered = new Uint32Array(0);
  /** Number of each packet as an event; 0 while it has none. */
  id = new Float64Array(FIRST_ROWS);
  /** Nanoseconds since the epoch of the reading. */
  time = new Float64Array(FIRST_ROWS);
  device = new Uint32Array(FIRST_ROWS);
  conversation = new Uint32Array(FIRST_ROWS);
  file = new Uint32Array(FIRST_ROWS);
  seq = new Uint32Array(FIRST_ROWS);
  ack = new Uint32Array(FIRST_ROWS);
  length = new Uint32Array(FIRST_ROWS);
  flags = new Uint8Array(FIRST_ROWS);
  bits = new Uint8Array(FIRST_ROWS);
  ttl = new Uint8Array(FIRST_ROWS);
  /** -1 in IPv6. */
  ipId = new Int32Array(FIRST_ROWS);
  /** Where `STAMPED` is set. */
  timestamp = new Uint32Array(FIRST_ROWS);
  /** Where `DIGEST` is set. */
  digest = new Uint32Array(FIRST_ROWS);
  /** The six bytes as a number; -1 for none. */
  hardware = new Float64Array(FIRST_ROWS);
  readonly #ends: (readonly [Endpoint, Endpoint] | undefined)[] = [];
  readonly #hardwareTexts = new Map<number, string>();

  get size(): number {
    return this.#size;
  }

  /** Whether all packets are of the first file. */
  get isOneFile(): boolean {
    for (let row = 0; row < this.#size; row++) if (this.file[row] !== 0) return false;
    return true;
  }

  /** Registers the ends of a conversation before its packets. */
  announce(conversation: number, ends: readonly [Endpoint, Endpoint]): void {
    this.#ends[conversation] = ends;
  }

  /** Makes room for one more packet and returns its row, to be filled in. */
  claimRow(): number {
    if (this.#size === this.time.length) this.#grow();
    return this.#size++;
  }

  /** Drops the rows of these conversations and the order. */
  dropRows(gone: ReadonlySet<number>): void {
    const before = this.#size;
    const drops = new Uint8Array(this.#ends.length);
    for (const conversation of gone) drops[conversation] = 1;
    const runs: number[] = [];
    let kept = 0;
    for (let row = 0; row < before;) {
      const from = row;
      const isDropped = drops[this.conversation[row] ?? 0] === 1;
      while (row < before && (drops[this.conversation[row] ?? 0] === 1) === isDropped) row += 1;
      if (isDropped) continue;
      if (from > kept) runs.push(kept, from, row);
      kept += row - from;
    }
    for (const column of this.#columns) move(column, runs);
    this.#size = kept;
    this.id.fill(0, kept, before);
    this.ordered = new Uint32Array(0);
  }

  /** Forgets the ends of a conversation that has no packets left. */
  forget(conversation: number): void {
    this.#ends[conversation] = undefined;
  }

  get #columns(): (Float64Array | Uint32Array | Uint8Array | Int32Array)[] {
    const { id, time, device, conversation, file, seq, ack, length, flags, bits, ttl } = this;
    const { ipId, timestamp, digest, hardware } = this;
    return [
      ...[id, time, device, conversation, file, seq, ack, length, flags, bits, ttl],
      ...[ipId, timestamp, digest, hardware],
    ];
  }

  /** Adds to the times of one file's packets. */
  shiftTimes(file: number, nanoseconds: number): void {
    for (let row = 0; row < this.#size; row++) {
      if (this.file[row] === file) this.time[row] = (this.time[row] ?? 0) + nanoseconds;
    }
  }

  has(row: number, bit: number): boolean {
    return ((this.bits[row] ?? 0) & bit) !== 0;
  }

  sourceOf(row: number): Endpoint {
    return this.#endOf(row, this.has(row, BIT.BACK) ? 1 : 0);
  }

  destinationOf(row: number): Endpoint {
    return this.#endOf(row, this.has(row, BIT.BACK) ? 0 : 1);
  }

  /** Whether two packets have the same source. */
  sameSource(a: number, b: number): boolean {
    const isOneSide = (((this.bits[a] ?? 0) ^ (this.bits[b] ?? 0)) & BIT.BACK) === 0;
    if (isOneSide && this.conversation[a] === this.conversation[b]) return true;
    return sameEndpoint(this.sourceOf(a), this.sourceOf(b));
  }

  /** The hardware address as text, `02:42:ac:11:00:02`; cached, because a capture has few of them. */
  hardwareOf(row: number): string | null {
    const key = this.hardware[row] ?? -1;
    if (key < 0) return null;
    const known = this.#hardwareTexts.get(key);
    if (known !== undefined) return known;
    const text = key
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?=.)/g, '$&:');
    if (this.#hardwareTexts.size < MAX_HARDWARE) this.#hardwareTexts.set(key, text);
    return text;
  }

  /** The ends of a conversation with packets. */
  endsOf(conversation: number): readonly [Endpoint, Endpoint] {
    const ends = this.#ends[conversation];
    if (ends === undefined) throw new RangeError(`conversation ${conversation} has no packets`);
    return ends;
  }

  #endOf(row: number, side: 0 | 1): Endpoint {
    return this.endsOf(this.conversation[row] ?? 0)[side];
  }

  /** Grows in large steps: unused room takes no memory yet, and copying is expensive. */
  #grow(): void {
    const rows = this.time.length * 16;
    this.id = widen(this.id, new Float64Array(rows));
    this.time = widen(this.time, new Float64Array(rows));
    this.device = widen(this.device, new Uint32Array(rows));
    this.conversation = widen(this.conversation, new Uint32Array(rows));
    this.file = widen(this.file, new Uint32Array(rows));
    this.seq = widen(this.seq, new Uint32Array(rows));
    this.ack = widen(this.ack, new Uint32Array(rows));
    this.length = widen(this.length, new Uint32Array(rows));
    this.flags = widen(this.flags, new Uint8Array(rows));
    this.bits = widen(this.bits, new Uint8Array(rows));
    this.ttl = widen(this.ttl, new Uint8Array(rows));
    this.ipId = widen(this.ipId, new Int32Array(rows));
    this.timestamp = widen(this.timestamp, new Uint32Array(rows));
    this.digest = widen(this.digest, new Uint32Array(rows));
    this.hardware = widen(this.hardware, new Float64Array(rows));
  }
}

/** Moves runs of elements to the front; each is given as its new place, its first element and its end. */
function move(
  column: { copyWithin(to: number, from: number, end: number): unknown },
  runs: readonly number[],
): void {
  for (let at = 0; at < runs.length; at += 3) {
    column.copyWithin(runs[at] ?? 0, runs[at + 1] ?? 0, runs[at + 2] ?? 0);
  }
}

function widen<T extends { set(from: T): void }>(column: T, wider: T): T {
  wider.set(column);
  return wider;
}
