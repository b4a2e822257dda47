/**
 * Lists all probe files in the order of the program. The seal triggers probes of the first and the last one. bpftrace
 * attaches in this order or the reverse, so when both have reported, those in between (splice, which the seal cannot
 * trigger) are attached as well. Without the hops nothing can be proved.
 */
import { drops } from './drops.js';
import { functions, functionsBridge, functionsHooks } from './functions.js';
import { hopsIn } from './hops-in.js';
import { hopsOut } from './hops-out.js';
import { natHooks } from './nat-hooks.js';
import { relay } from './relay.js';
import { relayAside } from './relay-aside.js';
import { relayCopy } from './relay-copy.js';
import type { LineSpec, ProbeSlice } from './slice.js';
import { tcpResets } from './tcp-resets.js';
import { tcpRetransmits } from './tcp-retransmits.js';
import { tcpStates } from './tcp-states.js';

export const PROBES: readonly ProbeSlice[] = [
  hopsOut,
  hopsIn,
  drops,
  tcpStates,
  tcpResets,
  tcpRetransmits,
  natHooks,
  functions,
  functionsBridge,
  functionsHooks,
  relayCopy,
  relayAside,
  relay,
];

/** Kinds of lines by their letter. */
export const LINES: ReadonlyMap<string, LineSpec> = new Map(
  PROBES.flatMap(({ lines }) => lines.map((line) => [line.letter, line] as const)),
);

/** How the seal sees events of each kind; kinds that a seal cannot cause are left out. */
export const SEAL_VIEWS: ReadonlyMap<string, NonNullable<LineSpec['seal']>> = new Map(
  [...LINES.values()].flatMap(({ kind, seal }) => (seal === null ? [] : [[kind, seal] as const])),
);

export function findSlice(file: string): ProbeSlice | undefined {
  return PROBES.find((slice) => slice.file === file);
}

export type { Condition, SealSign, SealView } from './slice.js';
