/** Plays bpftrace for the tests of the tracer: it reports the seals correctly and then does one thing wrong. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * - honest: nothing wrong. Each connection to the flow's first port is one packet.
 * - floods: each is FLOOD packets.
 * - dies: kills itself at the first. cut: so too, in the middle of a line.
 * - stubborn: never answers the last dial, and ignores SIGINT.
 * - hides: counts 5 lines more at the first, and does not deliver them.
 * - loses: says that it has lost 5 events. miscounts: has printed 5 more than it delivers.
 * - garbage: prints what is no record in between. repeats: prints its maps again after the end.
 */
export type Play =
  | 'honest'
  | 'floods'
  | 'dies'
  | 'cut'
  | 'stubborn'
  | 'hides'
  | 'loses'
  | 'miscounts'
  | 'garbage'
  | 'repeats';

export const FLOOD = 100_003;

const LOOPBACK = '0 0 ffff0000 100007f';
const hex = (value: number | bigint): string => value.toString(16);
const now = (): string => hex(process.hrtime.bigint());

/** Runs until it is killed. It finds its ports in the program, as the real one does. */
export async function play(kind: Play): Promise<void> {
  const program = await text(process.stdin);
  const ports = [...new Set(program.match(/(?<=\$sport == )\d+/g))].map(Number);
  const [flow = 0] = ports;
  const [open = 0, refused = 0, final = 0] = ports.slice(-3);
  let printed = 0;
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const report = (line: string): void => {
    printed += 1;
    print(line);
  };
  const packet = (direction: string, from: number, to: number): string =>
    `P ${direction} ${now()} effffff9 1 ffff8881689e88e0 0 6 4 100007f 0 ${hex(from)} 100007f 0 ${hex(to)} 1 0 2 0`;
  const sockets = (local: number, remote: number): string =>
    `ffff88810321ae40 ${LOOPBACK} ${hex(local)} ${LOOPBACK} ${hex(remote)}`;

  if (kind === 'stubborn') process.on('SIGINT', () => undefined);
  print('Attaching 9 probes...');
  print(`B ${now()}`);

  const traffic = createServer((socket) => {
    socket.on('error', () => undefined).end();
    const line = packet('out', 50_001, flow);
    if (kind === 'garbage') {
      for (const odd of ['', 'P', 'B zz', '@[', 'Lost many events', '\0\xff', `${line} 1`])
        print(odd);
    }
    if (kind === 'loses') print('Lost 5 events');
    if (kind === 'hides') printed += 5;
    if (kind === 'dies') process.kill(process.pid, 'SIGKILL');
    if (kind === 'cut') {
      process.stdout.write(line, () => process.kill(process.pid, 'SIGKILL'));
    } else if (kind === 'floods') {
      printed += FLOOD;
      process.stdout.write(`${line}\n`.repeat(FLOOD));
    } else {
      report(line);
    }
  }).listen(flow, '127.0.0.1');

  const finish = createServer((socket) => {
    socket.on('error', () => undefined).destroy();
    if (kind === 'stubborn') return;
    const counts = [
      `@printed: ${kind === 'miscounts' ? printed + 5 : printed}`,
      `@packets[${(0xeffffff9n << 32n) | 1n}, ${0x100007f}, 0, ${0x100007f}, 0, ${(50_001n << 32n) | (BigInt(flow) << 16n) | 0x4006n}]: 7`,
      `@bytes[${(0xeffffff9n << 32n) | 1n}, ${0x100007f}, 0, ${0x100007f}, 0, ${(50_001n << 32n) | (BigInt(flow) << 16n) | 0x4006n}]: 700`,
    ];
    for (const line of counts) print(line);
    print(`E ${now()}`);
    if (kind === 'repeats') for (const line of counts) print(line);
  }).listen(final, '127.0.0.1');

  // How many lines were printed so far, as the real one tells it.
  setInterval(() => print(`C ${now()} ${hex(printed)} ${now()}`), 100);
  const seen = new Set<number>();
  setInterval(() => {
    for (const client of findClients(open)) {
      if (seen.has(client)) continue;
      seen.add(client);
      report(packet('out', client, open));
      report(packet('in', client, open));
      report(`S ${now()} effffff9 1 1 7 ${sockets(client, open)} 2 node\\x00`);
      report(`A ${now()} effffff9 1 1 5 ${sockets(open, client)} node\\x00`);
      report(
        `${packet('', client, refused).replace('P ', 'D').replace('  ', ' ')} 10000 3 tcp_v4_rcv`,
      );
    }
  }, 10);
  await new Promise((resolve) => traffic.on('close', resolve));
  finish.close();
}

/** Clients of connections to `port` that are over: the kernel lists them for a minute (TIME_WAIT). */
function findClients(port: number): number[] {
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local = '', remote = '', state] = row.trim().split(/\s+/);
    const [here, there] = [local, remote].map((end) => parseInt(end.split(':')[1] ?? '', 16));
    return state === '06' && here === port && there !== undefined ? [there] : [];
  });
}
