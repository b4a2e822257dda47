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

/** 127.0.0.1 as the two words of an address of a socket. */
const LOOPBACK = '0 100007fffff0000';
/** 127.0.0.1 in a packet. */
const HERE = '100007f 0';
const NAMESPACE = 'effffff9';
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
  const half = (number: number): string => hex(number).padStart(8, '0');
  const pair = (from: number, to: number): string => hex(from * 0x10000 + to);
  const packetFields = (from: number, to: number): string =>
    `${now()} ${NAMESPACE}${half(1)} ffff8881689e88e0 0 20406 ${HERE} ${HERE} ${pair(from, to)} 100000000`;
  const packet = (direction: string, from: number, to: number): string =>
    `P ${direction} ${packetFields(from, to)}`;
  const sockets = (local: number, remote: number): string =>
    `ffff88810321ae40 ${LOOPBACK} ${LOOPBACK} ${pair(local, remote)}`;
  // Stands behind the name of a task.
  const [, mark = ''] = /%s (\w+)\\n"/.exec(program) ?? [];

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
      report(
        `S ${now()} ${NAMESPACE}${half(0x702)} 100000001 ${sockets(client, open)} node ${mark}`,
      );
      report(`A ${now()} ${NAMESPACE}${half(5)} 100000001 ${sockets(open, client)} node ${mark}`);
      report(`D ${packetFields(client, refused)} 1000000000003 tcp_v4_rcv`);
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
