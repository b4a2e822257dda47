/** Groups hops by packet: the hops of one journey become one item; other hops stay alone. */
import type { Hop } from '../../model/report.js';

/** One packet: its hops in order, and the drop that ends it, if any. */
export interface Passage {
  readonly type: 'passage';
  readonly hops: readonly Hop[];
  readonly drop: Hop | null;
}

export interface Lone {
  readonly type: 'lone';
  readonly hop: Hop;
}

export type Item = Passage | Lone;

interface OpenPassage {
  readonly type: 'passage';
  readonly hops: Hop[];
  drop: Hop | null;
}

/** Groups hops by packet. Items are in the order of their first hop; no hop is lost or doubled. */
export function groupPackets(hops: readonly Hop[]): Item[] {
  const items: (OpenPassage | Lone)[] = [];
  const open = new Map<number, OpenPassage>();
  for (const hop of [...hops].sort(compareHops)) {
    if (hop.kind !== 'packet' && hop.kind !== 'nat' && hop.kind !== 'drop') {
      items.push({ type: 'lone', hop });
      continue;
    }
    const known = hop.journey && open.get(hop.journey.id);
    const passage = known && known.drop === null ? known : begin(hop, items, open);
    if (hop.kind === 'drop') passage.drop = hop;
    else passage.hops.push(hop);
  }
  for (const { hops: way } of open.values()) way.sort(comparePassages);
  return items;
}

function begin(
  { journey }: Hop,
  items: (OpenPassage | Lone)[],
  open: Map<number, OpenPassage>,
): OpenPassage {
  const passage: OpenPassage = { type: 'passage', hops: [], drop: null };
  items.push(passage);
  if (journey) open.set(journey.id, passage);
  return passage;
}

/** The hops of a packet, including its drop. */
export function allHops(passage: Passage): readonly Hop[] {
  return passage.drop ? [...passage.hops, passage.drop] : passage.hops;
}

/** Hops of one moment stay in the report's order. */
function compareHops(a: Hop, b: Hop): number {
  const [left, right] = [BigInt(a.time), BigInt(b.time)];
  return left === right ? 0 : left < right ? -1 : 1;
}

function comparePassages(a: Hop, b: Hop): number {
  return (a.journey?.passage ?? 0) - (b.journey?.passage ?? 0);
}
