/** The likely causes why a connection did not come as predicted, as codes with fields. */
import type { Protocol } from './event.js';
import type { RuleDifferences } from './survey.js';

export type Suspicion =
  /** The rules changed during the trace; those at its end predict what was seen. `changes` is null where unknown. */
  | { readonly code: 'new-rules'; readonly changes: RuleDifferences | null }
  /** The rules changed, but that does not explain what was seen. */
  | { readonly code: 'changed-rules'; readonly changes: RuleDifferences | null }
  /** A conntrack entry from before the rules. */
  | { readonly code: 'old-entry'; readonly protocol: Protocol }
  /** Rules are loaded by iptables-legacy and by another backend. */
  | { readonly code: 'two-backends' }
  | { readonly code: 'listener-came' | 'listener-ended' }
  /** The process that listens passes its connections on. */
  | { readonly code: 'server-relays' }
  /** A relay took the connection that was not known to lead there. */
  | { readonly code: 'unknown-relay' }
  /** Something that was not read translated it, or stopped or diverted it. */
  | { readonly code: 'unread-rule' | 'unread-obstacle' };
