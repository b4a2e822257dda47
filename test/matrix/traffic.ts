/** Clients of a scenario, run in one place of the lab: connects as ordered on standard input, prints what each client knows. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline/promises';
import type { Sent } from './scenario.js';

export interface Order {
  /** `redis`: ECHO of the payload, then CLIENT INFO. `read`: reads to the end. `udp`: one datagram, one answer. */
  readonly talk: 'redis' | 'udp' | 'read';
  readonly host: string;
  readonly port: number;
  /** The client's own. */
  readonly localPort: number;
  readonly payload: string;
  readonly timeoutMs: number;
  /** Bytes that are sent after the payload. */
  readonly pad?: number;
  /** Sends a byte at a time. */
  readonly tiny?: true;
  /** Ends by a reset, also when nobody has answered in time. */
  readonly resets?: true;
  /** Ends by a reset as soon as the first bytes come. */
  readonly leaves?: true;
}

/** The first line of standard input. */
export interface Orders {
  readonly orders: readonly Order[];
  /** One after the other; else all at once. */
  readonly inRow: boolean;
  /** Between the beginnings of two at once, or from one's end to the next. */
  readonly pauseMs: number;
  /** After a first exchange says `held`, and goes on when a second line comes. */
  readonly hold: boolean;
}

export type Told = Omit<Sent, 'protocol'>;

function formatCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

async function write(socket: Socket, text: string, tiny: boolean): Promise<void> {
  if (!tiny) {
    socket.write(text);
    return;
  }
  socket.setNoDelay(true);
  for (const byte of text) await new Promise((resolve) => socket.write(byte, resolve));
}

/** Sends, and waits for a whole answer of Redis; null when the connection ended instead. */
async function exchange(socket: Socket, text: string, tiny = false): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = '';
    const finish = (result: string | null): void => {
      socket.off('data', take).off('close', give);
      resolve(result);
    };
    const give = (): void => finish(null);
    const take = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      if (isWhole(answer)) finish(answer);
    };
    socket.on('data', take).on('close', give);
    void write(socket, text, tiny);
  });
}

/** `+PONG`, or `$N` and N bytes. */
function isWhole(answer: string): boolean {
  const header = /^(?:\+|\$(\d+)).*?\r\n/.exec(answer);
  if (!header) return false;
  return header[1] === undefined || answer.length >= header[0].length + Number(header[1]) + 2;
}

/** Never fails: how it ended is for trace-flow to say. */
async function dial(order: Order, hold: (() => Promise<void>) | null): Promise<Told> {
  const { talk, host, port, localPort, payload, timeoutMs, pad = 0, tiny, resets, leaves } = order;
  const socket = connect({ host, port, localPort });
  // What is left unsent would be sent again after a mere close.
  socket.setTimeout(timeoutMs, () => (resets ? socket.resetAndDestroy() : socket.destroy()));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  const opened = await Promise.race([
    new Promise<boolean>((resolve) => socket.on('connect', () => resolve(true))),
    closed.then(() => false),
  ]);
  const address = opened ? (socket.localAddress ?? '') : '';
  const before = { fromClient: 0, fromServer: 0 };
  let seen: string | null = null;
  if (talk === 'read') {
    socket.resume();
  } else if (opened && leaves) {
    socket.once('data', () => socket.resetAndDestroy());
    await write(socket, formatCommand(['ECHO', payload + 'x'.repeat(pad)]), false);
  } else if (opened) {
    if (hold) {
      await exchange(socket, formatCommand(['PING']));
      before.fromClient = socket.bytesWritten;
      before.fromServer = socket.bytesRead;
      await hold();
    }
    const echo = formatCommand(['ECHO', payload + 'x'.repeat(pad)]);
    const echoed = await exchange(socket, echo, tiny);
    const info =
      echoed?.includes(payload) && (await exchange(socket, formatCommand(['CLIENT', 'INFO'])));
    seen = /\baddr=(\S+)/.exec(info || '')?.[1] ?? null;
    if (resets) socket.resetAndDestroy();
    else socket.end();
  }
  await closed;
  const bytes = {
    fromClient: socket.bytesWritten - before.fromClient,
    fromServer: socket.bytesRead - before.fromServer,
  };
  const answered = talk === 'read' ? bytes.fromServer === pad : seen !== null;
  if (leaves) {
    // What was on its way it cannot tell.
    const begun = bytes.fromServer > 0;
    return { address, port: localPort, payload, answered: begun, bytes: null, seen };
  }
  return { address, port: localPort, payload, answered, bytes, seen };
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
  return {
    address,
    port: localPort,
    payload,
    answered: echoed === payload,
    bytes,
    seen,
  };
}

async function main(): Promise<void> {
  const input = createInterface({ input: process.stdin });
  const lines = input[Symbol.asyncIterator]();
  const first: IteratorResult<string, unknown> = await lines.next();
  const { orders, inRow, pauseMs, hold } = JSON.parse(String(first.value)) as Orders;
  const wait = async (): Promise<void> => {
    process.stdout.write('held\n');
    await lines.next();
  };
  const run = async (order: Order): Promise<Told> =>
    order.talk === 'udp' ? ask(order) : dial(order, hold ? wait : null);
  const told: Told[] = [];
  if (inRow) {
    for (const order of orders) {
      told.push(await run(order));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } else {
    const slowly = orders.map(async (order, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * pauseMs));
      return run(order);
    });
    told.push(...(await Promise.all(slowly)));
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
  input.close();
}

await main();
