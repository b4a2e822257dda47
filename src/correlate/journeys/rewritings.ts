/** Finds what NAT did to a packet between two places, from its addresses at each and the host's conntrack entry. */
import { sameEndpoint } from '../../model/address.js';
import type { Leg, Nat } from '../leg.js';
import type { Rewriting, RewritingHook, Sight } from './journey.js';
import { canStep, rewritten, type Heading } from './nat-steps.js';

/** What is known about a packet when it arrives at a place. */
export interface Approach {
  readonly leg: Leg;
  readonly request: boolean;
  /** The previous sighting; null at the first place. */
  readonly before: Sight | null;
  /** Inode of the host's namespace: only its NAT is considered. */
  readonly host: number;
}

/**
 * Lists the rewritings before a sighting: of no end, one end, or both, and only as the entry rewrites in this
 * direction.
 */
export function findRewritings(now: Sight, approach: Approach): Rewriting[] {
  if (now.kind === 'nat') return readHook(now);
  const { leg, request, before, host } = approach;
  const { nat } = leg;
  if (nat === null || now.namespace !== host) return [];
  const from: Heading | null = before ? wayAfter(before) : findOrigin(nat, now, request);
  if (from === null || !canStep(nat.view, from, now, request)) return [];
  return (['destination', 'source'] as const).flatMap((field) => {
    if (sameEndpoint(from[field], now[field])) return [];
    const hook = request ? hookOf(nat, field, before) : 'reply';
    return hook ? [{ hook, field, from: from[field], to: now[field] }] : [];
  });
}

function readHook(now: Sight & { kind: 'nat' }): Rewriting[] {
  const { hook, field, becomes } = now;
  return hook === null || hook === 'FORWARD'
    ? []
    : [{ hook, field, from: now[field], to: becomes }];
}

function wayAfter(sight: Sight): Heading {
  return sight.kind === 'nat' ? rewritten(sight) : sight;
}

/**
 * The packet's addresses before its first place, by its conntrack entry. A packet of the host itself is rewritten
 * before it shows on any device, and a dropped packet may show nowhere else.
 */
function findOrigin(nat: Nat, now: Sight, request: boolean): Heading | null {
  if (!request) return null;
  if (nat.hook === 'OUTPUT') return nat.view.original;
  return now.kind === 'drop' && now.conntrack !== null ? now.conntrack.original : null;
}

/** The hook that rewrote a field of a request: DNAT happens in PREROUTING or OUTPUT; null where nothing shows which. */
function hookOf(nat: Nat, field: Rewriting['field'], before: Sight | null): RewritingHook | null {
  if (field === 'source') return 'POSTROUTING';
  const arrived = before?.kind === 'packet' && before.direction === 'in';
  return nat.hook ?? (arrived ? 'PREROUTING' : null);
}
