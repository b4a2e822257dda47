/** Collects the frames of one file: decodes them, gives them to the table, and counts what cannot be decoded. */
import { decodeFrame } from '../../decode/link.js';
import { Packet } from '../../decode/packet.js';
import type { Device } from '../../model/topology.js';
import type { Frame, FrameSink } from '../file/sink.js';
import { ConversationTable, type Shared } from './table.js';
import { TimeOrder } from './time-order.js';

const BILLION = 1_000_000_000;
/** Seconds since 1970 whose nanoseconds fit into 64 bits: until 2554. What is beyond is damaged. */
const LAST_SECOND = 18_446_744_072;

/** What all files of one reading share, with the second that event times count from. */
export interface Reading extends Shared {
  epoch: number | null;
  readonly devices: Device[];
  /** More than one file: devices are named with their file's name. */
  readonly several: boolean;
  /** Packets so far. */
  seen: number;
}

export class Collector implements FrameSink {
  readonly table: ConversationTable;
  readonly #reading: Reading;
  readonly #label: string;
  readonly #packet = new Packet();
  readonly #order = new TimeOrder((frame) => this.#collect(frame));
  /** Numbers of devices by interface and, where frames carry one, by their own index. */
  readonly #devices = new Map<string, number>();
  readonly #names: (string | null)[] = [];
  packets = 0;
  malformed = 0;
  /** Packets whose time is before 1970 or after 2554. */
  untimely = 0;
  readonly unknownLinks = new Map<number, number>();

  constructor(file: number, label: string, reading: Reading) {
    this.table = new ConversationTable(file, reading);
    this.#reading = reading;
    this.#label = label;
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
  }

  #collect(frame: Frame): void {
    const { linkType, seconds } = frame;
    const packet = this.#packet;
    const time = (seconds - (this.#reading.epoch ?? 0)) * BILLION + frame.nanoseconds;
    const decoded = decodeFrame(frame.bytes, frame.length, linkType, packet, frame.from, frame.to);
    packet.direction ??= frame.direction;
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

  /** The device's number in the reading; a frame of a cooked capture tells its own. */
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
      ...{ addresses: [], master: null, peerIfindex: null, peerNamespace: null },
    });
    this.#devices.set(key, number);
    return number;
  }
}
