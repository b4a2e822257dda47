/** Presents one row of the table of captured packets as a packet event. */
import type { Endpoint } from './address.js';
import type { WireFacts } from './conversation.js';
import type { PacketEvent, Protocol } from './event.js';
import { BIT, type PacketTable } from './packet-table.js';

/** The pseudo namespace of everything that a capture shows. */
export const CAPTURE_PLACE = -1;

/** Event and wire facts in one object, because there may be very many. */
export class CapturedPacket implements PacketEvent, WireFacts {
  readonly table: PacketTable;
  readonly row: number;

  constructor(table: PacketTable, row: number) {
    this.table = table;
    this.row = row;
  }

  get kind(): 'packet' {
    return 'packet';
  }
  get id(): number {
    return this.table.id[this.row] ?? 0;
  }
  get time(): number {
    return this.table.time[this.row] ?? 0;
  }
  get namespace(): number {
    return CAPTURE_PLACE;
  }
  get ifindex(): number {
    return this.table.device[this.row] ?? 0;
  }
  get direction(): 'in' | 'out' {
    return this.table.has(this.row, BIT.OUT) ? 'out' : 'in';
  }
  get skb(): null {
    return null;
  }
  get socket(): null {
    return null;
  }
  get conntrack(): null {
    return null;
  }
  get protocol(): Protocol {
    return this.table.has(this.row, BIT.TCP) ? 'tcp' : 'udp';
  }
  get source(): Endpoint {
    return this.table.sourceOf(this.row);
  }
  get destination(): Endpoint {
    return this.table.destinationOf(this.row);
  }
  get seq(): number {
    return this.table.seq[this.row] ?? 0;
  }
  get ack(): number {
    return this.table.ack[this.row] ?? 0;
  }
  get flags(): number {
    return this.table.flags[this.row] ?? 0;
  }
  get length(): number {
    return this.table.length[this.row] ?? 0;
  }

  get wire(): WireFacts {
    return this;
  }
  get conversation(): number {
    return this.table.conversation[this.row] ?? 0;
  }
  get file(): number {
    return this.table.file[this.row] ?? 0;
  }
  get directed(): boolean {
    return this.table.has(this.row, BIT.DIRECTED);
  }
  get ttl(): number {
    return this.table.ttl[this.row] ?? 0;
  }
  get ipId(): number | null {
    const ipId = this.table.ipId[this.row] ?? -1;
    return ipId < 0 ? null : ipId;
  }
  get timestamp(): number | null {
    return this.table.has(this.row, BIT.STAMPED) ? (this.table.timestamp[this.row] ?? 0) : null;
  }
  get digest(): number | null {
    return this.table.has(this.row, BIT.DIGEST) ? (this.table.digest[this.row] ?? 0) : null;
  }
  get hardware(): string | null {
    return this.table.hardwareOf(this.row);
  }

  /** Whether its checksums do not match. */
  get damaged(): boolean {
    return this.table.has(this.row, BIT.DAMAGED);
  }

  /** As a plain event, for streams of events. */
  toJSON(): PacketEvent {
    const { kind, id, time, namespace, ifindex, direction, skb, socket, conntrack } = this;
    const { protocol, source, destination, seq, ack, flags, length } = this;
    const { conversation, file, directed, ttl, ipId, timestamp, digest, hardware } = this;
    return {
      kind,
      id,
      time,
      namespace,
      ifindex,
      direction,
      skb,
      socket,
      conntrack,
      protocol,
      source,
      destination,
      seq,
      ack,
      flags,
      length,
      wire: { conversation, file, directed, ttl, ipId, timestamp, digest, hardware },
    };
  }
}
