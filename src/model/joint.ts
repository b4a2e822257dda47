/** What a connection over several hosts is judged by: codes, which words/ turns into sentences. */
import type { Path, Proof } from './verdict.js';

/** What a host did: rewrote where it goes, handed its bytes on, answered, only passed its packets, or that is not known. */
export type Role = 'rewrote' | 'relayed' | 'took' | 'passed' | 'open';

/** Why no path is told. */
export interface JointGap {
  /**
   * `part-open`: what that host did is not known. `dial-unknown`: what the client dialled is not. `changed-between`: it came
   * with another address than was dialled, and no host was seen to rewrite it. `entry-unseen`: it entered no container there.
   */
  readonly code: 'part-open' | 'dial-unknown' | 'changed-between' | 'entry-unseen';
  readonly host: string;
}

export interface JointJudgement {
  readonly path: Path | 'unknown';
  readonly proof: Proof;
  /** Which part decides; null where all only passed it, or none does. */
  readonly by: number | null;
  readonly roles: readonly Role[];
  readonly gap: JointGap | null;
}
