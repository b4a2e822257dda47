/** Hops to packets: the hops that show one packet on its way become one item; everything else stays alone. */
import type { Hop } from '../../model/report.js';

/** One packet over its hops, in the order of time; a drop ends it. */
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

/** A packet that was not seen for this long is over: its skb address may belong to another by now. */
const LONGEST_PASSAGE_NS = 1_000_000_000n;
/** Without the skb to go by, hops further apart than this are not taken for one packet. */
const LONGEST_GUESS_NS = 100_000_000n;

/** Groups hops by packet. Items are in the order of their first hop; no hop is lost or doubled. */
export function groupPackets(hops: readonly Hop[]): Item[] {
  const items: (OpenPassage | Lone)[] = [];
  const open: OpenPassage[] = [];
  for (const hop of [...hops].sort(compareHops)) {
    if (hop.kind !== 'packet' && hop.kind !== 'nat' && hop.kind !== 'drop') {
      items.push({ type: 'lone', hop });
      continue;
    }
    const now = BigInt(hop.time);
    while (open[0] && now - lastTime(open[0]) > LONGEST_PASSAGE_NS) open.shift();
    const passage = findPassage(open, hop);
    if (!passage) {
      const begun: OpenPassage = hop.kind === 'drop' ? dropOnly(hop) : packetOf(hop);
      items.push(begun);
      if (hop.kind !== 'drop') open.push(begun);
    } else if (hop.kind === 'drop') {
      passage.drop = hop;
      open.splice(open.indexOf(passage), 1);
    } else {
      passage.hops.push(hop);
    }
    if (open.length > 64) open.shift();
  }
  return items;
}

/** The hops of a packet, its drop among them. */
export function allHops(passage: Passage): readonly Hop[] {
  return passage.drop ? [...passage.hops, passage.drop] : passage.hops;
}

function compareHops(a: Hop, b: Hop): number {
  const [left, right] = [BigInt(a.time), BigInt(b.time)];
  if (left !== right) return left < right ? -1 : 1;
  return a.event - b.event;
}

function packetOf(hop: Hop): OpenPassage {
  return { type: 'passage', hops: [hop], drop: null };
}

function dropOnly(hop: Hop): OpenPassage {
  return { type: 'passage', hops: [], drop: hop };
}

function lastTime(passage: OpenPassage): bigint {
  return BigInt(passage.hops.at(-1)?.time ?? '0');
}

function findPassage(open: readonly OpenPassage[], hop: Hop): OpenPassage | undefined {
  const alike = open.filter((passage) => isAlike(passage.hops[0], hop));
  if (hop.kind === 'drop') {
    const newestFirst = [...alike].reverse();
    return (
      newestFirst.find((passage) => sameSkb(passage, hop)) ??
      (hop.skb === null ? newestFirst[0] : undefined)
    );
  }
  const fresh = alike.filter((passage) => !passage.hops.some((seen) => isSamePlace(seen, hop)));
  const bySkb = fresh.find((passage) => sameSkb(passage, hop));
  if (bySkb) return bySkb;
  return fresh.find((passage) => mayBeClone(passage, hop));
}

function isAlike(first: Hop | undefined, hop: Hop): boolean {
  if (first?.leg !== hop.leg || first.flow !== hop.flow) return false;
  if (hop.kind === 'drop' && hop.flags.length === 0 && hop.bytes === 0) return true;
  return (
    first.bytes === hop.bytes &&
    first.flags.join() === hop.flags.join() &&
    isSameSequence(first, hop)
  );
}

function isSameSequence(first: Hop, hop: Hop): boolean {
  const [a, b] = [sequenceOf(first), sequenceOf(hop)];
  return a === null || b === null || a === b;
}

function sequenceOf(hop: Hop): string | null {
  return /\bseq (\d+)/.exec(hop.summary)?.[1] ?? null;
}

function sameSkb(passage: OpenPassage, hop: Hop): boolean {
  return hop.skb !== null && passage.hops.at(-1)?.skb === hop.skb;
}

/** Captures have no skb; a bridge that floods, and a real wire, give the same packet another one. */
function mayBeClone(passage: OpenPassage, hop: Hop): boolean {
  if (BigInt(hop.time) - lastTime(passage) > LONGEST_GUESS_NS) return false;
  if (hop.skb === null) return passage.hops.at(-1)?.skb === null;
  const sequence = sequenceOf(hop);
  return sequence !== null && passage.hops.some((seen) => sequenceOf(seen) === sequence);
}

function isSamePlace(a: Hop, b: Hop): boolean {
  // A packet may be given another source and another destination: two stops at one place.
  if (a.kind === 'nat' && b.kind === 'nat' && a.summary !== b.summary) return false;
  return a.namespace === b.namespace && a.interface === b.interface && a.direction === b.direction;
}
