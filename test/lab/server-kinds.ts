/**
 * Servers of the host, each in a process of its own, `server-kinds.js KIND PORT [TARGET]`, which print a line when they listen
 * (`server-kinds.js cluster KIND PORT [TARGET]`: one process accepts, and hands each connection to another one that serves it);
 * and their client, `server-kinds.js ask ADDRESS PORT [tls|http PAGE]`, which prints its port and what it was answered.
 */
import cluster from 'node:cluster';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

/** Client and server know it beforehand, so that no certificate is needed. */
const PSK = {
  key: Buffer.from('0123456789abcdef0123456789abcdef', 'hex'),
  ciphers: 'PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256',
} as const;

const ANSWER = 'pong\n';

/** What is done with a client's connection; what it returns was made at the start. */
type Kind = (target: string) => (client: Socket) => void;

function dial(target: string): Socket {
  const socket = target.startsWith('/')
    ? connect(target)
    : connect(Number(target.split(':')[1]), target.split(':')[0]);
  return socket.on('error', () => undefined);
}

/** Asks `target` once for every request, and answers in its own words. */
const asks: Kind = (target) => (client) => {
  client.on('data', () => {
    const other = dial(target);
    other.write('SELECT 1\n');
    other.once('data', () => {
      other.end();
      client.write(ANSWER);
    });
  });
};

/** Everything goes over one connection, which was there before. */
const forwards: Kind = (target) => {
  const other = dial(target);
  other.write('hello\n');
  const waiting: Socket[] = [];
  let first = true;
  other.on('data', (data) => {
    if (!first) waiting.shift()?.write(data);
    first = false;
  });
  return (client) => {
    client.on('data', (data) => {
      waiting.push(client);
      other.write(data);
    });
  };
};

const chat: Kind = () => {
  const room = new Set<Socket>();
  return (client) => {
    room.add(client);
    client.on('close', () => room.delete(client));
    client.on('data', (data) => {
      for (const member of room) member.write(data);
    });
  };
};

const KINDS: Readonly<Record<string, Kind>> = {
  plain: () => (client) => client.on('data', () => client.write(ANSWER)),
  logs: () => (client) =>
    client.on('data', (data) => {
      process.stdout.write(`asked: ${data.toString()}`);
      client.write(ANSWER);
    }),
  echo: () => (client) => client.on('data', (data) => client.write(data)),
  chat,
  asks,
  forwards,
  relays: (target) => (client) => {
    const other = dial(target);
    client.pipe(other).pipe(client);
  },
};

function serve(kind: string, port: string, target: string): void {
  const handle = (KINDS[kind] ?? KINDS['plain'])?.(target);
  const take = (client: Socket): void => {
    client.on('error', () => undefined);
    handle?.(client);
  };
  const server =
    kind === 'encrypts'
      ? createTlsServer(
          { ciphers: PSK.ciphers, maxVersion: 'TLSv1.2', pskCallback: () => PSK.key },
          (client) => {
            const other = dial(target);
            client.pipe(other).pipe(client);
            client.on('error', () => other.destroy());
          },
        )
      : createServer(take);
  const ready = (): void => void process.stdout.write('listening\n');
  if (port.startsWith('/')) server.listen(port, ready);
  else server.listen(Number(port), '0.0.0.0', ready);
}

/** One request, and the end once it is answered. */
function ask(address: string, port: string, [how = '', page = '']: readonly string[]): void {
  const tls = how === 'tls';
  const get = `GET /?${page} HTTP/1.0\r\nHost: one\r\n\r\n`;
  const text = how === 'http' ? get : 'PING\r\n';
  const socket = tls
    ? connectTls({
        host: address,
        port: Number(port),
        ciphers: PSK.ciphers,
        maxVersion: 'TLSv1.2',
        pskCallback: () => ({ psk: PSK.key, identity: 'client' }),
        checkServerIdentity: () => undefined,
      })
    : connect(Number(port), address);
  socket.setTimeout(20_000, () => socket.destroy(new Error('no answer')));
  socket.once(tls ? 'secureConnect' : 'connect', () => socket.write(text));
  socket.once('data', (data: Buffer) => {
    process.stdout.write(JSON.stringify({ port: socket.localPort, answer: data.toString() }));
    socket.end();
  });
}

const [kind = '', first = '', second = '', ...more] = process.argv.slice(2);
if (kind === 'ask') ask(first, second, more);
else if (kind !== 'cluster') serve(kind, first, second);
else if (cluster.isPrimary) cluster.fork();
else serve(first, second, more[0] ?? '');
