/** One process for each namespace of a set-up: serves ports and dials, as lines of JSON on its standard input tell it. */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** What one dial came to. */
export interface Dialled {
  readonly end:
    | 'answered'
    /** The handshake succeeded, and nothing came. */
    | 'silent'
    | 'reset'
    | 'refused'
    | 'unreachable'
    /** What a rule of the client's own host tells who sends a datagram, whether it drops or rejects. */
    | 'denied'
    | 'dropped';
  /** The client's address as the server saw it. */
  readonly seen: string | null;
  readonly port: number | null;
}

export type Order =
  | {
      readonly do: 'serve';
      readonly address: string;
      readonly port: number;
      readonly protocol: 'tcp' | 'udp';
      /** Whether :: is for IPv6 alone. */
      readonly only6: boolean;
    }
  | {
      readonly do: 'dial';
      readonly id: number;
      readonly protocol: 'tcp' | 'udp';
      readonly host: string;
      readonly port: number;
      /** Milliseconds without an answer to the first packet after which it counts as dropped. */
      readonly patience: number;
    };

/** Milliseconds that the server's word may take once the handshake has shown that somebody is there. */
const WORD = 4_000;

const REFUSALS: Readonly<Record<string, Dialled['end']>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  // What icmp_err_convert makes of the other kinds of messages.
  ENOPROTOOPT: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENONET: 'unreachable',
  // The family is switched off.
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  EPERM: 'denied',
  // What a blackhole route tells the one who dials from its own host.
  EINVAL: 'dropped',
  ETIMEDOUT: 'dropped',
};

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function serve({ address, port, protocol, only6 }: Extract<Order, { do: 'serve' }>): void {
  if (protocol === 'udp') {
    const socket = createSocket(
      address.includes(':') ? { type: 'udp6', ipv6Only: only6 } : { type: 'udp4' },
    );
    socket.on('message', (_, peer) =>
      socket.send(`seen ${peer.address}\n`, peer.port, peer.address),
    );
    socket.bind(port, address, () => say({ served: port }));
    return;
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`seen ${socket.remoteAddress ?? ''}\n`);
  });
  server.listen({ host: address, port, ipv6Only: address === '::' ? only6 : undefined }, () =>
    say({ served: port }),
  );
}

function dial(order: Extract<Order, { do: 'dial' }>): void {
  const tell = once((told: Dialled) => say({ id: order.id, ...told }));
  if (order.protocol === 'udp') dialUdp(order, tell);
  else dialTcp(order, tell);
}

function once(tell: (told: Dialled) => void): (told: Dialled) => void {
  let told = false;
  return (message) => {
    if (!told) tell(message);
    told = true;
  };
}

function dialTcp(
  { host, port, patience }: Extract<Order, { do: 'dial' }>,
  tell: (told: Dialled) => void,
): void {
  const socket = connect({ host, port, autoSelectFamily: false });
  let text = '';
  let connected = false;
  const end = (how: Dialled['end']): void => {
    clearTimeout(timer);
    const seen = /^seen (.*)\n$/.exec(text)?.[1] ?? null;
    tell({ end: seen === null ? how : 'answered', seen, port: local });
    socket.destroy();
  };
  let timer = setTimeout(() => end('dropped'), patience);
  let local: number | null = null;
  socket.on('connect', () => {
    connected = true;
    local = socket.localPort ?? null;
    clearTimeout(timer);
    timer = setTimeout(() => end('silent'), Math.max(patience, WORD));
  });
  socket.on('data', (data) => (text += data.toString()));
  socket.on('end', () => end('reset'));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const how = REFUSALS[error.code ?? ''] ?? 'dropped';
    end(connected ? 'reset' : how);
  });
}

function dialUdp(
  { host, port, patience }: Extract<Order, { do: 'dial' }>,
  tell: (told: Dialled) => void,
): void {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  let local: number | null = null;
  const end = (how: Dialled['end'], seen: string | null = null): void => {
    clearTimeout(timer);
    tell({ end: how, seen, port: local });
    socket.close();
  };
  const timer = setTimeout(() => end('dropped'), patience);
  socket.on('error', (error: NodeJS.ErrnoException) =>
    end(REFUSALS[error.code ?? ''] ?? 'dropped'),
  );
  socket.on('message', (data) => {
    end('answered', /^seen (.*)\n$/.exec(data.toString())?.[1] ?? null);
  });
  socket.connect(port, host, (...errors: readonly NodeJS.ErrnoException[]) => {
    const [error] = errors;
    if (error) {
      end(REFUSALS[error.code ?? ''] ?? 'dropped');
      return;
    }
    local = socket.address().port;
    socket.send('hello\n');
  });
}

if (process.argv[1]?.endsWith('agent.js')) {
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const order = JSON.parse(line) as Order;
      if (order.do === 'serve') serve(order);
      else dial(order);
    })
    .on('close', () => process.exit());
  say({ ready: process.pid });
}
