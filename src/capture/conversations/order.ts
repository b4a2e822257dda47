/** Sorts kept packets and counters by time, and numbers them as events. */
import { CapturedPacket } from '../../model/captured-packet.js';
import type { TraceEvent } from '../../model/event.js';
import type { PacketTable } from '../../model/packet-table.js';
import type { Entry } from './entry.js';

/** Rows by time; those of the same time are grouped by conversation. */
export function orderRows({ time, conversation, size }: PacketTable): Uint32Array<ArrayBuffer> {
  const rows = new Uint32Array(size);
  const compare = (a: number, b: number): number =>
    (time[a] ?? 0) - (time[b] ?? 0) || (conversation[a] ?? 0) - (conversation[b] ?? 0) || a - b;
  let inOrder = true;
  for (let row = 0; row < size; row++) {
    rows[row] = row;
    if (row > 0 && compare(row - 1, row) > 0) inOrder = false;
  }
  // An array that is almost in order is sorted in little more than one pass; a typed array is not.
  return inOrder ? rows : Uint32Array.from(Array.from(rows).sort(compare));
}

/**
 * Puts the rows in order and numbers those before `until` (nanoseconds) that have no number yet.
 * @param next the first number that is free
 * @returns the first one that is free afterwards
 */
export function numberPackets(table: PacketTable, next: number, until: number): number {
  table.ordered = orderRows(table);
  let id = next;
  for (const row of table.ordered) {
    if ((table.time[row] ?? 0) >= until) break;
    if (table.id[row] === 0) table.id[row] = id++;
  }
  return id;
}

/** Numbers all packets, then all counters. `counting` are the conversations that have counters. */
export function numberEvents(table: PacketTable, counting: readonly Entry[], next = 1): void {
  let id = numberPackets(table, next, Infinity);
  for (const entry of [...counting].sort((a, b) => a.last - b.last || a.id - b.id)) {
    id = entry.numberCounters(id);
  }
}

/** All packets and counters as events in order of time, once they are numbered. */
export function listEvents(table: PacketTable, counting: readonly Entry[]): TraceEvent[] {
  const packets = Array.from(table.ordered, (row) => new CapturedPacket(table, row));
  const counters = counting.flatMap((entry) => entry.counters);
  return [...packets, ...counters].sort((a, b) => a.time - b.time || a.id - b.id);
}
