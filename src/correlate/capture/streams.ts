/** Compares the bytes of two streams, as far as the capture has them. */
import type { Likeness } from '../../model/claim.js';
import { STREAM_HEAD, type ByteStream } from '../../model/conversation.js';

/** Bytes that must agree before streams whose beginnings were not seen are taken to be in step. */
const IN_STEP = 8;

/** Compares two streams. `aligned`: both were seen from their beginning. */
export function compareStreams(a: ByteStream, b: ByteStream, aligned: boolean): Likeness {
  if (a.length === 0 && b.length === 0) return 'empty';
  if (a.length === 0 || b.length === 0) return 'part';
  if (a.length === b.length && a.digest !== null && b.digest !== null) {
    if (a.digest === b.digest) return 'equal';
    if (aligned) return 'different';
  }
  const offsets = aligned ? [0] : listOffsets(a, b);
  for (const offset of offsets) {
    const known = countAgreeing(a, b, offset);
    if (known === null) continue;
    if (known === 0) {
      if (aligned) return a.length === b.length ? 'same-length' : 'part';
      continue;
    }
    const enough = aligned || known >= Math.min(IN_STEP, a.length, b.length);
    if (enough) return a.length === b.length && offset === 0 ? 'same-start' : 'part';
  }
  return 'different';
}

/** Whether no known byte of their beginnings differs: more bytes may make them equal, or not. */
export function haveCommonBeginning(a: ByteStream, b: ByteStream): boolean {
  return countAgreeing(a, b, 0) !== null;
}

/**
 * Whether a finished and an open stream may turn out alike where not both were seen from their beginning. The kept
 * bytes of the open stream no longer change once they are complete.
 */
export function mayOverlap(over: ByteStream, open: ByteStream): boolean {
  const isFull = open.head.length >= STREAM_HEAD && open.known === null;
  return !isFull || compareStreams(over, open, false) !== 'different';
}

/** Lists the offsets to try: one capture may begin within a segment that the other has whole. */
function listOffsets(a: ByteStream, b: ByteStream): number[] {
  const most = Math.min(256, Math.max(a.head.length, b.head.length));
  const offsets = [0];
  for (let i = 1; i < most; i++) offsets.push(i, -i);
  return offsets;
}

/** Known bytes that agree when `b` begins `offset` bytes into `a`; null when one differs. */
function countAgreeing(a: ByteStream, b: ByteStream, offset: number): number | null {
  const [own, theirs] = [a.head, b.head];
  const [knownHere, knownThere] = [a.known, b.known];
  const end = Math.min(own.length, theirs.length + offset);
  let known = 0;
  for (let i = Math.max(0, offset); i < end; i++) {
    if (knownHere && knownHere[i] !== 1) continue;
    if (knownThere && knownThere[i - offset] !== 1) continue;
    if (own[i] !== theirs[i - offset]) return null;
    known += 1;
  }
  return known;
}
