/** Payload bytes of a captured leg, as `countBytes` tells them, straight from the columns: of very many legs nobody wants more. */
import { sameEndpoint } from '../../model/address.js';
import { TCP, type Protocol } from '../../model/event.js';
import { BIT } from '../../model/packet-table.js';
import { countBytes, relativeTo, type LegBytes } from '../bytes.js';
import type { PacketRange, WireLeg } from './wire-leg.js';

/** Packets of a leg beyond which finding the same segment again takes more than a look at those before. */
const FEW = 64;

export function countWireBytes(leg: WireLeg): LegBytes {
  const { table, rows, from, to } = leg.range;
  const first = rows[from] ?? 0;
  // Several conversations, and what was only counted, want a closer look.
  if (leg.counted !== null || !leg.isOneConversation || to - from > FEW) return countBytes(leg);
  const isBack = table.has(first, BIT.BACK);
  const client = sameEndpoint(table.sourceOf(first), leg.client) ? isBack : !isBack;
  return { fromClient: countSide(leg, client), fromServer: countSide(leg, !client) };
}

/** Of the packets whose sender is, or is not, the second end of their conversation. */
function countSide({ range, protocol }: WireLeg, back: boolean): number {
  const { table, rows, from, to } = range;
  let seen = 0;
  let syn = -1;
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    if (table.has(row, BIT.BACK) !== back) continue;
    seen = Math.max(seen, countHop(range, at, protocol));
    if (syn < 0 && ((table.flags[row] ?? 0) & TCP.SYN) !== 0) syn = table.seq[row] ?? 0;
  }
  if (protocol === 'udp' || syn < 0) return seen;
  let furthest = 0;
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    if (table.has(row, BIT.BACK) !== back) continue;
    const [flags, length] = [table.flags[row] ?? 0, table.length[row] ?? 0];
    if ((flags & (TCP.RST | TCP.SYN)) !== 0 || (length === 0 && (flags & TCP.FIN) === 0)) continue;
    furthest = Math.max(furthest, relativeTo(table.seq[row] ?? 0, syn) + length);
  }
  return Math.min(furthest, seen);
}

/** What is the same for packets of one side at one hop, beside the device. */
const HOP = BIT.BACK | BIT.OUT;

/** Bytes of the distinct segments at a hop, told at its first packet; 0 at the others. */
function countHop({ table, rows, from, to }: PacketRange, at: number, protocol: Protocol): number {
  const { device, bits, seq, length } = table;
  const own = rows[at] ?? 0;
  const isHere = (row: number): boolean =>
    device[row] === device[own] && (((bits[row] ?? 0) ^ (bits[own] ?? 0)) & HOP) === 0;
  for (let i = from; i < at; i++) if (isHere(rows[i] ?? 0)) return 0;
  let bytes = 0;
  for (let i = at; i < to; i++) {
    const row = rows[i] ?? 0;
    if (length[row] === 0 || !isHere(row)) continue;
    let again = false;
    // A datagram has no number, and each is its own.
    for (let j = at; protocol === 'tcp' && !again && j < i; j++) {
      const before = rows[j] ?? 0;
      again = seq[before] === seq[row] && length[before] === length[row] && isHere(before);
    }
    if (!again) bytes += length[row] ?? 0;
  }
  return bytes;
}
