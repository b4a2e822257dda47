/** Random traffic of a World, and random harm done to its capture; the same for the same seed. */
import { randomizer } from '../decode/frames.js';
import { LINKS, type Form, type Shot } from './wire-packets.js';
import { KINDS, World, type Exchange, type Kind } from './wire-world.js';

const DEVICES = ['ext0', 'docker0', 'lo', 'veth2', 'veth3', 'veth9'];

export interface Play {
  readonly world: World;
  readonly shots: readonly Shot[];
  readonly form: Form;
}

type Random = (below: number) => number;

/** Look-alikes on purpose: few payloads, few ports, all within a few milliseconds. */
export function play(seed: number): Play {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const world = new World(random);
  const protocol = random(2) === 0 ? 'tcp' : 'udp';
  const mixed = random(3) === 0;
  const count = 1 + random(7);
  const kinds = [pick(random, KINDS), pick(random, KINDS), pick(random, KINDS)];
  const payloads = [Buffer.from('PING\r\n'), Buffer.from('GET /index.html HTTP/1.0\r\n\r\n')];
  const replies = [Buffer.from('+PONG\r\n'), Buffer.alloc(900, 'x')];
  const spread = [1, 100, 3_000, 50_000][random(4)] ?? 1;
  const isns = random(6) === 0;
  const bare = random(4) === 0;
  const samePort = random(3) === 0;
  const used = new Set<string>();
  for (let i = 0; i < count; i++) {
    const kind = mixed ? pick(random, KINDS) : (kinds[random(3)] ?? 'dnat');
    const which = random(5) === 0 ? random(2) : 0;
    const clientPort = (samePort ? 50_000 : 50_000 + random(3) * 10) + (random(3) === 0 ? 0 : i);
    const key = `${kind}|${clientPort}|${clientOf(kind)}`;
    if ([...used].some((one) => one.endsWith(`|${clientPort}|${clientOf(kind)}`))) continue;
    used.add(key);
    world.add({
      kind,
      protocol,
      clientPort,
      at: 1_000_000 + random(spread) * 1000,
      turns: listTurns(random, payloads[which], replies[which]),
      container: 2 + (random(3) === 0 ? 1 : 0),
      port: 6379,
      published: random(2) === 0 ? 6379 : 6380,
      end: (['closed', 'closed', 'open', 'refused'] as const)[random(4)] ?? 'closed',
      bare,
      ...(isns && random(2) === 0 && { isn: 1_000_000 }),
    });
  }
  return { world, shots: harm(random, world.shots), form: chooseForm(random) };
}

function listTurns(
  random: Random,
  request = Buffer.alloc(0),
  reply = Buffer.alloc(0),
): Exchange['turns'] {
  const count = 1 + random(4);
  const varied = random(2) === 0;
  const turns = Array.from({ length: count }, (_, turn) => {
    const more = Buffer.from(varied ? `${turn}` : '');
    return { request: Buffer.concat([request, more]), reply: Buffer.concat([reply, more]) };
  });
  return random(8) === 0 ? [{ request, reply: null }] : turns;
}

function clientOf(kind: Kind): string {
  const groups: Record<Kind, string> = {
    dnat: 'out',
    'relay-outside': 'out',
    routed: 'out',
    host: 'out',
    'relay-loopback': 'lo',
    'relay-bridge': 'app',
    bridged: 'app',
    hairpin: 'app',
    'own-address': 'host',
    'from-host': 'gw',
  };
  return groups[kind];
}

function harm(random: Random, all: readonly Shot[]): Shot[] {
  let shots = [...all].sort((a, b) => a.time - b.time);
  const share = random(3) === 0 ? 0 : random(10) / 10;
  shots = shots.filter(() => random(1000) / 1000 >= share);
  if (random(4) === 0) {
    const only = new Set(DEVICES.filter(() => random(2) === 0));
    shots = shots.filter(({ device }) => only.has(device));
  }
  if (random(5) === 0) shots = shots.slice(random(shots.length + 1));
  if (random(4) === 0) {
    shots = shots
      .map((shot) => ({ shot, at: shot.time + random(5_000_000) }))
      .sort((a, b) => a.at - b.at)
      .map(({ shot }) => shot);
  }
  // As far as the clocks of two processors are apart.
  if (random(5) === 0) shots = shots.map((shot) => ({ ...shot, time: shot.time + random(3_000) }));
  if (random(6) === 0) shots = shots.flatMap((shot) => [shot, shot]);
  return shots;
}

function chooseForm(random: Random): Form {
  const links = Object.keys(LINKS) as (keyof typeof LINKS)[];
  return {
    format: random(2) === 0 ? 'pcap' : 'pcapng',
    link: random(2) === 0 ? 'sll2' : (pick(random, links) ?? 'sll2'),
    big: random(3) === 0,
    nanoseconds: random(2) === 0,
    snaplen: [262_144, 262_144, 54, 66, 70, 96][random(6)] ?? 96,
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T;
}
