/** Reads from the rows of a leg where each side's packets came from, and their TTLs. */
import { isLoopback } from '../../model/address.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';
import type { Device } from '../../model/topology.js';
import type { WireLeg } from './wire-leg.js';

/** Where packets came from: the capturing machine itself, or elsewhere; null if unknown. */
export type Origin = 'local' | 'elsewhere' | null;

export interface SideOfRows {
  /** Row of its first packet; -1 without one. */
  readonly first: number;
  /** Infinite without packets. */
  readonly mostTtl: number;
  readonly leastTtl: number;
  /** The sender's hardware address in the first packet. */
  readonly hardware: string | null;
  /** Where its first packets came from; null unless all of them agree. */
  readonly origin: Origin;
}

/** Packets of a side, apart from sightings of the same ones, whose origin is looked at. */
const MOST_SEEN = 8;

export function surveyRows(
  leg: WireLeg,
  devices: ReadonlyMap<number, Device>,
): { readonly requests: SideOfRows; readonly replies: SideOfRows } {
  const [requests, replies] = [new Side(), new Side()];
  const { table, rows, from, to } = leg.range;
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    (leg.isRequest(row) ? requests : replies).take(table, row, devices);
  }
  return { requests: requests.conclude(table), replies: replies.conclude(table) };
}

class Side {
  #first = -1;
  #mostTtl = -Infinity;
  #leastTtl = Infinity;
  readonly #seen: number[] = [];
  #origin: Origin = null;
  /** Whether enough packets were seen to tell the origin, or two of them disagree. */
  #settled = false;

  take(table: PacketTable, row: number, devices: ReadonlyMap<number, Device>): void {
    if (this.#first < 0) this.#first = row;
    const ttl = table.ttl[row] ?? 0;
    if (ttl > this.#mostTtl) this.#mostTtl = ttl;
    if (ttl < this.#leastTtl) this.#leastTtl = ttl;
    if (this.#settled) return;
    for (const before of this.#seen) if (isLike(table, before, row)) return;
    if (this.#seen.length === MOST_SEEN) {
      this.#settled = true;
      return;
    }
    const origin = tellOrigin(table, row, devices);
    if (this.#seen.length === 0) this.#origin = origin;
    else if (origin !== this.#origin) {
      this.#origin = null;
      this.#settled = true;
    }
    this.#seen.push(row);
  }

  conclude(table: PacketTable): SideOfRows {
    return {
      first: this.#first,
      mostTtl: this.#mostTtl,
      leastTtl: this.#leastTtl,
      hardware: this.#first < 0 ? null : table.hardwareOf(this.#first),
      origin: this.#origin,
    };
  }
}

function tellOrigin(table: PacketTable, row: number, devices: ReadonlyMap<number, Device>): Origin {
  const loops =
    isLoopback(table.sourceOf(row).address) ||
    devices.get(table.device[row] ?? -1)?.kind === 'loopback';
  if (loops) return 'local';
  if (!table.has(row, BIT.DIRECTED)) return null;
  return table.has(row, BIT.OUT) ? 'local' : 'elsewhere';
}

/** Whether two rows of one side may show the same packet. */
function isLike({ seq, flags, length, ipId }: PacketTable, a: number, b: number): boolean {
  return (
    seq[a] === seq[b] && flags[a] === flags[b] && length[a] === length[b] && ipId[a] === ipId[b]
  );
}
