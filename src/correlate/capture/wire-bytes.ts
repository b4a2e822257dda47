/**
 * Counts the payload bytes of a captured leg like {@link countBytes}, but straight from the packet table, for very many
 * legs.
 */
import { sameEndpoint } from '../../model/address.js';
import { TCP, type CounterEvent, type Protocol } from '../../model/event.js';
import { BIT } from '../../model/packet-table.js';
import { concludeBytes, countBytes, countsIn, relativeTo, type LegBytes } from '../bytes.js';
import type { PacketRange, WireLeg } from './wire-leg.js';

/** Most packets of a leg for which repeated segments are found by scanning all earlier packets. */
const FEW = 64;
/** The bits that are equal for packets of one side at one hop, besides the device. */
const HOP = BIT.BACK | BIT.OUT;
const NONE: readonly CounterEvent[] = [];

export function countWireBytes(leg: WireLeg): LegBytes {
  const { table, rows, from, to } = leg.range;
  if (!leg.isOneConversation || to - from > FEW) return countBytes(leg);
  const first = rows[from] ?? 0;
  const isBack = table.has(first, BIT.BACK);
  const client = sameEndpoint(table.sourceOf(first), leg.client) ? isBack : !isBack;
  const counters = leg.counted?.flatMap((conversation) => conversation.counters) ?? NONE;
  const isRequest = ({ source }: CounterEvent): boolean => sameEndpoint(source, leg.client);
  return {
    fromClient: countSide(leg, client, counters.filter(isRequest)),
    fromServer: countSide(
      leg,
      !client,
      counters.filter((counter) => !isRequest(counter)),
    ),
  };
}

/** Counts one side: packets whose sender is (`back`) or is not the second end of their conversation, plus counters. */
function countSide(
  { range, protocol }: WireLeg,
  back: boolean,
  counters: readonly CounterEvent[],
): number {
  const { table, rows, from, to } = range;
  let seen = counters.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  let syn: number | null = null;
  let furthest = 0;
  let closed = false;
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    if (table.has(row, BIT.BACK) !== back) continue;
    if (isFirstOfHop(range, at)) seen = Math.max(seen, countHop(range, at, protocol, counters));
    const flags = table.flags[row] ?? 0;
    if ((flags & TCP.SYN) !== 0 && protocol === 'tcp') syn ??= table.seq[row] ?? 0;
    if ((flags & TCP.FIN) !== 0) closed = true;
  }
  for (let at = from; at < to && syn !== null; at++) {
    const row = rows[at] ?? 0;
    const [flags, length] = [table.flags[row] ?? 0, table.length[row] ?? 0];
    if (table.has(row, BIT.BACK) !== back || !countsIn(flags, length)) continue;
    furthest = Math.max(furthest, relativeTo(table.seq[row] ?? 0, syn) + length);
  }
  const counted = counters.length > 0;
  return concludeBytes({ seen, furthest: syn === null ? null : furthest, closed, counted });
}

function isOneHop({ device, bits }: PacketRange['table'], a: number, b: number): boolean {
  return device[a] === device[b] && (((bits[a] ?? 0) ^ (bits[b] ?? 0)) & HOP) === 0;
}

function isFirstOfHop({ table, rows, from }: PacketRange, at: number): boolean {
  for (let i = from; i < at; i++) {
    if (isOneHop(table, rows[i] ?? 0, rows[at] ?? 0)) return false;
  }
  return true;
}

/** Bytes at the hop whose first packet is at `at`: its distinct segments plus its counters. */
function countHop(
  { table, rows, to }: PacketRange,
  at: number,
  protocol: Protocol,
  counters: readonly CounterEvent[],
): number {
  const { device, seq, length } = table;
  const first = rows[at] ?? 0;
  let bytes = 0;
  for (const counter of counters) {
    const isOut = counter.direction === 'out';
    if (counter.ifindex === device[first] && isOut === table.has(first, BIT.OUT)) {
      bytes += counter.bytes;
    }
  }
  for (let i = at; i < to; i++) {
    const row = rows[i] ?? 0;
    if (length[row] === 0 || !isOneHop(table, first, row)) continue;
    let again = false;
    // Datagrams have no sequence number, so each one counts.
    for (let j = at; protocol === 'tcp' && !again && j < i; j++) {
      const before = rows[j] ?? 0;
      const same = seq[before] === seq[row] && length[before] === length[row];
      again = same && isOneHop(table, first, before);
    }
    if (!again) bytes += length[row] ?? 0;
  }
  return bytes;
}
