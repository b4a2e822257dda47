/**
 * Counts the payload bytes of a captured leg like {@link countBytes}, but straight from the packet table, for very many
 * legs.
 */
import { TCP, type CounterEvent, type Protocol } from '../../model/event.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';
import {
  concludeBytes,
  countBytes,
  countsIn,
  isRequest,
  relativeTo,
  type LegBytes,
} from '../bytes.js';
import type { WireLeg } from './wire-leg.js';

/** Most packets of a leg for which repeated segments are found by scanning all earlier packets. */
const FEW = 64;
const NONE: readonly CounterEvent[] = [];

export function countWireBytes(leg: WireLeg): LegBytes {
  const { from, to } = leg.range;
  if (to - from > FEW) return countBytes(leg);
  const counters = leg.counted?.flatMap((conversation) => conversation.counters) ?? NONE;
  const requests = counters.filter((counter) => isRequest(leg, counter));
  return {
    fromClient: countSide(leg, true, requests),
    fromServer: countSide(
      leg,
      false,
      counters.filter((counter) => !requests.includes(counter)),
    ),
  };
}

/** Counts one side: its packets, plus counters. */
function countSide(leg: WireLeg, request: boolean, counters: readonly CounterEvent[]): number {
  const { range, protocol } = leg;
  const { table, rows, from, to } = range;
  const own: number[] = [];
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    if (leg.goesToServer(row) === request) own.push(row);
  }
  let seen = countCounted(counters);
  let syn: number | null = null;
  let furthest = 0;
  let closed = false;
  for (let at = 0; at < own.length; at++) {
    const row = own[at] ?? 0;
    if (isFirstOfHop(table, own, at)) {
      seen = Math.max(seen, countHop(table, own, at, protocol, counters));
    }
    const flags = table.flags[row] ?? 0;
    if ((flags & TCP.SYN) !== 0 && protocol === 'tcp') syn ??= table.seq[row] ?? 0;
    if ((flags & TCP.FIN) !== 0) closed = true;
  }
  for (let at = 0; at < own.length && syn !== null; at++) {
    const row = own[at] ?? 0;
    const [flags, length] = [table.flags[row] ?? 0, table.length[row] ?? 0];
    if (!countsIn(flags, length)) continue;
    furthest = Math.max(furthest, relativeTo(table.seq[row] ?? 0, syn) + length);
  }
  const counted = counters.length > 0;
  return concludeBytes({ seen, furthest: syn === null ? null : furthest, closed, counted });
}

/** Whether two packets of one side were seen at one hop: at one device, in one direction. */
function isOneHop({ device, bits }: PacketTable, a: number, b: number): boolean {
  return device[a] === device[b] && (((bits[a] ?? 0) ^ (bits[b] ?? 0)) & BIT.OUT) === 0;
}

function isFirstOfHop(table: PacketTable, rows: readonly number[], at: number): boolean {
  for (let i = 0; i < at; i++) {
    if (isOneHop(table, rows[i] ?? 0, rows[at] ?? 0)) return false;
  }
  return true;
}

/** Bytes at the hop whose first packet is at `at`: its distinct segments plus its counters. */
function countHop(
  table: PacketTable,
  rows: readonly number[],
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
  let latest = -1;
  for (let i = at; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    if (length[row] === 0 || !isOneHop(table, first, row)) continue;
    // A segment beyond all before it is no repeated one. Datagrams have no sequence number, so each one counts.
    const further = latest < 0 || (((seq[row] ?? 0) - (seq[latest] ?? 0)) | 0) > 0;
    if (further) latest = row;
    let again = false;
    for (let j = at; protocol === 'tcp' && !further && !again && j < i; j++) {
      const before = rows[j] ?? 0;
      const same = seq[before] === seq[row] && length[before] === length[row];
      again = same && isOneHop(table, first, before);
    }
    if (!again) bytes += length[row] ?? 0;
  }
  return bytes;
}

/** Bytes by the counters of a hop that kept no packet, at the hop that has the most. */
function countCounted(counters: readonly CounterEvent[]): number {
  const sums = counters.map(({ ifindex, direction }) =>
    counters
      .filter((other) => other.ifindex === ifindex && other.direction === direction)
      .reduce((sum, { bytes }) => sum + bytes, 0),
  );
  return Math.max(0, ...sums);
}
