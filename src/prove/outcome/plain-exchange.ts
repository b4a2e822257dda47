/** Reads the exchange of a captured leg in which nothing was sent again, straight from its rows: most legs are so. */
import type { WireLeg } from '../../correlate/capture/wire-leg.js';
import { TCP } from '../../model/event.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';
import { isAfter } from './sequence.js';
import { COPY, type EndTraffic, type Exchange } from './traffic.js';

/** Most places (device and direction) at which the packets of one side are followed. */
const MOST_PLACES = 16;

/** Null where a segment or SYN was sent again, or may have been: then the leg has to be read packet by packet. */
export function readPlainExchange(leg: WireLeg): Exchange | null {
  const { table, rows, from, to } = leg.range;
  const { flags, ack } = table;
  CLIENT.begin();
  SERVER.begin();
  let [completed, replied] = [false, false];
  for (let at = from; at < to; at++) {
    const row = rows[at] ?? 0;
    const request = leg.goesToServer(row);
    const [own, other] = request ? [CLIENT, SERVER] : [SERVER, CLIENT];
    if (!request) replied = true;
    if (!own.take(table, row)) return null;
    const seen = flags[row] ?? 0;
    if ((seen & TCP.ACK) === 0) continue;
    const acked = ack[row] ?? 0;
    other.acknowledge(acked);
    if (!request || (seen & (TCP.SYN | TCP.RST)) !== 0) continue;
    completed ||= SERVER.syn === null || isAfter(acked, SERVER.syn);
  }
  const acksSeen = !leg.unlisted;
  return {
    client: CLIENT.conclude(acksSeen),
    server: SERVER.conclude(acksSeen),
    completed,
    replied,
  };
}

/** What one side sent; one object per side serves all legs. */
class PlainSide {
  syn: number | null = null;
  #start: number | null = null;
  #acked: number | null = null;
  #fin: number | null = null;
  /** Rows of its SYNs, and by place the row of its latest segment and the number after it. */
  readonly #syns = new Int32Array(MOST_PLACES);
  #synCount = 0;
  readonly #latest = new Int32Array(MOST_PLACES);
  readonly #furthest = new Float64Array(MOST_PLACES);
  #places = 0;

  begin(): void {
    this.syn = null;
    this.#start = null;
    this.#acked = null;
    this.#fin = null;
    this.#synCount = 0;
    this.#places = 0;
  }

  /** Returns false where the packet was sent again, or may have been. */
  take(table: PacketTable, row: number): boolean {
    const flags = table.flags[row] ?? 0;
    if ((flags & TCP.SYN) !== 0 && !this.#takeSyn(table, row)) return false;
    if ((flags & TCP.FIN) !== 0) this.#fin ??= table.time[row] ?? 0;
    if (table.length[row] === 0 || (flags & (TCP.SYN | TCP.RST)) !== 0) return true;
    return this.#takeBytes(table, row);
  }

  acknowledge(ack: number): void {
    if (this.#acked === null || isAfter(ack, this.#acked)) this.#acked = ack;
  }

  conclude(acksSeen: boolean): EndTraffic {
    return {
      syn: this.syn,
      syns: this.syn === null ? 0 : 1,
      start: this.syn === null ? this.#start : (this.syn + 1) % 2 ** 32,
      acked: this.#acked,
      acksSeen,
      stalled: null,
      fin: this.#fin,
    };
  }

  #takeSyn(table: PacketTable, row: number): boolean {
    const seq = table.seq[row] ?? 0;
    if ((this.syn !== null && this.syn !== seq) || this.#synCount === MOST_PLACES) return false;
    for (let index = 0; index < this.#synCount; index++) {
      if (mayBeOnePlace(table, this.#syns[index] ?? 0, row)) return false;
    }
    this.syn = seq;
    this.#syns[this.#synCount++] = row;
    return true;
  }

  #takeBytes(table: PacketTable, row: number): boolean {
    const seq = table.seq[row] ?? 0;
    const end = (seq + (table.length[row] ?? 0)) % 2 ** 32;
    this.#start ??= seq;
    for (let index = 0; index < this.#places; index++) {
      const latest = this.#latest[index] ?? 0;
      if (!mayBeOnePlace(table, latest, row)) continue;
      if (table.conversation[latest] !== table.conversation[row]) return false;
      this.#latest[index] = row;
      if (!isAfter(this.#furthest[index] ?? 0, seq)) {
        this.#furthest[index] = end;
        return true;
      }
      const since = (table.time[row] ?? 0) - (table.time[latest] ?? 0);
      return table.seq[latest] === seq && since <= COPY;
    }
    if (this.#places === MOST_PLACES) return false;
    this.#latest[this.#places] = row;
    this.#furthest[this.#places] = end;
    this.#places += 1;
    return true;
  }
}

const CLIENT = new PlainSide();
const SERVER = new PlainSide();

/** Whether two packets of one side were seen at one device in one direction. */
function mayBeOnePlace({ device, bits }: PacketTable, a: number, b: number): boolean {
  return device[a] === device[b] && (((bits[a] ?? 0) ^ (bits[b] ?? 0)) & BIT.OUT) === 0;
}
