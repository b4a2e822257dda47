/** The judgement on a connection over several hosts, as codes that words/ turns into sentences. */
import type { Path, Proof } from './verdict.js';

/** What a host did: rewrote the destination, relayed the bytes, took the connection, only passed it on, or unknown. */
export type Role = 'rewrote' | 'relayed' | 'took' | 'passed' | 'open';

/** Why no path is found. */
export interface JointGap {
  /**
   * `part-open`: it is unknown what that host did. `dial-unknown`: it is unknown what the client dialled.
   * `changed-between`: it arrived with another address than was dialled, and no host was seen to rewrite it.
   * `entry-unseen`: it was not seen to enter a container there.
   */
  readonly code: 'part-open' | 'dial-unknown' | 'changed-between' | 'entry-unseen';
  readonly host: string;
}

export interface JointJudgement {
  readonly path: Path | 'unknown';
  readonly proof: Proof;
  /** Index of the deciding part; null where all parts only passed it on, or none decides. */
  readonly by: number | null;
  readonly roles: readonly Role[];
  readonly gap: JointGap | null;
  /** Hosts that the client's packets passed, and no answer: answers took another way. */
  readonly oneWay: readonly string[];
}
