/**
 * Chooses which faults are tried where not all of them are: each is equally likely, and the same seed repeats the
 * choice.
 */
import { createHash } from 'node:crypto';

/** @param id the fault's number in the order in which they are made, which is the same for the same sources */
export function isInSample(id: string): boolean {
  const { MUTATE_SHARE: share = '1', MUTATE_SEED: seed = '1' } = process.env;
  const hash = createHash('sha256').update(`${seed}|${id}`).digest();
  return hash.readUInt32BE() / 2 ** 32 < Number(share);
}
