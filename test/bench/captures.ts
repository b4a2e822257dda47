/**
 * What reading captures costs beside tshark, in one run: `npm run bench:captures`, or of the shapes whose names contain
 * a word, `npm run bench:captures -- Docker`. Needs tshark and GNU time.
 */
import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCapture, PORTS } from './make-capture.js';
import { makeDockerCapture, PACKETS_EACH, PUBLISHED } from './make-docker-capture.js';

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const ROUNDS = 3;
const MILLION = 1_000_000;

interface Cost {
  readonly seconds: number;
  /** Of all processors: what else the machine does is not in it. */
  readonly processor: number;
  readonly megabytes: number;
}

/** One run: time by the wall, and the most memory that it had. */
async function measure(folder: string, command: readonly string[]): Promise<Cost> {
  const file = join(folder, 'cost');
  const [program, ...args] = ['time', '-f', '%e %U %S %M', '-o', file, ...command];
  await execa(program ?? '', args, { stdout: 'ignore', stderr: 'ignore' });
  const [seconds, user, system, kilobytes] = (await readFile(file, 'utf8'))
    .trim()
    .split(' ')
    .map(Number);
  return {
    seconds: seconds ?? NaN,
    processor: (user ?? NaN) + (system ?? NaN),
    megabytes: (kilobytes ?? NaN) / 1000,
  };
}

function best(costs: readonly Cost[]): Cost {
  const seconds = Math.min(...costs.map((cost) => cost.seconds));
  const processor = Math.min(...costs.map((cost) => cost.processor));
  return { seconds, processor, megabytes: Math.max(...costs.map((cost) => cost.megabytes)) };
}

function say(what: string, { seconds, processor, megabytes }: Cost, than: Cost | null): void {
  const ratio = than
    ? `${(than.seconds / seconds).toFixed(1)} times as fast, ${(than.processor / processor).toFixed(1)} times less processor`
    : '';
  const memory = `${megabytes.toFixed(0)} MB`.padStart(8);
  process.stdout.write(
    `${what.padEnd(44)} ${seconds.toFixed(2)} s ${processor.toFixed(2)} s cpu ${memory}  ${ratio}\n`,
  );
}

/** Both tools in turns over the same file, the best of each, also narrowed to a rare port and to a common one. */
async function compare(
  folder: string,
  name: string,
  make: (file: string) => void,
  ports: readonly number[],
): Promise<void> {
  if (!isAsked(name)) return;
  const file = join(folder, 'capture');
  make(file);
  const read = [process.execPath, PROGRAM, 'read', file];
  const commands = [
    ['tshark', '-r', file, '-q', '-z', 'conv,tcp'],
    read,
    ...ports.map((port) => [...read, '--port', String(port)]),
  ];
  const costs = commands.map((): Cost[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, command] of commands.entries()) {
      costs[index]?.push(await measure(folder, command));
    }
  }
  const [tshark, ...own] = costs.map(best);
  if (!tshark) throw new Error('nothing was measured');
  process.stdout.write(`${name}\n`);
  say('  tshark -q -z conv,tcp', tshark, null);
  const names = ['read', ...ports.map((port) => `read --port ${port}`)];
  own.forEach((cost, index) => say(`  ${names[index] ?? ''}`, cost, tshark));
  await rm(file);
}

function isAsked(name: string): boolean {
  const [word] = process.argv.slice(2);
  return word === undefined || name.includes(word);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-bench-'));
  try {
    for (const connections of [10, 1_000, 5_000, 20_000, 100_000]) {
      for (const format of ['pcap', 'pcapng'] as const) {
        const shape = { format, packets: MILLION, each: MILLION / connections };
        const name = `1,000,000 packets of ${connections.toLocaleString('en')} connections, ${format}`;
        await compare(folder, name, (file) => makeCapture(file, shape), [PORTS.rare, PORTS.common]);
      }
    }
    const docker = Math.round(MILLION / PACKETS_EACH / 1000) * 1000;
    const name = `${docker.toLocaleString('en')} connections of a Docker host, half by DNAT, half by docker-proxy`;
    const make = (file: string): void => makeDockerCapture(file, docker);
    await compare(folder, name, make, [PUBLISHED.dnat, PUBLISHED.relay]);
    // What is kept depends on the connections, not on the length.
    for (const [millions, connections] of [
      [1, 1_000],
      [5, 1_000],
      [5, 25_000],
      [5, 500_000],
    ] as const) {
      const file = join(folder, 'long.pcap');
      const packets = millions * MILLION;
      const told = connections.toLocaleString('en');
      const name = `${millions},000,000 packets of ${told} connections, pcap`;
      if (!isAsked(name)) continue;
      makeCapture(file, { format: 'pcap', packets, each: packets / connections });
      const cost = await measure(folder, [process.execPath, PROGRAM, 'read', file]);
      process.stdout.write(`${name}\n`);
      say('  read', cost, null);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

await main();
