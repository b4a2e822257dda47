/** What a reader of a capture format hands on, and how it ends. */

export interface FrameSink {
  /** Announces an interface; the number that it returns goes with the interface's frames. */
  addInterface(name: string | null): number;
  /** The record and its bytes are only lent: copy what is kept. */
  takeFrame(frame: Frame): void;
}

/** One frame of a capture; mutable, for one record serves a million of them. */
export interface Frame {
  /** What it stands in, from `from` to `to`. */
  bytes: Uint8Array;
  from: number;
  to: number;
  /** Size on the wire. */
  length: number;
  linkType: number;
  /** The number that `addInterface` gave. */
  device: number;
  /** Since 1970. */
  seconds: number;
  nanoseconds: number;
  /** Null when the format does not say. */
  direction: 'in' | 'out' | null;
}

export function emptyFrame(): Frame {
  const bytes = new Uint8Array(0);
  const window = { bytes, from: 0, to: 0 };
  return {
    ...window,
    length: 0,
    linkType: 0,
    device: 0,
    seconds: 0,
    nanoseconds: 0,
    direction: null,
  };
}

/** With bytes of its own, from 0 on. */
export function copyFrame(frame: Frame): Frame {
  const { bytes, from, to } = frame;
  return { ...frame, bytes: bytes.slice(from, to), from: 0, to: to - from };
}

export interface ReadEnd {
  /** Why reading stopped before the end, with the byte offset; null when all was read. */
  readonly problem: string | null;
  /** What else there is to say, one sentence each. */
  readonly notes: readonly string[];
  /** Packets that the capturing program itself reported as lost. */
  readonly lost: number;
}

/** Reads one capture format from chunks, in whatever sizes they come. Never throws on bad input. */
export interface ChunkReader {
  /** False when no more is wanted: the input is damaged. */
  push(chunk: Buffer): boolean;
  end(): ReadEnd;
}

/** Larger packets than any capturing program writes (libpcap's MAXIMUM_SNAPLEN): a damaged length. */
export const MAX_CAPTURED = 262_144;
