/**
 * Types of an engine of the table: how it is set up, and the ways into its containers with what is true of each by
 * construction.
 */
import type { Truth } from '../matrix/scenario.js';
import type { EngineHost, From } from './host.js';

/** One way in. */
export interface Vantage {
  readonly name: string;
  readonly from: From;
  readonly to: string;
  readonly port: number;
  readonly talk: 'redis' | 'udp';
  readonly truth: Truth;
  /** Where less than `proven` is all that can be shown, and why. */
  readonly atLeast?: { readonly proof: 'likely' | 'inconclusive'; readonly because: string };
}

/** An engine that is up. */
export interface Prepared {
  /** As its programs tell it. */
  readonly version: string;
  readonly vantages: readonly Vantage[];
  /** Where its API answers; undefined where it has none. */
  readonly dockerHost: string | undefined;
  /** What `--port` is given: published ports only, as its user knows them. */
  readonly ports: readonly number[];
}

export interface Engine {
  /** Of the file with its report, and for the command line. */
  readonly name: string;
  /** What a reader of the table knows it by. */
  readonly title: string;
  /** The suite that its programs are from. */
  readonly suite: 'bookworm' | 'trixie' | 'sid' | 'experimental';
  readonly prepare: (host: EngineHost) => Promise<Prepared>;
}

/** What is published on the host: TCP and UDP. */
export const PUBLISHED = { tcp: 20379, udp: 20353 } as const;
/** Where the servers listen. */
export const INNER = { tcp: 6379, udp: 5353 } as const;
