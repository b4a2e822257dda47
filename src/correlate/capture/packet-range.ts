/** The packets of one leg of a capture, as rows of the packet table. */
import { CapturedPacket } from '../../model/captured-packet.js';
import type { PacketTable } from '../../model/packet-table.js';

/** Some rows of the packet table, in order of time: a slice of a list that holds all rows. */
export class PacketRange {
  constructor(
    readonly table: PacketTable,
    readonly rows: Uint32Array,
    readonly from: number,
    readonly to: number,
  ) {}

  get isEmpty(): boolean {
    return this.from === this.to;
  }

  /** Whether a packet has one of these TCP flags. */
  hasFlag(flags: number): boolean {
    const { table, rows, to } = this;
    for (let at = this.from; at < to; at++) {
      if (((table.flags[rows[at] ?? 0] ?? 0) & flags) !== 0) return true;
    }
    return false;
  }

  /** The first packet whose row passes. */
  findFirst(passes: (row: number) => boolean): CapturedPacket | null {
    for (let at = this.from; at < this.to; at++) {
      const row = this.rows[at] ?? 0;
      if (passes(row)) return new CapturedPacket(this.table, row);
    }
    return null;
  }

  list(): CapturedPacket[] {
    const packets: CapturedPacket[] = [];
    for (let i = this.from; i < this.to; i++) {
      packets.push(new CapturedPacket(this.table, this.rows[i] ?? 0));
    }
    return packets;
  }
}

/** The rows of a leg, and which of them the client sent. */
export interface SidedRows {
  readonly range: PacketRange;
  isRequest(row: number): boolean;
}
