/** A running hash of bytes (FNV-1a, 32 bits): quick, and enough beside lengths and numbers that must agree as well. */

export const DIGEST_START = 0x811c9dc5;

export function digestBytes(bytes: Uint8Array, from: number, to: number, start: number): number {
  let hash = start;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return hash >>> 0;
}
