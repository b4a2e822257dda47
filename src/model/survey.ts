/** What is read around a trace for predictions: rules and settings before it, and what had changed by its end. */
import type { Backend, RuleSet, Table } from './rules.js';
import type { HostSettings } from './settings.js';

export interface RuleSurvey {
  /** The rules that may concern the traced ports. */
  readonly rules: RuleSet;
  /** Whether all rules of the host were read: if not, nothing is predicted. */
  readonly complete: boolean;
  readonly settings: HostSettings | null;
  /** Null when the rules could not be read again. */
  readonly changes: RuleChanges | null;
  /** By the inode of the container's namespace; left out where none was looked into. */
  readonly insides?: ReadonlyMap<number, Inside>;
}

/** What decides inside a container's network namespace. */
export interface Inside {
  readonly rules: RuleSet;
  /** Whether all rules that may be loaded there were read. */
  readonly complete: boolean;
  readonly settings: HostSettings;
}

export interface RuleChanges {
  /** Rules whose counters grew, and by how many packets. */
  readonly counted: readonly CountedRule[];
  /** The rules at the end; null where they are the same. */
  readonly rules: RuleSet | null;
}

/** A rule by its place and its text. */
export interface RuleName {
  readonly backend: Backend;
  readonly family: Table['family'];
  readonly table: string;
  readonly chain: string;
  readonly rule: string;
}

/** What was added and removed between two readings of the rules. */
export interface RuleDifferences {
  readonly added: readonly RuleName[];
  readonly removed: readonly RuleName[];
}

export interface CountedRule extends RuleName {
  readonly packets: number;
}
