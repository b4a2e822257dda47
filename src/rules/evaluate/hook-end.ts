/** What became of a packet in a hook, and who decides where that is not known. */
import type { Undecided } from './doubt.js';
import type { RuleRef } from './rule-index.js';

/** What became of the packet in one hook. */
export interface HookEnd {
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** The rule that dropped or rejected it. */
  readonly by: RuleRef | null;
  /** Whether what rejects it does so with a TCP reset. */
  readonly reset: boolean;
  /** The rule that gave it another destination, or left NAT alone. */
  readonly nat: RuleRef | null;
}

/** What stopped it. */
export interface HookStop {
  readonly verdict: 'drop' | 'reject';
  readonly by: RuleRef;
  readonly reset: boolean;
}

/** The answer to a doubt in this run: later runs try the other one. `ref` is null where routing asks. */
export type Decide = (doubt: Undecided, ref: RuleRef | null) => boolean;
