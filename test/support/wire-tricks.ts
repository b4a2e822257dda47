/** Misleading traffic beside a world's own: copies, storms of few bytes, tunnels, files of other days. From a seed. */
import { randomizer } from '../decode/frames.js';
import { carry, fragment, PLAIN, writeCapture, type Form, type Shot } from './wire-packets.js';
import { World, type Exchange, type Kind, type Truth } from './wire-world.js';

export interface Tricked {
  readonly files: readonly Buffer[];
  readonly truths: readonly Truth[];
  readonly tricks: readonly string[];
}

type Random = (below: number) => number;
type Shots = readonly Shot[];

const MS = 1_000_000;
const HOUR = 3_600_000 * MS;
const STORM: readonly Kind[] = ['relay-outside', 'from-host', 'host', 'relay-loopback', 'bridged'];
const USUAL: readonly Kind[] = ['dnat', 'relay-outside', 'routed', 'host', 'from-host', 'hairpin'];

/** A world, and what was done to its capture; every verdict must still be true of the world. */
export function playTricks(seed: number): Tricked {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const world = new World(random);
  const isStorm = random(3) === 0;
  fill(world, random, isStorm);
  const tricks = [isStorm ? 'storm' : 'usual'];
  // Late enough that a clock that is behind leaves no time before the first.
  let shots = sort(world.shots).map((shot) => moved(shot, 3 * HOUR));
  const use = (chance: number, name: string): boolean => {
    const used = random(chance) === 0;
    if (used) tricks.push(name);
    return used;
  };
  const others: Shots[] = [];
  // First: a copy of a packet that is lost looks like what it claims to be, and nobody could tell.
  if (use(4, 'loss')) shots = shots.filter(() => random(5) > 0);
  if (use(2, 'copy')) shots = sort([...shots, ...copyDevice(shots, random)]);
  if (use(3, 'another day')) others.push(ofAnotherDay(shots, random));
  if (use(4, 'two files')) {
    const skew = (random(120) - 60) * 60_000 * MS;
    const timeless = use(6, 'no times');
    const clock = (shot: Shot): Shot => (timeless ? { ...shot, time: 0 } : moved(shot, skew));
    others.push(shots.filter(isInside).map(clock));
    shots = shots.filter((shot) => !isInside(shot));
  }
  if (use(4, 'tunnel')) shots = shots.map((shot) => (shot.device === 'ext0' ? wrap(shot) : shot));
  if (use(4, 'fragments')) shots = shots.flatMap((shot) => cut(shot));
  if (use(5, 'one direction')) shots = shots.filter(({ way }) => way === 'in');
  const form: Form = { ...PLAIN, nanoseconds: true, link: random(3) === 0 ? 'ethernet' : 'sll2' };
  const files = [shots, ...others].filter(({ length }) => length > 0);
  return { files: files.map((file) => writeCapture(file, form)), truths: world.truths, tricks };
}

function fill(world: World, random: Random, isStorm: boolean): void {
  const count = isStorm ? 10 + random(20) : 1 + random(4);
  const kinds = isStorm ? STORM : USUAL;
  const few = random(2) === 0 ? kinds.slice(0, 3) : kinds;
  for (let i = 0; i < count; i++) {
    const own = Array.from({ length: 40 }, () => random(1e9).toString(36)).join('');
    const exchange: Exchange = {
      kind: few[random(few.length)] ?? 'host',
      protocol: !isStorm && random(4) === 0 ? 'udp' : 'tcp',
      at: MS + random(isStorm ? 4_000 : 200_000) * 1000,
      turns: Array.from({ length: 1 + random(3) }, () => ({
        request: Buffer.from(isStorm ? 'PING\r\n' : `GET /${own.slice(0, 60)}\r\n\r\n`),
        reply: Buffer.from(isStorm ? '+PONG\r\n' : own),
      })),
      clientPort: 45_000 + i,
      container: 2,
      port: 6379,
      published: 6380,
      end: random(4) === 0 ? 'open' : 'closed',
    };
    world.add(exchange);
  }
}

function sort(shots: Shots): Shot[] {
  return [...shots].sort((a, b) => a.time - b.time);
}

const isInside = ({ device }: Shot): boolean => device === 'docker0' || device.startsWith('veth');
const moved = (shot: Shot, by: number): Shot => ({ ...shot, time: shot.time + by });

/** One device's packets once more, under other addresses: edited, anonymised, replayed through a router. */
function copyDevice(shots: Shots, random: Random): Shot[] {
  const devices = [...new Set(shots.map(({ device }) => device))];
  const device = devices[random(devices.length)];
  const later = [0, 3_000, 700_000, 700 * MS][random(4)] ?? 0;
  const lower = random(2);
  const both = random(2) === 0;
  const to = random(3) === 0 ? 'copy0' : (device ?? '');
  return shots
    .filter((shot) => shot.device === device && (shot.bytes[0] ?? 0) >> 4 === 4)
    .map((shot) => {
      const bytes = Buffer.from(shot.bytes);
      bytes[8] = (bytes[8] ?? 64) - lower;
      // The larger port is the client's; its answers come to it.
      const out = bytes.readUInt16BE(20) < bytes.readUInt16BE(22);
      const [server, client] = out ? [12, 16] : [16, 12];
      bytes.writeUInt32BE(0x0a090909, server);
      if (both) bytes.writeUInt32BE(0x0a080807, client);
      return { ...moved(shot, later), device: to, bytes };
    });
}

/** What another capture would hold of the same kind, with everything as it was but the addresses and the day. */
function ofAnotherDay(shots: Shots, random: Random): Shot[] {
  const days = 24 * (1 + random(700)) * HOUR;
  return copyDevice(shots, random).map((shot) => moved(shot, days));
}

function wrap(shot: Shot): Shot {
  const back = shot.way === 'out';
  const ends = back
    ? { from: '192.0.2.2', to: '192.0.2.1' }
    : { from: '192.0.2.1', to: '192.0.2.2' };
  return { ...shot, bytes: carry(shot.bytes, { kind: 'vxlan', id: 7, ...ends }) };
}

function cut(shot: Shot): Shot[] {
  const isBig = shot.bytes.length > 120 && (shot.bytes[0] ?? 0) >> 4 === 4;
  return isBig ? fragment(shot.bytes, 80).map((bytes) => ({ ...shot, bytes })) : [shot];
}
