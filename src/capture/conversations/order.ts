/** Kept packets and counters as events in order of time, numbered. */
import { CapturedPacket } from '../../model/captured-packet.js';
import type { CounterEvent, TraceEvent } from '../../model/event.js';
import type { PacketTable } from '../../model/packet-table.js';

/** Rows by time; what came at one time stays together with its conversation. */
export function orderRows({ time, conversation, size }: PacketTable): number[] {
  const rows = Array.from({ length: size }, (_, row) => row);
  const at = (column: Float64Array | Uint32Array, row: number): number => column[row] ?? 0;
  const compare = (a: number, b: number): number =>
    at(time, a) - at(time, b) || at(conversation, a) - at(conversation, b) || a - b;
  const inOrder = rows.every((row) => row === 0 || compare(row - 1, row) < 0);
  return inOrder ? rows : rows.sort(compare);
}

/** A counter follows the packets of its time. */
export function orderEvents(table: PacketTable, counters: readonly CounterEvent[]): TraceEvent[] {
  const waiting = [...counters].sort(
    (a, b) => a.time - b.time || (a.conversation ?? 0) - (b.conversation ?? 0),
  );
  const events: TraceEvent[] = [];
  let next = 0;
  const addCounters = (before: number): void => {
    for (let counter = waiting[next]; counter && counter.time < before; counter = waiting[next]) {
      events.push({ ...counter, id: events.length + 1 });
      next += 1;
    }
  };
  for (const row of orderRows(table)) {
    addCounters(table.time[row] ?? 0);
    events.push(new CapturedPacket(events.length + 1, table, row));
  }
  addCounters(Infinity);
  return events;
}
