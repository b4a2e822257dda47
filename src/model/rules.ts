/** Packet filter rules of every backend in one form: tables, chains, and rules as steps that a packet meets in order. */
import type { AddressRange } from './range.js';

export const BACKENDS = ['iptables-nft', 'iptables-legacy', 'nftables'] as const;
export type Backend = (typeof BACKENDS)[number];

export const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
export type Hook = (typeof HOOKS)[number];

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** A condition. `not` turns it round. What is not understood is kept as text and never guessed. */
export type Match = { readonly not: boolean } & (
  | {
      /** `eth+` and `eth*` mean every name that begins so. */
      readonly on: 'in-device' | 'out-device';
      readonly names: readonly string[];
    }
  | { readonly on: 'source' | 'destination'; readonly ranges: readonly AddressRange[] }
  /** `original-…` is what the client dialled, before any rule rewrote it. */
  | { readonly on: 'original-destination'; readonly ranges: readonly AddressRange[] }
  | {
      readonly on: 'source-port' | 'destination-port' | 'either-port' | 'original-port';
      readonly ranges: readonly PortRange[];
    }
  | { readonly on: 'protocol' | 'family'; readonly names: readonly string[] }
  | { readonly on: 'mark' | 'connection-mark'; readonly value: number; readonly mask: number }
  /** Connection tracking: new, established, related, invalid, untracked, dnat, snat. */
  | { readonly on: 'state'; readonly names: readonly string[] }
  /** Kind of address: local, unicast, broadcast …; `here` asks for the device that it came in on alone. */
  | {
      readonly on: 'source-type' | 'destination-type';
      readonly names: readonly string[];
      readonly here?: boolean;
    }
  | { readonly on: 'tcp-flags'; readonly among: readonly string[]; readonly set: readonly string[] }
  /** Whether the way back to the source leads by the device that the packet came in on. */
  | { readonly on: 'reverse-path'; readonly text: string }
  /** Is the same for every first packet of a connection, e.g. that it goes from client to server. */
  | { readonly on: 'fact'; readonly holds: boolean; readonly text: string }
  /** A set whose elements have several parts: one of the entries, with all of its conditions. */
  | {
      readonly on: 'one-of';
      readonly entries: readonly (readonly Match[])[];
      readonly text: string;
    }
  /** Is true only for some packets: at random, or below a rate. */
  | { readonly on: 'chance'; readonly text: string }
  /** An ipset, or a named set that holds what is not read here. */
  | {
      readonly on: 'set';
      readonly name: string;
      readonly side: 'source' | 'destination' | 'other';
      readonly text: string;
    }
  | { readonly on: 'unknown'; readonly text: string }
);

export interface RewriteTarget {
  /** Null leaves the address as it is, or means the device's own for a redirect or masquerade. */
  readonly address: string | null;
  /** Null leaves the port as it is. */
  readonly port: number | null;
}

export type Verdict =
  | { readonly do: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly do: 'reject'; readonly how: string }
  | { readonly do: 'jump' | 'goto'; readonly chain: string }
  | ({ readonly do: 'dnat' | 'snat' } & RewriteTarget)
  | { readonly do: 'masquerade' }
  | { readonly do: 'redirect'; readonly port: number | null }
  /** A target whose effect is not known here. */
  | { readonly do: 'unknown'; readonly text: string };

export interface MapEntry {
  /** One condition per part of the key. */
  readonly matches: readonly Match[];
  readonly verdict: Verdict;
}

export type Step =
  | { readonly kind: 'match'; readonly match: Match }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** A verdict map: the first entry that holds decides; none lets the rule go on. */
  | { readonly kind: 'map'; readonly entries: readonly MapEntry[] }
  /** mark = (mark & ~mask) ^ value; null for a value that is not known here. */
  | {
      readonly kind: 'set-mark' | 'set-connection-mark';
      readonly value: number | null;
      readonly mask: number;
    }
  /** Copies the bits of `from`, over those of `to`: to the connection's mark, or from it. */
  | { readonly kind: 'save-mark' | 'restore-mark'; readonly from: number; readonly to: number }
  | { readonly kind: 'notrack' }
  /** Counts or logs, and decides nothing. */
  | { readonly kind: 'note'; readonly text: string };

export interface Rule {
  /** As it was written, without counters. */
  readonly text: string;
  readonly steps: readonly Step[];
  readonly packets: number | null;
  readonly comment: string | null;
}

export interface Chain {
  readonly name: string;
  /** Where the kernel calls it; null for a chain that others jump to. */
  readonly base: {
    readonly hook: Hook;
    readonly type: 'filter' | 'nat' | 'route';
    readonly priority: number;
  } | null;
  readonly policy: 'accept' | 'drop';
  readonly packets: number | null;
  readonly rules: readonly Rule[];
}

export interface Table {
  readonly backend: Backend;
  readonly family: 'ip' | 'ip6' | 'inet';
  readonly name: string;
  readonly chains: readonly Chain[];
}

export interface RuleSet {
  readonly tables: readonly Table[];
  /** What was there and is left out, one sentence each. */
  readonly notes: readonly string[];
}

export const NO_RULES: RuleSet = { tables: [], notes: [] };

export function joinRuleSets(sets: readonly RuleSet[]): RuleSet {
  return {
    tables: sets.flatMap(({ tables }) => tables),
    notes: [...new Set(sets.flatMap(({ notes }) => notes))],
  };
}
