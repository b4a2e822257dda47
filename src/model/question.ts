/** The unknowns that a prediction depends on, as codes with fields; src/words/predictions/questions.ts writes them. */
import type { Backend } from './rules.js';

export type Question =
  /** A condition or a verdict of a rule, as it is written. */
  | { readonly code: 'as-written'; readonly text: string }
  /** A verdict that answers in the server's place, as it is written. */
  | { readonly code: 'holds'; readonly text: string }
  | { readonly code: 'single-bits' }
  | { readonly code: 'address'; readonly of: 'host' | 'client' }
  | { readonly code: 'address-type'; readonly names: readonly string[] }
  | { readonly code: 'client-port' }
  | { readonly code: 'helper'; readonly name: string }
  | { readonly code: 'computed-mark' }
  | {
      readonly code: 'device';
      readonly which: 'outer' | 'leaving' | 'port';
      readonly names: readonly string[];
    }
  | { readonly code: 'chain-devices'; readonly chain: string }
  | {
      readonly code: 'first-registered';
      readonly tables: readonly { readonly backend: Backend; readonly table: string }[];
      readonly nat: boolean;
    }
  /** Whether a bridge's own rules see a packet before it is rewritten, or after. */
  | { readonly code: 'bridge-order' }
  | { readonly code: 'unknown-target'; readonly chain: string }
  | { readonly code: 'endless-jumps' }
  /** As `ip rule` and `ip route` write them. */
  | { readonly code: 'routing-rule'; readonly rule: string }
  | { readonly code: 'route'; readonly route: string }
  | {
      readonly code: 'multipath';
      readonly to: string;
      readonly devices: readonly string[];
      readonly table: string;
    }
  | { readonly code: 'fixed-neighbour'; readonly address: string; readonly device: string }
  | { readonly code: 'client-place' }
  | { readonly code: 'client-on-link'; readonly device: string }
  | { readonly code: 'client-in-network'; readonly network: string };
