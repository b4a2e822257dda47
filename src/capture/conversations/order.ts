/** Kept packets and counters in order of time, numbered as the events that they are. */
import { CapturedPacket } from '../../model/captured-packet.js';
import type { TraceEvent } from '../../model/event.js';
import type { PacketTable } from '../../model/packet-table.js';
import type { Entry } from './entry.js';

/** Rows by time; what came at one time stays together with its conversation. */
export function orderRows({ time, conversation, size }: PacketTable): Uint32Array<ArrayBuffer> {
  const rows = new Uint32Array(size);
  const compare = (a: number, b: number): number =>
    (time[a] ?? 0) - (time[b] ?? 0) || (conversation[a] ?? 0) - (conversation[b] ?? 0) || a - b;
  let inOrder = true;
  for (let row = 0; row < size; row++) {
    rows[row] = row;
    if (row > 0 && compare(row - 1, row) > 0) inOrder = false;
  }
  // An array is sorted in little more than one go where it is almost in order, columns are not.
  return inOrder ? rows : Uint32Array.from(Array.from(rows).sort(compare));
}

/** Numbers everything; a counter follows the packets of its time. `counting` are the conversations that have some. */
export function numberEvents(table: PacketTable, counting: readonly Entry[]): void {
  const waiting = [...counting].sort((a, b) => a.last - b.last || a.id - b.id);
  table.ordered = orderRows(table);
  table.id = new Uint32Array(table.size);
  let id = 1;
  let next = 0;
  const numberCounters = (before: number): void => {
    for (let entry = waiting[next]; entry && entry.last < before; entry = waiting[next]) {
      id = entry.numberCounters(id);
      next += 1;
    }
  };
  for (const row of table.ordered) {
    numberCounters(table.time[row] ?? 0);
    table.id[row] = id++;
  }
  numberCounters(Infinity);
}

/** All of them as events, once they are numbered. */
export function listEvents(table: PacketTable, counting: readonly Entry[]): TraceEvent[] {
  const events: TraceEvent[] = [];
  for (const row of table.ordered) {
    const packet = new CapturedPacket(table, row);
    events[packet.id - 1] = packet;
  }
  for (const counter of counting.flatMap((entry) => entry.counters))
    events[counter.id - 1] = counter;
  return events;
}
