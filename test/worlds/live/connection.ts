/** One TCP connection or flow of datagrams of a world: both ends' sockets, its packets, and its bytes step by step. */
import type { Endpoint } from '../../../src/model/address.js';
import { TCP, TCP_STATE, type ConntrackView, type Protocol } from '../../../src/model/event.js';
import {
  FLAGS,
  type Death,
  type Kernel,
  type PacketFlow,
  type PacketParts,
  type Route,
  type Socket,
  type Task,
} from './kernel.js';

export interface Ends {
  readonly protocol: Protocol;
  readonly route: Route;
  readonly client: Endpoint;
  readonly dialled: Endpoint;
  readonly answered: Endpoint;
  readonly namespaces: { readonly client: number; readonly server: number };
}

export interface Segment {
  readonly length?: number;
  readonly death?: Death;
  readonly counts?: boolean;
  /** Kernel address of the server's socket, which sends a reset of its own. */
  readonly socket?: string;
}

export const SOFTIRQ: Task = { pid: 17, tid: 17, command: 'ksoftirqd/0' };
const NAT = { SRC: 0x10, DST: 0x20, CONFIRMED: 0x188 } as const;

/** An accepted socket is a request socket of the listener first. */
export class Connection {
  readonly ends: Ends;
  readonly near: Socket;
  far: Socket;
  readonly #kernel: Kernel;
  readonly #conntrack: ConntrackView;
  readonly #seq: [number, number];
  /** Bytes that the server has sent, and those of them that the client has acknowledged. */
  readonly #sums = { sent: 0, acknowledged: 0 };
  #closed = false;

  constructor(kernel: Kernel, ends: Ends, server?: Socket) {
    this.#kernel = kernel;
    this.ends = ends;
    const { protocol, client, dialled, answered, namespaces } = ends;
    this.near = kernel.socket(protocol, namespaces.client, client, dialled);
    this.far = server ?? kernel.socket(protocol, namespaces.server, answered, client);
    const { random } = kernel;
    this.#seq = [random(2 ** 31), random(2 ** 31)];
    const rewritten = answered.address !== dialled.address || answered.port !== dialled.port;
    this.#conntrack = {
      // Entries of TCP come and go; those of datagrams stay for a while.
      id: protocol === 'tcp' ? `ffff8881f${random(3)}00` : `ffff8882${this.near.address.slice(8)}`,
      status: NAT.CONFIRMED | (rewritten ? NAT.DST : 0),
      original: { source: client, destination: dialled },
      reply: { source: answered, destination: client },
    };
  }

  /** The handshake; the accept is the server's own to make. */
  open(task: Task): void {
    const kernel = this.#kernel;
    kernel.dial(task, this.near);
    this.#packet(false, FLAGS.SYN);
    this.#seq[0] += 1;
    this.#packet(true, FLAGS.SYN_ACK);
    this.#seq[1] += 1;
    kernel.state(SOFTIRQ, this.near, TCP_STATE.SYN_SENT, TCP_STATE.ESTABLISHED);
    this.#packet(false, FLAGS.ACK);
    kernel.state(SOFTIRQ, this.far, TCP_STATE.LISTEN, TCP_STATE.SYN_RECV);
    kernel.state(SOFTIRQ, this.far, TCP_STATE.SYN_RECV, TCP_STATE.ESTABLISHED);
  }

  refused(task: Task): void {
    const kernel = this.#kernel;
    kernel.dial(task, this.near);
    this.#packet(false, FLAGS.SYN);
    this.#seq[0] += 1;
    this.#seq[1] = 0;
    this.#packet(true, FLAGS.RST);
    kernel.state(SOFTIRQ, this.near, TCP_STATE.SYN_SENT, TCP_STATE.CLOSE);
    kernel.free(this.near);
    kernel.free(this.far);
  }

  send(reply: boolean, text: string): void {
    this.#packet(reply, this.ends.protocol === 'tcp' ? FLAGS.DATA : 0, text.length);
    if (this.ends.protocol === 'udp') return;
    if (reply) {
      this.#sums.sent += text.length;
      this.#sums.acknowledged += text.length;
    }
    this.#seq[reply ? 1 : 0] += text.length;
    this.#packet(!reply, FLAGS.ACK);
  }

  /** As the trace ends, the kernel is asked what it has counted of the server's socket, if it is still there. */
  look(): void {
    if (this.#closed) return;
    const { ESTABLISHED } = TCP_STATE;
    this.#kernel.state(SOFTIRQ, this.far, ESTABLISHED, ESTABLISHED, {
      ...this.#sums,
      sentAgain: 0,
      received: 0,
      segmentsSent: 0,
      segmentsReceived: 0,
      retransmits: 0,
    });
  }

  /** Bytes of the server that are sent and do not arrive, again and again. */
  hold(length: number): void {
    this.#sums.sent += length;
  }

  close(task: Task): void {
    const kernel = this.#kernel;
    this.#closed = true;
    this.#packet(false, FLAGS.FIN);
    this.#seq[0] += 1;
    this.#packet(true, FLAGS.FIN);
    this.#seq[1] += 1;
    this.#packet(false, FLAGS.ACK);
    for (const socket of [this.near, this.far]) {
      kernel.state(task, socket, TCP_STATE.LAST_ACK, TCP_STATE.CLOSE);
      kernel.free(socket);
    }
  }

  /** One segment or datagram, which may die; `counts`: its bytes are the next ones, and are not sent again. */
  segment(reply: boolean, flags: number, more: Segment = {}): void {
    const { length = 0, death, counts = true } = more;
    this.#packet(reply, flags, length, more, death);
    if (counts && this.ends.protocol === 'tcp') {
      this.#seq[reply ? 1 : 0] += length + ((flags & (TCP.SYN | TCP.FIN)) === 0 ? 0 : 1);
    }
  }

  /** A reset that answers a SYN: it acknowledges that, and has no number of its own. */
  refuse(death: Death): void {
    const parts = { reply: true, flags: FLAGS.RST, seq: 0, ack: this.#seq[0] + 1 };
    this.#kernel.packet(this.#flow, parts, death);
  }

  /** The stack looks at the segment that was sent last, finds nobody, answers by a reset, and throws it away. */
  answerByReset(flags: number, socket: string | null): void {
    this.#kernel.answerByReset(this.#flow, this.#parts(false, flags, 0), socket);
  }

  get #flow(): PacketFlow {
    return { ...this.ends, sender: this.near.address, conntrack: this.#conntrack };
  }

  #packet(reply: boolean, flags: number, length = 0, more: Segment = {}, death?: Death): void {
    const { socket } = more;
    const parts = { ...this.#parts(reply, flags, length), ...(socket && { socket }) };
    this.#kernel.packet(this.#flow, parts, death);
  }

  #parts(reply: boolean, flags: number, length: number): PacketParts & { seq: number } {
    const [mine, other] = reply ? [1, 0] : [0, 1];
    const tcp = this.ends.protocol === 'tcp';
    return {
      reply,
      flags,
      length,
      seq: tcp ? (this.#seq[mine as 0] ?? 0) : 0,
      ack: tcp && flags !== FLAGS.SYN ? (this.#seq[other as 0] ?? 0) : 0,
    };
  }
}
