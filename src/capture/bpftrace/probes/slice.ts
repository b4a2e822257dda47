/** Defines a slice, which holds all that the program knows about one file of probes/. */
import type { Endpoint } from '../../../model/address.js';
import type { Unnumbered } from '../../../model/event.js';
import type { Witness } from '../../../model/trace.js';
import type { FieldReader } from '../field-reader.js';
import type { ProbeFile } from '../probe-file.js';

/** What one seal connection makes a probe report, as a word that messages may show. */
export type SealSign = string;

/** How the seal sees an event: between which ends it happened, and which sign it is; null for no sign. */
export interface SealView {
  readonly ends: readonly [Endpoint, Endpoint];
  readonly sign: SealSign | null;
}

/** One kind of line that probe programs print. */
export interface LineSpec<E extends Unnumbered = Unnumbered> {
  /** The first field of the line. */
  readonly letter: string;
  readonly kind: E['kind'];
  /** How many fields it has, its letter included; more than one number when a part may be left out. */
  readonly fields: readonly number[];
  /** The fields in this range (as `slice` counts) are hexadecimal numbers; the others are words and names. */
  readonly numbers: readonly [from: number, to?: number];
  /** The last field is the name of a task, which may contain spaces. */
  readonly named: boolean;
  /** The event; null for a line with invalid words. */
  read(fields: readonly string[], reader: FieldReader): E | null;
  /** Null when a loopback connection cannot cause such an event. */
  readonly seal: ((event: E) => SealView) | null;
}

/** When a file is part of the program. */
export type Condition =
  | 'always'
  /** When kernel functions can be probed. */
  | 'functions'
  /** When a listener may relay bytes by read and write. */
  | 'copying-relays';

export interface ProbeSlice {
  /** Name of the file in probes/. */
  readonly file: string;
  readonly lines: readonly LineSpec[];
  /** What every seal must make this file report. */
  readonly signs: readonly SealSign[];
  readonly when: Condition;
  /** A witness is available when every file that names it is part of the program. */
  readonly witnesses: readonly Witness[];
  /** The marked line of the file that guards its prints, so that only the traced ports, or relays, are reported. */
  readonly guard: 'flow' | 'aside';
  /** The guard of this file watches for the connection to the final port, which freezes the program. */
  readonly freezes?: true;
  /** Adapts the file to the `available` tracepoints. Without it, a file that needs a missing one is left out. */
  readonly adapt?: (file: ProbeFile, available: ReadonlySet<string>) => ProbeFile;
}

/** Keeps the type of the event between `read` and `seal` of one line. */
export function defineLine<E extends Unnumbered>(spec: LineSpec<E>): LineSpec {
  return spec as unknown as LineSpec;
}
