// Clients of a scenario, run in one place of the lab: connects as ordered on standard input, prints what each client knows.

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Sent } from './scenario.js';

export interface Order {
  readonly protocol: 'tcp' | 'udp';
  /** `redis`: ECHO of the payload, then CLIENT INFO. `read`: reads to the end. `udp`: one datagram, one answer. */
  readonly talk: 'redis' | 'udp' | 'read';
  readonly host: string;
  readonly port: number;
  /** The client's own. */
  readonly localPort: number;
  readonly payload: string;
  readonly timeoutMs: number;
}

export type Told = Omit<Sent, 'protocol'>;

function formatCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Never fails: how it ended is for trace-flow to say. */
async function dial(order: Order): Promise<Told> {
  const { talk, host, port, localPort, payload, timeoutMs } = order;
  return new Promise((resolve) => {
    let address = '';
    let answer = '';
    const socket = connect({ host, port, localPort });
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('connect', () => {
      address = socket.localAddress ?? '';
      if (talk === 'redis') socket.write(formatCommand(['ECHO', payload]));
    });
    socket.on('data', (chunk) => {
      if (talk === 'read') return;
      const echoed = answer.includes('\r\n' + payload);
      answer += chunk.toString('latin1');
      if (!echoed && answer.includes('\r\n' + payload)) {
        socket.write(formatCommand(['CLIENT', 'INFO']));
      }
      if (/\baddr=\S+ .*\r\n$/.test(answer)) socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const bytes = { fromClient: socket.bytesWritten, fromServer: socket.bytesRead };
      const seen = /\baddr=(\S+)/.exec(answer)?.[1] ?? null;
      const answered = talk === 'read' ? bytes.fromServer > 0 : seen !== null;
      resolve({ address, port: localPort, payload, answered, bytes, seen });
    });
  });
}

/** The server answers with the address and port that it saw, and the payload. */
async function ask(order: Order): Promise<Told> {
  const { host, port, localPort, payload, timeoutMs } = order;
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(localPort, resolve));
  await new Promise<void>((resolve) => socket.connect(port, host, resolve));
  const { address } = socket.address();
  const answer = await new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve(''), timeoutMs);
    socket.on('message', (message) => {
      clearTimeout(timer);
      resolve(message.toString('latin1'));
    });
    socket.on('error', () => undefined); // an ICMP error: nothing listens
    socket.send(payload);
  });
  socket.close();
  const [, from, fromPort, echoed] = /^(\S+) (\d+) (\S+)/.exec(answer) ?? [];
  const seen = from === undefined ? null : `${from}:${fromPort}`;
  const bytes = { fromClient: payload.length, fromServer: answer.length };
  return { address, port: localPort, payload, answered: echoed === payload, bytes, seen };
}

const orders = JSON.parse(await text(process.stdin)) as Order[];
const told = orders.map((order) => (order.protocol === 'udp' ? ask(order) : dial(order)));
process.stdout.write(JSON.stringify(await Promise.all(told)));
