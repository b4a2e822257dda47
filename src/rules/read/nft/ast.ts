/** The parts of nft rules, the same for text and JSON. Nothing is left out: unknown parts are kept as text. */

export type BinaryOperator = '&' | '|' | '^' | '<<' | '>>';
/** Empty if none is written, which for flags means "any of them". `!` means "none of them". */
export type Operator = '' | '==' | '!=' | '<' | '>' | '<=' | '>=' | '!';

export type Expression =
  /** A number, name, address or time, as it is written. */
  | { readonly kind: 'value'; readonly text: string }
  /** `*`, which stands for everything else in a map. */
  | { readonly kind: 'rest' }
  /** A set or map by its name. */
  | { readonly kind: 'reference'; readonly name: string }
  | { readonly kind: 'prefix'; readonly address: string; readonly length: number }
  | { readonly kind: 'range'; readonly low: string; readonly high: string }
  /** Flags separated by commas. */
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'set'; readonly elements: readonly Element[] }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** A field of a packet, by its name: `ip daddr`, `ct state`, `fib daddr . iif type`, `@th,16,16`. */
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'map'; readonly key: Expression; readonly data: Expression }
  | { readonly kind: 'verdict'; readonly verdict: NftVerdict }
  | { readonly kind: 'unknown'; readonly text: string };

/** An element of a set, or of a map: then `data` is the value of the key. */
export interface Element {
  readonly key: Expression;
  readonly data: Expression | null;
}

/** A verdict that ends a rule, or jumps to a chain: by its name, or written in place. */
export type NftVerdict =
  | { readonly do: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly do: 'jump' | 'goto'; readonly chain: string | readonly NftRule[] };

export interface Translation {
  readonly kind: 'nat';
  readonly do: 'dnat' | 'snat' | 'masquerade' | 'redirect';
  readonly family: string | null;
  /** Null if it is not written. A map or a concatenation may give address and port at once. */
  readonly address: Expression | null;
  readonly port: Expression | null;
  /** `random`, `persistent`, `prefix` … */
  readonly flags: readonly string[];
}

export type NftStatement =
  | {
      readonly kind: 'match';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'decide'; readonly decision: NftVerdict }
  | { readonly kind: 'vmap'; readonly key: Expression; readonly data: Expression }
  | { readonly kind: 'set'; readonly field: string; readonly value: Expression }
  | Translation
  /** Both null for the default message. */
  | { readonly kind: 'reject'; readonly type: string | null; readonly code: string | null }
  | { readonly kind: 'counter'; readonly packets: number | null; readonly text: string }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'notrack' }
  | { readonly kind: 'helper'; readonly name: string }
  | { readonly kind: 'offload'; readonly text: string }
  /** Reads the packet or records something about it, and lets it pass. */
  | { readonly kind: 'inert'; readonly text: string }
  /** Lets only some packets pass: by rate, number or amount. */
  | { readonly kind: 'rate'; readonly text: string }
  /** Sends the packet somewhere else. */
  | { readonly kind: 'action'; readonly text: string }
  /** An xtables expression, which only iptables-nft makes. */
  | { readonly kind: 'xt'; readonly target: boolean; readonly name: string }
  | { readonly kind: 'unknown'; readonly text: string };

export interface NftRule {
  readonly statements: readonly NftStatement[];
  /** As it was written, without counters and comment. */
  readonly text: string;
  /** The line in the text that it was read from, counted from 1; null for JSON. */
  readonly line: number | null;
}

export interface NftChain {
  readonly name: string;
  type: string | null;
  hook: string | null;
  priority: number | null;
  /** The devices of a chain at ingress or egress. */
  devices: readonly string[];
  policy: 'accept' | 'drop';
  readonly rules: NftRule[];
}

export interface NftTable {
  readonly family: string;
  readonly name: string;
  /** Whether the table is dormant: the kernel skips its chains. */
  dormant: boolean;
  /** Whether iptables-nft made the table: nft then shows its own translation of the rules. */
  translated: boolean;
  readonly chains: NftChain[];
  readonly sets: Map<string, readonly Element[]>;
}

export function createNftTable(family: string, name: string): NftTable {
  return { family, name, dormant: false, translated: false, chains: [], sets: new Map() };
}

export function createChain(name: string): NftChain {
  return {
    name,
    type: null,
    hook: null,
    priority: null,
    devices: [],
    policy: 'accept',
    rules: [],
  };
}
