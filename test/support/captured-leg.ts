/** Captured legs from what a test names: ends, times, texts, TTL, devices; everything else is the same in all. */
import { buildCapturedLeg, type CapturedLeg } from '../../src/correlate/capture/legs.js';
import { PacketRange } from '../../src/correlate/capture/packet-range.js';
import type { Endpoint } from '../../src/model/address.js';
import { STREAM_START, type ByteStream, type Conversation } from '../../src/model/conversation.js';
import { TCP, type Protocol } from '../../src/model/event.js';
import type { Device } from '../../src/model/topology.js';
import { at } from './story.js';
import { Rows, type Row } from './wire-rows.js';

export interface Reset {
  readonly by: 'client' | 'server';
  readonly time: number;
  readonly beyond: number;
}

/** Times in nanoseconds; null for what was not seen. */
export interface Shape {
  readonly protocol?: Protocol;
  readonly client: string;
  readonly server: string;
  readonly file?: number;
  readonly device?: number;
  /** Sequence numbers of SYN and SYN+ACK. */
  readonly syn?: number | null;
  readonly synAck?: number | null;
  readonly synTime?: number | null;
  readonly established?: number | null;
  readonly asks?: string;
  readonly asked?: number;
  readonly answers?: string;
  readonly answered?: number;
  /** When each side said that it ends. */
  readonly clientEnds?: number | null;
  readonly serverEnds?: number | null;
  /** Resets, so many bytes beyond the last number that their sender was seen to use. */
  readonly resets?: readonly Reset[];
  /** The capture lacks bytes of it. */
  readonly lost?: boolean;
  /** Hashes of the texts are not known. */
  readonly unhashed?: boolean;
  /** No byte of the texts was kept. */
  readonly headless?: boolean;
  readonly counted?: boolean;
  readonly request?: Partial<Row>;
  readonly reply?: Partial<Row>;
  readonly clientWay?: 0 | 1 | null;
}

const hash = (text: string): number =>
  [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_003, 7);

interface Sent {
  readonly from: Endpoint;
  readonly text: string;
  readonly time: number | null;
}

function makeStream({ from, text, time }: Sent, { lost, unhashed, headless }: Shape): ByteStream {
  const hashed = unhashed !== true && headless !== true;
  return {
    from,
    packets: 3,
    length: text.length,
    head: headless === true ? new Uint8Array() : Uint8Array.from(Buffer.from(text)),
    start: hashed && text.length >= STREAM_START ? hash(text.slice(0, STREAM_START)) : null,
    known: null,
    digest: hashed ? hash(text) : null,
    lost: lost === true,
    repeats: 0,
    firstData: text === '' ? null : time,
    lastData: text === '' ? null : time,
  };
}

export class Capture {
  readonly #rows = new Rows();
  #conversations = 0;

  constructor(
    readonly ports: readonly number[] = [8080, 6379],
    readonly devices: ReadonlyMap<number, Device> = new Map(),
  ) {}

  leg(shape: Shape): CapturedLeg {
    const { protocol = 'tcp', file = 0, device = 1, syn = 100, synAck = 500 } = shape;
    const {
      synTime = 1_000,
      established = 3_000,
      asks = 'ask me something',
      asked = 5_000,
    } = shape;
    const { answers = 'an answer to it', answered = 50_000 } = shape;
    const { clientEnds = null, serverEnds = null, clientWay = 0 } = shape;
    const [client, server] = [at(shape.client), at(shape.server)];
    const { table } = this.#rows;
    const rows: number[] = [];
    let conversation = 0;
    const send = (request: boolean, time: number | null, fields: Partial<Row>): void => {
      if (time === null) return;
      rows.push(table.size);
      const packet = this.#rows.add({
        protocol,
        file,
        device,
        time,
        length: 0,
        ipId: rows.length + 1000 * (file + 1),
        source: request ? client : server,
        destination: request ? server : client,
        ...fields,
        ...(request ? shape.request : shape.reply),
      });
      conversation = packet.conversation;
    };
    const tcp = protocol === 'tcp';
    const [first, second] = [(syn ?? 100) + 1, (synAck ?? 500) + 1];
    if (tcp && syn !== null) send(true, synTime, { flags: TCP.SYN, seq: syn, ack: 0 });
    if (tcp && synAck !== null && syn !== null)
      send(false, synTime === null ? null : synTime + 1, {
        flags: TCP.SYN | TCP.ACK,
        seq: synAck,
        ack: first,
      });
    const text = (content: string, seq: number, ack: number): Partial<Row> => ({
      length: content.length,
      digest: hash(content),
      seq,
      ack,
      flags: tcp ? TCP.ACK : 0,
    });
    if (asks !== '') send(true, asked, text(asks, first, second));
    if (answers !== '') send(false, answered, text(answers, second, first + asks.length));
    const fin = { flags: TCP.FIN | TCP.ACK, digest: null };
    const ends = [first + asks.length, second + answers.length] as const;
    send(true, clientEnds, { ...fin, seq: ends[0], ack: ends[1] });
    send(false, serverEnds, { ...fin, seq: ends[1], ack: ends[0] });
    for (const { by, time, beyond } of shape.resets ?? []) {
      const seq = ends[by === 'client' ? 0 : 1] + beyond;
      send(by === 'client', time, { flags: TCP.RST, seq, ack: 0, digest: null });
    }
    const times = rows.map((row) => table.time[row] ?? 0);
    this.#conversations += 1;
    const streams: [ByteStream, ByteStream] = [
      makeStream({ from: client, text: asks, time: asked }, shape),
      makeStream({ from: server, text: answers, time: answered }, shape),
    ];
    const whole: Conversation = {
      id: conversation,
      file,
      protocol,
      client: clientWay,
      syn: tcp ? syn : null,
      synAck: tcp && syn !== null ? synAck : null,
      synTime: tcp && syn !== null ? synTime : null,
      established: tcp ? established : null,
      completed: established !== null,
      first: Math.min(...times),
      last: Math.max(...times),
      closed: clientEnds !== null || serverEnds !== null,
      isOverAt: () => true,
      streams: clientWay === 1 ? [streams[1], streams[0]] : streams,
      via: null,
      hasCounters: shape.counted === true,
      counters: [],
    };
    const packets = new PacketRange(table, Uint32Array.from(rows), 0, rows.length);
    const group = { conversations: [whole], packets, links: [], disputed: false };
    return buildCapturedLeg(group, { ports: new Set(this.ports), devices: this.devices });
  }
}

export const CLIENT_LEG: Shape = { client: '198.51.100.2#40000', server: '198.51.100.1#8080' };

/** The relay's own leg: dialled after the client's was accepted, its bytes in turn, its own sequence numbers. */
export const UPSTREAM_LEG: Shape = {
  client: '172.17.0.1#50000',
  server: '172.17.0.2#6379',
  device: 2,
  syn: 7_100,
  synAck: 7_500,
  synTime: 4_000,
  established: 4_500,
  asked: 6_000,
  answered: 40_000,
};
