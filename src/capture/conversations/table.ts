/** The conversations of one capture file, gathered packet by packet in bounded memory. */
import type { IcmpError } from '../../model/conversation.js';
import type { Endpoint } from '../../model/address.js';
import { TCP, type PacketEvent, type Protocol } from '../../model/event.js';
import { uint16, uint32 } from '../../decode/bytes.js';
import { IP_PROTOCOL, type Ends, type Packet } from '../../decode/packet.js';
import { AddressBook } from './addresses.js';
import type { Budget } from './budget.js';
import { DIGEST_START, digestBytes } from './digest.js';
import { Entry } from './entry.js';
import { describeIcmp } from './icmp-words.js';

/** Conversations kept over all; more are counted. */
const MAX_CONVERSATIONS = 50_000;
const MAX_ERRORS = 1_000;
/** Hardware addresses whose text is remembered. */
const MAX_HARDWARE = 10_000;
/** Nanoseconds of silence after which a UDP pair is another conversation. */
const UDP_IDLE = 90_000_000_000;
const TURN = TCP.SYN | TCP.FIN | TCP.RST;
const PORT = 65_536;
/** The pseudo namespace of everything that a capture shows. */
export const CAPTURE_PLACE = -1;

/** What all files of one reading share. */
export interface Shared {
  readonly budget: Budget;
  nextId: number;
}

export class ConversationTable {
  readonly #shared: Shared;
  readonly #file: number;
  readonly #addresses = new AddressBook();
  readonly #entries: Entry[] = [];
  /** By lower and higher end (address number and port) and protocol: the latest conversation of the pair. */
  readonly #pairs = new Map<number, Map<number, Entry>>();
  readonly #hardware = new Map<number, string>();
  readonly errors: IcmpError[] = [];
  omitted = 0;

  constructor(file: number, shared: Shared) {
    this.#file = file;
    this.#shared = shared;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** A decoded TCP or UDP packet at a device; `time` in nanoseconds since the epoch of the reading. */
  take(packet: Packet, time: number, device: number): void {
    const { bytes, version } = packet;
    const from = this.#addresses.number(bytes, packet.sourceAt, version);
    const to = this.#addresses.number(bytes, packet.destinationAt, version);
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
    const directed = packet.direction !== null;
    const passage = entry.passageOf(device, way, packet.direction ?? 'in');
    passage.bytes += packet.payloadLength;
    const kept = this.#shared.budget.allows(
      entry.spent,
      passage.packets,
      (packet.flags & TURN) !== 0,
    );
    passage.packets += 1;
    if (kept) {
      entry.events.push(this.#makeEvent(entry, packet, way, time, device, directed));
      return;
    }
    passage.counted += 1;
    passage.countedBytes += packet.payloadLength;
  }

  /** An ICMP error, by the packet that it is about. */
  takeError(packet: Packet, time: number): void {
    if (this.errors.length >= MAX_ERRORS) return;
    const { about, bytes } = packet;
    const from = this.#addresses.number(bytes, packet.sourceAt, packet.version);
    this.errors.push({
      time,
      file: this.#file,
      from: this.#addresses.text(from),
      protocol: about.protocol === IP_PROTOCOL.TCP ? 'tcp' : 'udp',
      source: this.#endpoint(bytes, about, 'source'),
      destination: this.#endpoint(bytes, about, 'destination'),
      what: describeIcmp(packet.version, packet.icmpType, packet.icmpCode),
    });
  }

  #endpoint(bytes: Uint8Array, ends: Ends, side: 'source' | 'destination'): Endpoint {
    const at = side === 'source' ? ends.sourceAt : ends.destinationAt;
    const number = this.#addresses.number(bytes, at, ends.version);
    const port = side === 'source' ? ends.sourcePort : ends.destinationPort;
    return { address: this.#addresses.text(number), port };
  }

  #entryOf(packet: Packet, way: 0 | 1, lower: number, higher: number, time: number): Entry | null {
    // Twice the end and one bit for the protocol: still exact.
    const key = lower * 2 + (packet.protocol === IP_PROTOCOL.TCP ? 1 : 0);
    let row = this.#pairs.get(key);
    const known = row?.get(higher);
    if (known) {
      const idle = known.protocol === 'udp' && time - known.last > UDP_IDLE;
      if (!idle && !known.isOver(packet, way)) return known;
    }
    if (this.#shared.nextId > MAX_CONVERSATIONS) {
      this.omitted += 1;
      return null;
    }
    const protocol: Protocol = packet.protocol === IP_PROTOCOL.TCP ? 'tcp' : 'udp';
    const source = this.#endpoint(packet.bytes, packet, 'source');
    const destination = this.#endpoint(packet.bytes, packet, 'destination');
    const ends = way === 0 ? ([source, destination] as const) : ([destination, source] as const);
    const entry = new Entry(this.#shared.nextId++, protocol, ends, time);
    this.#entries.push(entry);
    if (row === undefined) {
      row = new Map();
      this.#pairs.set(key, row);
    }
    row.set(higher, entry);
    return entry;
  }

  #makeEvent(
    entry: Entry,
    packet: Packet,
    way: 0 | 1,
    time: number,
    device: number,
    directed: boolean,
  ): PacketEvent {
    const { payloadAt, payloadLength: length } = packet;
    const whole = length > 0 && packet.payloadCaptured >= length;
    // Written out: spreading would make it several times as dear, and there are many.
    return {
      kind: 'packet',
      id: 0,
      time,
      namespace: CAPTURE_PLACE,
      ifindex: device,
      direction: packet.direction ?? 'in',
      skb: null,
      socket: null,
      conntrack: null,
      protocol: entry.protocol,
      source: entry.ends[way],
      destination: entry.ends[way === 0 ? 1 : 0],
      seq: packet.seq,
      ack: packet.ack,
      flags: packet.flags,
      length,
      wire: {
        conversation: entry.id,
        file: this.#file,
        directed,
        ttl: packet.ttl,
        ipId: packet.ipId < 0 ? null : packet.ipId,
        timestamp: packet.timestamp < 0 ? null : packet.timestamp,
        digest: whole
          ? digestBytes(packet.bytes, payloadAt, payloadAt + length, DIGEST_START)
          : null,
        hardware: this.#hardwareOf(packet),
      },
    };
  }
  /** A capture has few hardware addresses: each is made text of once. */
  #hardwareOf({ bytes, hardwareAt }: Packet): string | null {
    if (hardwareAt < 0) return null;
    const key = uint16(bytes, hardwareAt) * 2 ** 32 + uint32(bytes, hardwareAt + 2);
    const known = this.#hardware.get(key);
    if (known !== undefined) return known;
    const text = key
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?=.)/g, '$&:');
    if (this.#hardware.size < MAX_HARDWARE) this.#hardware.set(key, text);
    return text;
  }
}
