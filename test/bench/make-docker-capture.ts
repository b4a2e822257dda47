/** The capture of a busy Docker host for the benchmark, as `tcpdump -i any` writes it: short connections, half by DNAT and half by docker-proxy. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { PLAIN, writeCapture, type Shot } from '../support/wire-packets.js';
import { World } from '../support/wire-world.js';
import { randomizer } from '../decode/frames.js';

/** Packets of one connection: ten segments, each seen at three devices. */
export const PACKETS_EACH = 30;
/** The published ports. */
export const PUBLISHED = { dnat: 8080, relay: 6380 } as const;
/** Nanoseconds between two connections. */
const APART = 300_000;
/** Connections that are made at a time, so that a file of any length needs little memory. */
const PIECE = 500;
/** Bytes of the header of a pcap. */
const HEADER = 24;
/** Every client's port comes again after so many connections. */
const CLIENT_PORTS = 25_000;

/** Writes a pcap of cooked frames (SLL2); the same bytes every time. The file is overwritten. */
export function makeDockerCapture(file: string, connections: number): void {
  const out = openSync(file, 'w');
  const random = randomizer(1);
  let waiting: Shot[] = [];
  for (let from = 0; from < connections; from += PIECE) {
    const until = Math.min(from + PIECE, connections);
    const world = new World(random, 32_768 + ((from / 2) % CLIENT_PORTS));
    for (let index = from; index < until; index++) addConnection(world, index);
    const all = [...waiting, ...world.shots].sort((a, b) => a.time - b.time);
    const end = until < connections ? until * APART : Infinity;
    waiting = all.filter(({ time }) => time >= end);
    const bytes = writeCapture([...FIRST, ...all.filter(({ time }) => time < end)], PLAIN);
    const skipped = from === 0 ? 0 : HEADER;
    // What names the devices is no packet of the file.
    writeSync(out, bytes, 0, HEADER - skipped);
    writeSync(out, bytes, HEADER + lengthOf(FIRST));
  }
  closeSync(out);
}

/** A shot of every device, so that each has the same number in every piece. */
const FIRST: readonly Shot[] = ['docker0', 'ext0', 'lo', 'veth2', 'veth3'].map((device) => ({
  time: 0,
  device,
  way: 'in',
  hardware: '02:00:00:00:00:02',
  bytes: Buffer.alloc(20, 0x45),
}));

function lengthOf(shots: readonly Shot[]): number {
  return writeCapture(shots, PLAIN).length - HEADER;
}

function addConnection(world: World, index: number): void {
  const isRelay = index % 2 === 1;
  const kind = !isRelay ? 'dnat' : index % 4 === 1 ? 'relay-outside' : 'relay-loopback';
  world.add({
    kind,
    protocol: 'tcp',
    at: index * APART,
    clientPort: 32_768 + (index % CLIENT_PORTS),
    container: isRelay ? 3 : 2,
    port: isRelay ? 6379 : 80,
    published: isRelay ? PUBLISHED.relay : PUBLISHED.dnat,
    turns: [
      {
        request: Buffer.from(`GET /items/${index} HTTP/1.1\r\nHost: shop.example\r\n\r\n`),
        reply: Buffer.from(
          `HTTP/1.1 200 OK\r\nContent-Length: 120\r\n\r\n${`${index} `.repeat(120).slice(0, 120)}`,
        ),
      },
    ],
  });
}
