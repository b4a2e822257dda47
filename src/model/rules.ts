/** The common form of packet filter rules of every backend: tables, chains, and rules as steps in order. */
import type { AddressRange } from './range.js';

export const BACKENDS = ['iptables-nft', 'iptables-legacy', 'nftables'] as const;
export type Backend = (typeof BACKENDS)[number];

export const HOOKS = [
  ...(['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting', 'egress'] as const),
] as const;
export type Hook = (typeof HOOKS)[number];

export const FAMILIES = ['ip', 'ip6', 'inet', 'netdev', 'bridge', 'arp'] as const;

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** Fields that are compared bit by bit. Numbers are the kernel's own: IP_CT_*, IPS_*, TCP flags. */
export const BIT_FIELDS = [
  'state',
  'status',
  'tcp-flags',
  'mark',
  'connection-mark',
  'zone',
] as const;
export type BitField = (typeof BIT_FIELDS)[number];

/** Bits of the TCP header, by the names that nft and iptables share in lower case. */
export const TCP_FLAGS = {
  fin: 1,
  syn: 2,
  rst: 4,
  psh: 8,
  ack: 16,
  urg: 32,
  ecn: 64,
  cwr: 128,
} as const;

/** IPv6 messages by which neighbours ask for a hardware address and announce it. */
export const DISCOVERY = ['solicitation', 'advertisement'] as const;
export type Discovery = (typeof DISCOVERY)[number];

/** A condition; `not` negates it. What is not understood is kept as text and never guessed. */
export type Match = { readonly not: boolean } & (
  | {
      /** `eth+` and `eth*` mean every name that begins so. */
      readonly on: 'in-device' | 'out-device';
      readonly names: readonly string[];
    }
  | {
      /** Kinds as `ip -d link` names them. */
      readonly on: 'in-kind' | 'out-kind';
      readonly names: readonly string[];
    }
  | {
      /**
       * `original-…` is what the client sent, before any rule rewrote it; `reply-…` is what conntrack
       * expects of the answer. Of the address only the bits of `mask` are compared; all when left out.
       */
      readonly on:
        | 'source'
        | 'destination'
        | 'original-source'
        | 'original-destination'
        | 'reply-source'
        | 'reply-destination';
      readonly ranges: readonly AddressRange[];
      readonly mask?: bigint;
    }
  | {
      /** `original-port` and `reply-port` are destinations. */
      readonly on:
        | 'source-port'
        | 'destination-port'
        | 'either-port'
        | 'original-source-port'
        | 'original-port'
        | 'reply-source-port'
        | 'reply-port';
      readonly ranges: readonly PortRange[];
    }
  | {
      readonly on: 'protocol' | 'family';
      readonly names: readonly string[];
      /** Set if it asks about the packet's connection and not about the packet itself. */
      readonly connection?: true;
    }
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
  /** Bits of a field as the kernel computes with them: (field & mask) ^ flip lies in one of the ranges. */
  | {
      readonly on: 'bits';
      readonly field: BitField;
      readonly mask: number;
      readonly flip: number;
      readonly ranges: readonly PortRange[];
      readonly text: string;
    }
  /** The direction of the connection that the packet goes in. */
  | { readonly on: 'direction'; readonly reply: boolean }
  /** A helper of connection tracking by its name; empty for any. */
  | { readonly on: 'helper'; readonly name: string }
  /** Whether the way back to the source leads by the device that the packet came in on. */
  | { readonly on: 'reverse-path'; readonly text: string }
  /** A condition with the same result for every packet that is predicted, e.g. that it is no fragment. */
  | {
      readonly on: 'fact';
      readonly holds: boolean;
      readonly text: string;
      /** Of a type of ICMPv6: the messages of neighbour discovery that it is; none when left out. */
      readonly discovers?: readonly Discovery[];
    }
  /** A set whose elements have several parts: one of the entries, with all of its conditions. */
  | {
      readonly on: 'one-of';
      readonly entries: readonly (readonly Match[])[];
      readonly text: string;
    }
  /** True only for some packets: at random, or below a rate. */
  | { readonly on: 'chance'; readonly text: string }
  /** An ipset, or a named set whose content is not read. */
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

export type RuleVerdict =
  | { readonly do: 'accept' | 'drop' | 'return' | 'continue' }
  /** Rejects with a TCP reset or an ICMP message. */
  | { readonly do: 'reject'; readonly how: string; readonly reset: boolean }
  | { readonly do: 'jump' | 'goto'; readonly chain: string }
  | ({ readonly do: 'dnat' } & RewriteTarget)
  /** `ports`: whether the source may get another port than its own. */
  | ({ readonly do: 'snat'; readonly ports?: boolean } & RewriteTarget)
  | { readonly do: 'masquerade'; readonly ports?: boolean }
  | { readonly do: 'redirect'; readonly port: number | null }
  /** A target whose effect is not known here. */
  /** `holds` for one that answers in the server's place and lets the client hang (TARPIT). */
  | { readonly do: 'unknown'; readonly text: string; readonly holds?: true };

export interface MapEntry {
  /** One condition per part of the key. */
  readonly matches: readonly Match[];
  readonly verdict: RuleVerdict;
}

export type Step =
  | { readonly kind: 'match'; readonly match: Match }
  | { readonly kind: 'verdict'; readonly verdict: RuleVerdict }
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
  /** Sets the conntrack zone, of one direction or of both. */
  | {
      readonly kind: 'zone';
      readonly zone: number;
      readonly direction: 'original' | 'reply' | null;
    }
  /** Assigns a conntrack helper: connections that it expects become related to this one. */
  | { readonly kind: 'helper'; readonly name: string }
  /** From here on the flow table forwards the connection, and its packets meet no more rules. */
  | { readonly kind: 'offload'; readonly text: string }
  /** Counts or logs, and decides nothing. */
  | { readonly kind: 'note'; readonly text: string };

export interface Rule {
  /** As it was written, without counters. */
  readonly text: string;
  readonly steps: readonly Step[];
  readonly packets: number | null;
  readonly comment: string | null;
  /** Line of the text that it was read from, from 1; left out where there is none. */
  readonly line?: number;
}

export interface Chain {
  readonly name: string;
  /** Where the kernel calls it; null for a chain that others jump to. */
  readonly base: {
    readonly hook: Hook;
    readonly type: 'filter' | 'nat' | 'route';
    readonly priority: number;
    /** Devices of an ingress or egress chain. Left out elsewhere, and where they are not known. */
    readonly devices?: readonly string[];
  } | null;
  readonly policy: 'accept' | 'drop';
  readonly packets: number | null;
  readonly rules: readonly Rule[];
}

export interface Table {
  readonly backend: Backend;
  readonly family: (typeof FAMILIES)[number];
  readonly name: string;
  readonly chains: readonly Chain[];
}

export interface RuleSet {
  readonly tables: readonly Table[];
  /** What was there and is left out, one sentence each. */
  readonly notes: readonly string[];
  /** Backends whose rules were not read although the tool of another backend says that they have some. */
  readonly hidden?: readonly Backend[];
}

export const NO_RULES: RuleSet = { tables: [], notes: [] };

export function joinRuleSets(sets: readonly RuleSet[]): RuleSet {
  return {
    tables: sets.flatMap(({ tables }) => tables),
    notes: [...new Set(sets.flatMap(({ notes }) => notes))],
    hidden: [...new Set(sets.flatMap(({ hidden = [] }) => hidden))],
  };
}
