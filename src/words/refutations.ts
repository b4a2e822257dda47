/** Says of each claim what it means that it does not hold, and which answer is bad news for the user. */
import type { ClaimCode } from '../model/claim.js';

interface Refutation {
  /** Said instead of the claim when it does not hold; null: `not so: …` with the claim's own words. */
  readonly words: string | null;
  /** The answer that helps nobody: the client got no further, or the trace has gaps. Null when neither is bad. */
  readonly bad: boolean | null;
}

const REFUTATIONS: Readonly<Record<ClaimCode, Refutation>> = {
  'nat-rewritten': { words: 'nothing rewrote its destination', bad: null },
  'machine-between': { words: null, bad: null },
  'host-accepted': { words: 'no process of the host took part', bad: null },
  'host-alone': { words: 'what took it wrote elsewhere too before it had answered', bad: null },
  'relay-dialled': { words: null, bad: null },
  'relay-moved': { words: null, bad: null },
  'same-packet': { words: null, bad: null },
  'container-addressed': {
    words: 'the client did not dial a container’s own address',
    bad: null,
  },
  'nothing-listened': { words: null, bad: true },
  'stopped-at-host': { words: null, bad: null },
  'entered-container': { words: 'no packet of it entered the container', bad: false },
  'handshakes-nested': { words: null, bad: null },
  'streams-equal': { words: null, bad: null },
  'only-pairing': { words: null, bad: null },
  'content-own': { words: null, bad: null },
  'never-rewritten': { words: null, bad: null },
  complete: { words: 'events may be missing', bad: false },
  'rule-counted': { words: null, bad: null },
};

/** @param code of an earlier version's document as well, which may be unknown here */
export function writeRefutation(code: string, claim: string): string {
  return find(code)?.words ?? `not so: ${claim}`;
}

/** Whether it is bad news for the user that this claim holds, or that it does not. */
export function isBadNews(code: string, holds: boolean): boolean {
  return find(code)?.bad === holds;
}

function find(code: string): Refutation | undefined {
  return Object.hasOwn(REFUTATIONS, code) ? REFUTATIONS[code as ClaimCode] : undefined;
}
