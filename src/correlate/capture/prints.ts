/** Tells quickly that two legs cannot have carried the same bytes, which rules out nearly all of very many pairs. */
import type { ByteStream } from '../../model/conversation.js';
import { isAligned, streamsOf } from './contents.js';
import type { CapturedLeg } from './legs.js';

/** Numbers per leg: whether it was seen from its beginning, then length, digest and start of each direction. */
const SIZE = 7;
const NONE = -1;

export class Prints {
  readonly #numbers: Float64Array;

  constructor(legs: readonly CapturedLeg[]) {
    this.#numbers = new Float64Array(legs.length * SIZE);
    for (const [index, leg] of legs.entries()) writePrint(leg, this.#numbers, index * SIZE);
  }

  /** Whether two legs certainly differ; false where they must be compared in full. */
  differ(index: number, other: Float64Array): boolean {
    const at = index * SIZE;
    const aligned = this.#numbers[at] === 1 && other[0] === 1;
    return (
      aligned && (this.#streamsDiffer(at + 1, other, 1) || this.#streamsDiffer(at + 4, other, 4))
    );
  }

  #streamsDiffer(at: number, other: Float64Array, from: number): boolean {
    const numbers = this.#numbers;
    const [length, theirs] = [numbers[at] ?? 0, other[from] ?? 0];
    if (length === 0 || theirs === 0) return false;
    const [digest, theirDigest] = [numbers[at + 1] ?? NONE, other[from + 1] ?? NONE];
    if (length === theirs && digest !== NONE && theirDigest !== NONE) return digest !== theirDigest;
    const [start, theirStart] = [numbers[at + 2] ?? NONE, other[from + 2] ?? NONE];
    return start !== NONE && theirStart !== NONE && start !== theirStart;
  }
}

/** Computes one leg's print; `into` may be reused for one leg after another. */
export function takePrint(
  leg: CapturedLeg,
  into: Float64Array = new Float64Array(SIZE),
): Float64Array {
  writePrint(leg, into, 0);
  return into;
}

/** Writes a leg's print. Datagrams have none. */
function writePrint(leg: CapturedLeg, into: Float64Array, at: number): void {
  const aligned = leg.leg.protocol === 'tcp' && isAligned(leg);
  into[at] = aligned ? 1 : 0;
  if (!aligned) return;
  const { request, reply } = streamsOf(leg);
  describe(request, into, at + 1);
  describe(reply, into, at + 4);
}

function describe({ length, digest, start }: ByteStream, into: Float64Array, at: number): void {
  into[at] = length;
  into[at + 1] = digest ?? NONE;
  into[at + 2] = start ?? NONE;
}
