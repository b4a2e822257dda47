/** What a reader of a capture format hands on, and how it ends. */

export interface FrameSink {
  /** Announces an interface; the number that it returns goes with the interface's frames. */
  addInterface(name: string | null): number;
  /**
   * One frame. `frame` is only lent: copy what is kept. `length` is its size on the wire. Time is seconds since 1970
   * and nanoseconds. `direction` is null when the format does not say.
   */
  takeFrame(
    frame: Uint8Array,
    length: number,
    linkType: number,
    device: number,
    seconds: number,
    nanoseconds: number,
    direction: 'in' | 'out' | null,
  ): void;
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
