/** Reassembles fragmented IP packets in bounded memory; refuses overlapping fragments and counts incomplete packets. */
import { isSoundHeader } from '../../decode/checksum.js';
import type { Packet, FragmentFacts } from '../../decode/packet.js';
import { copyFrame, type Frame } from '../file/sink.js';

/** Limits: incomplete packets, their bytes, and pieces per packet. Beyond the first two the oldest is given up. */
const MAX_WAITING = 1_024;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_PIECES = 1_024;
/** Nanoseconds that a packet waits for its pieces: systems wait 30 to 60 seconds. */
const PATIENCE = 30_000_000_000;
/** Recently reassembled or refused packets that are remembered: more of their pieces may come. */
const MAX_SETTLED = 256;
const LARGEST = 65_535;

interface Part {
  readonly offset: number;
  /** Bytes on the wire; `bytes` may hold fewer. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly since: number;
  readonly parts: Part[];
  /** Bytes of all parts together; null until the last one has come. */
  total: number | null;
  /** The frame of the part with offset 0, and where the part begins in it. */
  first: { readonly frame: Frame; readonly at: number; readonly piece: FragmentFacts } | null;
}

/** Reassembles packets. `alone` gets each first fragment whose packet stays incomplete. */
export class Fragments {
  readonly #alone: (frame: Frame) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #settled = new Map<string, 'whole' | 'refused'>();
  #bytes = 0;
  /** Fragments that could not be reassembled, and those that overlap others or contradict them. */
  apart = 0;
  refused = 0;

  constructor(alone: (frame: Frame) => void) {
    this.#alone = alone;
  }

  /**
   * Takes the fragment in `frame`, which was decoded into `packet` and seen at `place`. Returns the frame of the whole
   * packet once all pieces have come, else null.
   */
  take(packet: Packet, frame: Frame, place: string, time: number): Frame | null {
    this.#giveUp(time);
    const { piece, bytes, networkAt, version } = packet;
    if (piece === null) return null;
    if (version === 4 && !isSoundHeader(bytes, networkAt)) {
      this.#leave([frame].slice(piece.offset === 0 ? 0 : 1), 1);
      return null;
    }
    const key = `${place}|${nameOf(packet, piece)}`;
    const settled = this.#settled.get(key);
    if (settled === 'refused') {
      this.refused += 1;
      return null;
    }
    // A copy of a piece that was already used; a piece with offset 0 begins another packet.
    if (settled === 'whole' && piece.offset > 0) return null;
    this.#settled.delete(key);
    const waiting = this.#waiting.get(key) ?? { since: time, parts: [], total: null, first: null };
    const fit = compare(waiting, piece, packet);
    if (fit === 'again') return null;
    if (fit === 'contradicts') {
      this.refused += waiting.parts.length + 1;
      this.#forget(key, waiting);
      this.#settle(key, 'refused');
      return null;
    }
    this.#waiting.set(key, waiting);
    this.#add(waiting, packet, piece, frame);
    const whole = join(waiting, version);
    if (whole !== null) {
      this.#forget(key, waiting);
      this.#settle(key, 'whole');
    }
    return whole;
  }

  /** No more frames come. */
  finish(): void {
    this.#giveUp(Infinity);
  }

  #add(waiting: Waiting, { bytes, end }: Packet, piece: FragmentFacts, frame: Frame): void {
    const { at, offset, length, more } = piece;
    const part = { offset, length, bytes: bytes.slice(at, Math.min(at + length, end)) };
    waiting.parts.push(part);
    if (!more) waiting.total = offset + length;
    if (offset === 0) {
      const copy = copyFrame(frame);
      waiting.first = { frame: copy, at: at - frame.from, piece };
      this.#bytes += copy.to;
    }
    this.#bytes += part.bytes.length;
  }

  #giveUp(time: number): void {
    for (const [key, waiting] of this.#waiting) {
      const isOver = time - waiting.since > PATIENCE;
      if (!isOver && this.#waiting.size <= MAX_WAITING && this.#bytes <= MAX_BYTES) return;
      this.#forget(key, waiting);
      this.#leave(waiting.first ? [waiting.first.frame] : [], waiting.parts.length);
    }
  }

  #leave(first: readonly Frame[], count: number): void {
    this.apart += count;
    for (const frame of first) this.#alone(frame);
  }

  #forget(key: string, { parts, first }: Waiting): void {
    if (!this.#waiting.delete(key)) return;
    this.#bytes -= parts.reduce((sum, { bytes }) => sum + bytes.length, first?.frame.to ?? 0);
  }

  #settle(key: string, how: 'whole' | 'refused'): void {
    this.#settled.set(key, how);
    const [oldest] = this.#settled.keys();
    if (this.#settled.size > MAX_SETTLED && oldest !== undefined) this.#settled.delete(oldest);
  }
}

/** The key that all pieces of one packet share. */
function nameOf(packet: Packet, { id }: FragmentFacts): string {
  const { bytes, version, sourceAt, destinationAt, protocol, tunnels } = packet;
  const size = version === 4 ? 4 : 16;
  const text = (at: number, length: number): string =>
    Buffer.from(bytes.subarray(at, at + length)).toString('hex');
  const outer = tunnels.map((tunnel) => {
    const length = tunnel.version === 4 ? 4 : 16;
    return `${tunnel.kind}${tunnel.id}${text(tunnel.sourceAt, length)}${text(tunnel.destinationAt, length)}`;
  });
  const ends = `${text(sourceAt, size)}${text(destinationAt, size)}`;
  return `${ends}${version === 4 ? protocol : ''}|${id}|${outer.join()}`;
}

/** `again`: the same piece came before. `contradicts`: it overlaps another, or cannot be a piece of this packet. */
function compare(
  { parts, total }: Waiting,
  { at, offset, length, more }: FragmentFacts,
  { bytes, end }: Packet,
): 'new' | 'again' | 'contradicts' {
  const last = offset + length;
  const own = bytes.subarray(at, Math.min(at + length, end));
  if (
    parts.some(
      (part) => part.offset === offset && part.length === length && isEqual(part.bytes, own),
    )
  ) {
    return 'again';
  }
  if (length === 0 || last > LARGEST || parts.length === MAX_PIECES) return 'contradicts';
  if (more && length % 8 !== 0) return 'contradicts';
  if (total !== null && (!more || last > total)) return 'contradicts';
  if (!more && parts.some((part) => part.offset + part.length > last)) return 'contradicts';
  const overlaps = parts.some((part) => part.offset < last && offset < part.offset + part.length);
  return overlaps ? 'contradicts' : 'new';
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The frame of the whole packet, as if it had never been fragmented; null while pieces are missing. */
function join({ parts, total, first }: Waiting, version: number): Frame | null {
  const there = parts.reduce((sum, { length }) => sum + length, 0);
  if (first === null || total === null || there !== total) return null;
  const { frame, at, piece } = first;
  const bytes = new Uint8Array(at + total);
  bytes.set(frame.bytes.subarray(0, at));
  let to = at;
  for (const part of [...parts].sort((a, b) => a.offset - b.offset)) {
    bytes.set(part.bytes, at + part.offset);
    to = at + part.offset + part.bytes.length;
    // What a short snaplen cut off this piece is unknown, and so is everything after it.
    if (part.bytes.length < part.length) break;
  }
  const network = piece.networkAt - (piece.at - at);
  const length = at - network + total;
  if (length > LARGEST) return null;
  write16(bytes, piece.fieldAt - (piece.at - at), 0);
  if (version === 4) {
    write16(bytes, network + 2, length);
    // The checksum was that of the piece. Zero stands for one that the device fills in.
    write16(bytes, network + 10, 0);
  } else write16(bytes, network + 4, length - 40);
  return { ...frame, bytes, from: 0, to, length: at + total };
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}
