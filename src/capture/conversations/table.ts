/** Gathers the conversations of one capture file packet by packet in bounded memory. */
import type { IcmpError } from '../../model/conversation.js';
import type { Endpoint } from '../../model/address.js';
import { TCP, type Protocol } from '../../model/event.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';
import { uint16, uint32 } from '../../decode/bytes.js';
import { isDamaged } from '../../decode/checksum.js';
import { IP_PROTOCOL, type Ends, type Packet } from '../../decode/packet.js';
import { AddressBook } from './addresses.js';
import type { Budget } from './budget.js';
import { DIGEST_START, digestBytes } from './digest.js';
import { ATTEMPT, Entry } from './entry.js';
import { Networks } from './networks.js';
import { PairIndex } from './pair-index.js';
import type { BytePool } from './pool.js';

/** The most conversations that are held at the same time; packets of further ones are only counted. */
export const MAX_CONVERSATIONS = 50_000;
const MAX_ERRORS = 20_000;
const TURN = TCP.SYN | TCP.FIN | TCP.RST;
const PORT = 65_536;

/** What all files of one reading share. */
export interface SharedTables {
  readonly budget: Budget;
  readonly packets: PacketTable;
  readonly pool: BytePool;
  nextId: number;
  /** Conversations that are held. */
  held: number;
}

export class ConversationTable {
  readonly #shared: SharedTables;
  readonly #file: number;
  readonly #addresses = new AddressBook();
  readonly #networks = new Networks();
  #entries: Entry[] = [];
  readonly #counting = new Set<Entry>();
  /** By lower and higher end (address number, port) and protocol: the pair's latest conversation, or when it ended. */
  readonly #pairs = new PairIndex<Entry | number>();
  /** Records of pairs whose conversations ended and were released, in that order, until they are forgotten. */
  #ended: number[] = [];
  #errors: (IcmpError & { time: number })[] = [];
  omitted = 0;
  /** Packets with bytes that came long after their connection had ended. */
  strays = 0;
  #holed = 0;
  /** Whether pure acknowledgements were seen, and the time of the latest packet. */
  acks = false;
  until = -Infinity;

  constructor(file: number, shared: SharedTables) {
    this.#file = file;
    this.#shared = shared;
  }

  get errors(): readonly IcmpError[] {
    return this.#errors;
  }

  /** How many conversations lack bytes that were acknowledged. */
  get holed(): number {
    return this.#holed + this.#entries.filter(isHoled).length;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Takes a decoded TCP or UDP packet at a device; `time` is in nanoseconds since the epoch of the reading. */
  take(packet: Packet, time: number, device: number): void {
    const { bytes, version, tunnels } = packet;
    const network = tunnels.length === 0 ? 0 : this.#networks.number(packet);
    const from = this.#addresses.number(bytes, packet.sourceAt, version, network);
    const to = this.#addresses.number(bytes, packet.destinationAt, version, network);
    if (from < 0 || to < 0) {
      this.omitted += 1;
      return;
    }
    const source = from * PORT + packet.sourcePort;
    const destination = to * PORT + packet.destinationPort;
    const way = source <= destination ? 0 : 1;
    const entry = this.#entryOf(
      packet,
      way,
      Math.min(source, destination),
      Math.max(source, destination),
      time,
    );
    if (entry === null) return;
    entry.take(packet, way, time);
    this.until = Math.max(this.until, time);
    this.acks ||= packet.flags === TCP.ACK && packet.payloadLength === 0;
    const passage = entry.passageOf(device, way, packet.direction ?? 'in');
    passage.bytes += packet.payloadLength;
    const stream = entry.streams[way];
    stream.datagramBytes = Math.max(stream.datagramBytes, passage.bytes);
    const kept = this.#shared.budget.allows(entry, passage.packets, (packet.flags & TURN) !== 0);
    passage.packets += 1;
    if (kept) {
      this.#keep(entry, packet, way, time, device);
      return;
    }
    if (passage.counted === 0) this.#counting.add(entry);
    passage.counted += 1;
    passage.countedBytes += packet.payloadLength;
  }

  /** Conversations with packets that were counted but not kept. */
  get counting(): readonly Entry[] {
    return [...this.#counting];
  }

  /**
   * Releases conversations that are over.
   * @param gone their numbers
   * @param time nanoseconds; all packets before this time have come
   */
  release(gone: ReadonlySet<number>, time: number): void {
    const kept: Entry[] = [];
    for (const entry of this.#entries) {
      if (gone.has(entry.id)) this.#release(entry);
      else kept.push(entry);
    }
    this.#entries = kept;
    this.#forgetEnded(time);
    // An error may explain an unanswered attempt for as long as the attempt lasts.
    this.#errors = this.#errors.filter((error) => time - error.time < 2 * ATTEMPT);
  }

  #release(entry: Entry): void {
    if (isHoled(entry)) this.#holed += 1;
    entry.release();
    this.#counting.delete(entry);
    this.#shared.packets.forget(entry.id);
    this.#shared.held -= 1;
    if (this.#pairs.valueOf(entry.pair) !== entry) return;
    if (entry.ended) {
      this.#pairs.replace(entry.pair, entry.last);
      this.#ended.push(entry.pair);
    } else this.#pairs.remove(entry.pair);
  }

  /** Forgets ends that are so long ago that late packets no longer belong to them. */
  #forgetEnded(time: number): void {
    let done = 0;
    for (const record of this.#ended) {
      const ended = this.#pairs.valueOf(record);
      if (typeof ended === 'number') {
        if (time - ended <= ATTEMPT) break;
        this.#pairs.remove(record);
      }
      done += 1;
    }
    this.#ended = this.#ended.slice(done);
  }

  /** Shifts all times to another clock. */
  shiftTimes(nanoseconds: number): void {
    for (const entry of this.#entries) entry.shiftTimes(nanoseconds);
    this.#shared.packets.shiftTimes(this.#file, nanoseconds);
    for (const error of this.#errors) error.time += nanoseconds;
    this.until += nanoseconds;
  }

  /** Takes an ICMP error; its ends are those of the packet that it is about. */
  takeError(packet: Packet, time: number): void {
    if (this.#errors.length >= MAX_ERRORS) return;
    const { about, bytes } = packet;
    const from = this.#addresses.number(bytes, packet.sourceAt, packet.version);
    this.#errors.push({
      time,
      file: this.#file,
      from: this.#addresses.text(from),
      protocol: about.protocol === IP_PROTOCOL.TCP ? 'tcp' : 'udp',
      source: this.#endpoint(bytes, about, 'source'),
      destination: this.#endpoint(bytes, about, 'destination'),
      message: { version: packet.version, type: packet.icmpType, code: packet.icmpCode },
    });
  }

  #endpoint(bytes: Uint8Array, ends: Ends, side: 'source' | 'destination'): Endpoint {
    const at = side === 'source' ? ends.sourceAt : ends.destinationAt;
    const number = this.#addresses.number(bytes, at, ends.version);
    const port = side === 'source' ? ends.sourcePort : ends.destinationPort;
    return { address: this.#addresses.text(number), port };
  }

  #entryOf(packet: Packet, way: 0 | 1, lower: number, higher: number, time: number): Entry | null {
    // Twice the end plus one bit for the protocol: still an exact number.
    const key = lower * 2 + (packet.protocol === IP_PROTOCOL.TCP ? 1 : 0);
    const record = this.#pairs.find(key, higher);
    const known = record < 0 ? undefined : this.#pairs.valueOf(record);
    if (typeof known === 'number') {
      if (isStray(packet, known, time)) return this.#leaveOut(packet);
    } else if (known) {
      if (known.ended && known.isOverAt(time)) {
        if (isStray(packet, known.last, time)) return this.#leaveOut(packet);
      } else if (!known.isOverAt(time) && !known.isOver(packet, way)) return known;
    }
    if (this.#shared.held >= MAX_CONVERSATIONS) {
      this.omitted += 1;
      return null;
    }
    const protocol: Protocol = packet.protocol === IP_PROTOCOL.TCP ? 'tcp' : 'udp';
    const source = this.#endpoint(packet.bytes, packet, 'source');
    const destination = this.#endpoint(packet.bytes, packet, 'destination');
    const ends = way === 0 ? ([source, destination] as const) : ([destination, source] as const);
    const { nextId, pool, packets } = this.#shared;
    this.#shared.nextId += 1;
    this.#shared.held += 1;
    const entry = new Entry(nextId, protocol, ends, this.#file, time, pool);
    if (packet.tunnels.length > 0) entry.via = this.#networks.describe(packet, way);
    packets.announce(entry.id, ends);
    this.#entries.push(entry);
    if (record < 0) entry.pair = this.#pairs.add(key, higher, entry);
    else {
      entry.pair = record;
      this.#pairs.replace(record, entry);
    }
    return entry;
  }

  #leaveOut({ payloadLength }: Packet): null {
    if (payloadLength > 0) this.strays += 1;
    return null;
  }

  #keep({ id }: Entry, packet: Packet, way: 0 | 1, time: number, device: number): void {
    const { packets } = this.#shared;
    const { bytes, payloadAt, payloadLength, timestamp, hardwareAt } = packet;
    const whole = payloadLength > 0 && packet.payloadCaptured >= payloadLength;
    const row = packets.claimRow();
    packets.time[row] = time;
    packets.device[row] = device;
    packets.conversation[row] = id;
    packets.file[row] = this.#file;
    packets.seq[row] = packet.seq;
    packets.ack[row] = packet.ack;
    packets.length[row] = payloadLength;
    packets.flags[row] = packet.flags;
    packets.ttl[row] = packet.ttl;
    packets.ipId[row] = packet.ipId;
    packets.timestamp[row] = timestamp;
    packets.digest[row] = whole
      ? digestBytes(bytes, payloadAt, payloadAt + payloadLength, DIGEST_START)
      : 0;
    packets.hardware[row] =
      hardwareAt < 0 ? -1 : uint16(bytes, hardwareAt) * 2 ** 32 + uint32(bytes, hardwareAt + 2);
    packets.bits[row] =
      (packet.protocol === IP_PROTOCOL.TCP ? BIT.TCP : 0) |
      (way === 1 ? BIT.BACK : 0) |
      (packet.direction === 'out' ? BIT.OUT : 0) |
      (packet.direction === null ? 0 : BIT.DIRECTED) |
      (whole ? BIT.DIGEST : 0) |
      (timestamp < 0 ? 0 : BIT.STAMPED) |
      (isDamaged(packet) ? BIT.DAMAGED : 0);
  }
}

function isHoled({ streams }: Entry): boolean {
  return streams.some(({ lost }) => lost);
}

/** Whether it is a late packet of a connection that has ended and begins none, such as a retransmitted FIN. */
function isStray({ flags }: Packet, ended: number, time: number): boolean {
  return (flags & (TCP.SYN | TCP.ACK)) !== TCP.SYN && time - ended <= ATTEMPT;
}
