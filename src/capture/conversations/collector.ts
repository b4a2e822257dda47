/** Collects the frames of one file: decodes them, gives them to the table, and counts what cannot be decoded. */
import { decodeFrame } from '../../decode/link.js';
import { IP_PROTOCOL, Packet, type Decoded } from '../../decode/packet.js';
import type { Device } from '../../model/topology.js';
import type { Frame, FrameSink } from '../file/sink.js';
import { Fragments } from './fragments.js';
import { ConversationTable, type SharedTables } from './table.js';
import { TimeOrder } from './time-order.js';

const BILLION = 1_000_000_000;
/** Last second since 1970 whose nanoseconds fit into 64 bits, in 2554. A later time is damaged. */
const LAST_SECOND = 18_446_744_072;

/** Protocols that are decoded. */
const LOOKED_INTO = new Set<number>(Object.values(IP_PROTOCOL));

function decodeOf(frame: Frame, packet: Packet): Decoded {
  const { bytes, length, linkType, from, to } = frame;
  const decoded = decodeFrame(bytes, length, linkType, packet, from, to);
  packet.direction ??= frame.direction;
  return decoded;
}

/** What all files of one reading share. `epoch` is the second that event times count from. */
export interface Reading extends SharedTables {
  epoch: number | null;
  readonly devices: Device[];
  /** More than one file: devices are named with their file's name. */
  readonly several: boolean;
  /** Packets so far. */
  seen: number;
  /** Number of frames of a file that are sorted by time before they are processed. */
  readonly ordered: number;
  /** Nanoseconds since the epoch. Earlier packets were already looked at and may have been released. */
  horizon: number;
}

export class Collector implements FrameSink {
  readonly table: ConversationTable;
  readonly #reading: Reading;
  readonly #label: string;
  readonly #packet = new Packet();
  readonly #lone = new Packet();
  readonly #fragments = new Fragments((frame) => this.#takeAlone(frame));
  readonly #order: TimeOrder;
  /** Numbers of devices by interface and, where frames carry one, by their own index. */
  readonly #devices = new Map<string, number>();
  readonly #names: (string | null)[] = [];
  packets = 0;
  malformed = 0;
  /** First fragments, which carry the ports, of those that could not be reassembled. */
  alone = 0;
  /** Packets whose time is before 1970 or after 2554. */
  untimely = 0;
  /** Packets that came after others of their time had been looked at. */
  late = 0;
  readonly unknownLinks = new Map<number, number>();

  constructor(file: number, label: string, reading: Reading) {
    this.table = new ConversationTable(file, reading);
    this.#reading = reading;
    this.#label = label;
    this.#order = new TimeOrder((frame) => this.#collect(frame), reading.ordered);
  }

  addInterface(name: string | null): number {
    this.#names.push(name);
    return this.#names.length - 1;
  }

  takeFrame(frame: Frame): void {
    this.#reading.seen += 1;
    this.packets += 1;
    if (!(frame.seconds >= 0 && frame.seconds <= LAST_SECOND)) {
      this.untimely += 1;
      return;
    }
    this.#reading.epoch ??= frame.seconds;
    this.#order.take(frame);
  }

  /** All frames have come. */
  finish(): void {
    this.#order.flush();
    this.#fragments.finish();
  }

  /** IP fragments that could not be reassembled, and those that overlap or contradict others. */
  get apart(): number {
    return this.#fragments.apart;
  }
  get refused(): number {
    return this.#fragments.refused;
  }

  /** Decodes a frame. Returns null for a fragment of a packet that is still incomplete. */
  #decode(frame: Frame, time: number): Decoded | null {
    const packet = this.#packet;
    for (let part: Frame | null = frame; part !== null;) {
      const decoded = decodeOf(part, packet);
      // Protocols that are not decoded need no reassembly.
      if (packet.piece === null) return decoded;
      if (packet.version === 4 && !LOOKED_INTO.has(packet.protocol)) return decoded;
      const place = `${frame.device}|${packet.ifindex}|${packet.direction}`;
      part = this.#fragments.take(packet, part, place, time);
    }
    return null;
  }

  /** Takes a first fragment whose packet stays incomplete: its ports are known, but not all of its bytes. */
  #takeAlone(frame: Frame): void {
    // `#packet` may be in use for another packet.
    const packet = this.#lone;
    const decoded = decodeOf(frame, packet);
    if (decoded !== 'ok') return;
    this.alone += 1;
    const time = this.#timeOf(frame);
    if (time < this.#reading.horizon) this.late += 1;
    else this.table.take(packet, time, this.#deviceOf(frame.device, packet));
  }

  #timeOf({ seconds, nanoseconds }: Frame): number {
    return (seconds - (this.#reading.epoch ?? 0)) * BILLION + nanoseconds;
  }

  #collect(frame: Frame): void {
    const { linkType } = frame;
    const packet = this.#packet;
    const time = this.#timeOf(frame);
    if (time < this.#reading.horizon) {
      this.late += 1;
      return;
    }
    const decoded = this.#decode(frame, time);
    if (decoded === null) return;
    switch (decoded) {
      case 'ok':
        this.table.take(packet, time, this.#deviceOf(frame.device, packet));
        return;
      case 'error':
        this.table.takeError(packet, time);
        return;
      case 'malformed':
        this.malformed += 1;
        return;
      case 'unknown-link':
        this.unknownLinks.set(linkType, (this.unknownLinks.get(linkType) ?? 0) + 1);
        return;
      case 'fragment':
      case 'other':
    }
  }

  #lastKey = -1;
  #lastDevice = 0;

  /** The device's number in the reading. A frame of a cooked capture carries its own interface index. */
  #deviceOf(index: number, packet: Packet): number {
    const key = index * 4_194_304 + (packet.ifindex & 0x1fffff) * 2 + (packet.loopback ? 1 : 0);
    if (key === this.#lastKey) return this.#lastDevice;
    const text = String(key);
    const number = this.#devices.get(text) ?? this.#addDevice(text, index, packet);
    this.#lastKey = key;
    this.#lastDevice = number;
    return number;
  }

  #addDevice(key: string, index: number, { ifindex, loopback }: Packet): number {
    const { devices, several } = this.#reading;
    const given = this.#names[index] ?? null;
    const own = loopback ? 'lo' : ifindex > 0 ? `device-${ifindex}` : (given ?? 'interface');
    const number = devices.length + 1;
    devices.push({
      ifindex: number,
      name: several ? `${this.#label}:${own}` : own,
      kind: own === 'lo' ? 'loopback' : 'other',
      addresses: [],
      master: null,
      peerIfindex: null,
      peerNamespace: null,
    });
    this.#devices.set(key, number);
    return number;
  }
}
