/** Defines what a reader of a capture format passes on, and how it ends. */

export interface FrameSink {
  /** Announces an interface; returns the number that the interface's frames carry. */
  addInterface(name: string | null): number;
  /** The record and its bytes are valid only during the call: copy what you keep. */
  takeFrame(frame: Frame): void;
}

/** One frame of a capture. It is mutable because one record is reused for all frames. */
export interface Frame {
  /** The buffer that holds the frame, from `from` to `to`. */
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

/** Copies a frame and its bytes, which begin at 0 in the copy. */
export function copyFrame(frame: Frame): Frame {
  const { bytes, from, to } = frame;
  return { ...frame, bytes: bytes.slice(from, to), from: 0, to: to - from };
}

export interface ReadEnd {
  /** Why reading stopped before the end, with the byte offset; null when all was read. */
  readonly problem: string | null;
  /** Further remarks, one sentence each. */
  readonly notes: readonly string[];
  /** Packets that the capturing program itself reported as lost. */
  readonly lost: number;
}

/** Reads one capture format from chunks of any size. Never throws on bad input. */
export interface ChunkReader {
  /** Returns false when the input is damaged and no more is wanted. */
  push(chunk: Buffer): boolean;
  end(): ReadEnd;
}

/** Bytes; no program captures larger packets (libpcap's MAXIMUM_SNAPLEN), so a larger length is damaged. */
export const MAX_CAPTURED = 262_144;
