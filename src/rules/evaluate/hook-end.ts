/** The result of a packet in one hook, and the function that decides open conditions. */
import type { Undecided } from './doubt.js';
import type { RuleRef } from './rule-index.js';

/** The result of a packet in one hook. */
export interface HookEnd {
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** The rule that dropped or rejected it. */
  readonly by: RuleRef | null;
  /** Whether the rejection is a TCP reset. */
  readonly reset: boolean;
  /** The NAT rule that changed its destination or source; null if none did. */
  readonly nat: RuleRef | null;
}

/** A drop or rejection, and the rule or policy behind it. */
export interface HookStop {
  readonly verdict: 'drop' | 'reject';
  readonly by: RuleRef;
  readonly reset: boolean;
}

/** Answers a doubt in this run: later runs try the other answer. `ref` is null if routing asks. */
export type Decide = (doubt: Undecided, ref: RuleRef | null) => boolean;
