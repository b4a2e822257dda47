// One TCP connection or flow of datagrams of a world: both ends' sockets, its packets, and its bytes step by step.

import type { Endpoint } from '../../../src/model/address.js';
import { TCP_STATE, type ConntrackView, type Protocol } from '../../../src/model/event.js';
import { FLAGS, type Kernel, type Route, type Socket, type Task } from './kernel.js';

export interface Ends {
  readonly protocol: Protocol;
  readonly route: Route;
  readonly client: Endpoint;
  readonly dialled: Endpoint;
  readonly answered: Endpoint;
  readonly namespaces: { readonly client: number; readonly server: number };
}

const SOFTIRQ: Task = { pid: 17, tid: 17, command: 'ksoftirqd/0' };
const NAT = { SRC: 0x10, DST: 0x20, CONFIRMED: 0x188 } as const;

/** An accepted socket is a request socket of the listener first. */
export class Connection {
  readonly ends: Ends;
  readonly near: Socket;
  far: Socket;
  readonly #kernel: Kernel;
  readonly #conntrack: ConntrackView;
  readonly #seq: [number, number];

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
      id: `ffff8881f${random(3)}00`,
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
    this.#seq[reply ? 1 : 0] += text.length;
    this.#packet(!reply, FLAGS.ACK);
  }

  close(task: Task): void {
    const kernel = this.#kernel;
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

  #packet(reply: boolean, flags: number, length = 0): void {
    const [mine, other] = reply ? [1, 0] : [0, 1];
    const tcp = this.ends.protocol === 'tcp';
    this.#kernel.packet(
      { ...this.ends, sender: this.near.address, conntrack: this.#conntrack },
      {
        ...{ reply, flags, length },
        seq: tcp ? (this.#seq[mine as 0] ?? 0) : 0,
        ack: tcp && flags !== FLAGS.SYN ? (this.#seq[other as 0] ?? 0) : 0,
      },
    );
  }
}
