/** Computes a running 32-bit polynomial hash: fast, and sufficient because lengths and numbers must agree as well. */

export const DIGEST_START = 0x811c9dc5;

const P = 0x9e3779b3;
const P2 = Math.imul(P, P);
const P3 = Math.imul(P2, P);
const P4 = Math.imul(P2, P2);

/** The result does not depend on how the bytes are divided into pieces. */
export function digestBytes(bytes: Uint8Array, from: number, to: number, start: number): number {
  const end = Math.min(to, bytes.length);
  let hash = start | 0;
  let at = from;
  // Four bytes at a time: their products do not depend on each other.
  for (; at + 4 <= end; at += 4) {
    const first = Math.imul(bytes[at] ?? 0, P3) + Math.imul(bytes[at + 1] ?? 0, P2);
    const second = Math.imul(bytes[at + 2] ?? 0, P) + (bytes[at + 3] ?? 0);
    hash = (Math.imul(hash, P4) + first + second) | 0;
  }
  for (; at < end; at++) hash = (Math.imul(hash, P) + (bytes[at] ?? 0)) | 0;
  return hash >>> 0;
}
