/** Finds rules and settings that may keep neighbours from learning each other's hardware addresses. */
import { DISCOVERY, type Chain, type Discovery, type Hook } from '../../model/rules.js';
import { Undecidable } from './doubt.js';
import { placeRule, type TrialEnd } from './journey-end.js';
import { indexRules } from './inside.js';
import { createPacket, exactAddress, type TrialPacket } from './packet.js';
import { leaveOpen, type RouteStop } from './routing/stops.js';
import { readLargest } from './routing/sysctl.js';
import type { RuleRef } from './rule-index.js';
import { Walk } from './walk.js';
import { callsRules, type World } from './world.js';

type Device = TrialPacket['inDevice'];
type Way = 'in' | 'out' | 'across';

const HOOKS: Readonly<Record<Way, readonly Hook[]>> = {
  in: ['prerouting', 'input'],
  out: ['output', 'postrouting'],
  across: ['prerouting', 'forward', 'postrouting'],
};

/** The rule or policy that stops a message, however open conditions are answered. */
interface Lost {
  readonly by: RuleRef | null;
  readonly hook: Hook;
}

/** Results by device: they are the same for every connection. */
const known = new WeakMap<World, Map<Device, RouteStop | null>>();

/** Finds what may keep a host and its neighbours on a device from finding each other; null if nothing is known to. */
export function checkDiscovery(world: World, device: Device, family: 4 | 6): RouteStop | null {
  if (device === null || device === 'lo') return null;
  const mute = typeof device === 'string' ? checkArpUse(world, device, family) : null;
  if (mute || family === 4) return mute ?? checkArp(world);
  const found = known.get(world) ?? new Map<Device, RouteStop | null>();
  known.set(world, found);
  const told = found.get(device);
  if (told !== undefined) return told;
  const stop = findStop(world, device, ['in', 'out']);
  found.set(device, stop);
  return stop;
}

/** Checks settings that turn ARP or neighbour discovery off on a device. */
function checkArpUse({ routing }: World, device: string, family: 4 | 6): RouteStop | null {
  if (!routing) return null;
  const { facts, values } = routing;
  if (facts.links.some(({ name, noArp }) => name === device && noArp)) {
    return leaveOpen('discovery', { code: 'no-arp', device, ignores: false });
  }
  return family === 4 && readLargest(values, 'arp_ignore', device) === 8
    ? leaveOpen('discovery', { code: 'no-arp', device, ignores: true })
    : null;
}

/** ARP rules are not evaluated: if one may stop a message, it may stop any message. */
function checkArp({ rules: { tables } }: World): RouteStop | null {
  const table = tables.find(({ family, chains }) => family === 'arp' && chains.some(mayStop));
  if (!table) return null;
  const chain = table.chains.find(mayStop)?.name ?? '';
  return leaveOpen('discovery', { code: 'arp-rules', chain, table: table.name });
}

function mayStop({ policy, rules }: Chain): boolean {
  return (
    policy === 'drop' ||
    rules.some(({ steps }) =>
      steps.some(
        (step) =>
          step.kind === 'map' ||
          (step.kind === 'verdict' && /^(?:drop|reject|unknown)$/.test(step.verdict.do)),
      ),
    )
  );
}

/** Makes the end unknown if neighbours may not find each other: then nothing arrives. */
export function askNeighbours(end: TrialEnd, check: () => RouteStop | null): TrialEnd {
  if (end.end !== 'answered' && end.end !== 'refused') return end;
  const stop = check();
  if (!stop) return end;
  const why = { code: 'but', first: end.why, but: stop.why } as const;
  return { ...end, end: 'unknown', why, stop, obstacles: [] };
}

/**
 * Checks discovery between the host and the neighbour that it sends a packet to. A target on the device that the packet
 * came in on also asks its neighbour directly, unless a rule has changed the source.
 */
export function checkDiscoveryBeyond(world: World, packet: TrialPacket): RouteStop | null {
  const { inDevice, outDevice, snat, family } = packet;
  const across = inDevice === outDevice && !snat && typeof outDevice === 'string';
  return (
    checkDiscovery(world, outDevice, family) ??
    (across ? checkDiscoveryAcross(world, outDevice, family) : null)
  );
}

/** Checks discovery between two neighbours on ports of a bridge. */
export function checkDiscoveryAcross(
  world: World,
  bridge: string,
  family: 4 | 6,
): RouteStop | null {
  if (family === 4) return null;
  return findStop(world, bridge, ['across']);
}

function findStop(world: World, device: Device, ways: readonly Way[]): RouteStop | null {
  for (const way of ways) {
    for (const message of DISCOVERY) {
      const lost = send(world, device, way, message);
      if (!lost) continue;
      return leaveOpen('discovery', {
        code: 'discovery-stopped',
        by: placeRule(lost.by),
        place: lost.hook.toUpperCase(),
        message,
        device: typeof device === 'string' ? device : null,
      });
    }
  }
  return null;
}

/** Returns null if the message gets through, or might. */
function send(world: World, device: Device, way: Way, message: Discovery): Lost | null {
  let lost: Lost | null = null;
  // Try both answers to every open condition.
  for (const answer of [true, false]) {
    const walk = new Walk(world, indexRules(world), () => answer);
    try {
      lost = walkAll(walk, world, { device, way, message });
    } catch (error) {
      if (!(error instanceof Undecidable)) throw error;
      return null;
    }
    if (!lost) return null;
  }
  return lost;
}

function walkAll(
  walk: Walk,
  world: World,
  { device, way, message }: { device: Device; way: Way; message: Discovery },
): Lost | null {
  const other = { kind: 'elsewhere' } as const;
  const group = exactAddress('ff02::1:ff00:1');
  const packet = createPacket({
    family: 6,
    protocol: 'udp',
    icmp: true,
    discovery: message,
    source: way === 'out' ? { kind: 'own' } : other,
    destination: message === 'solicitation' ? group : way === 'in' ? { kind: 'own' } : other,
    destinationPort: 0,
    tracking: 'untracked',
    inDevice: way === 'out' ? null : device,
    outDevice: way === 'in' ? null : device,
  });
  if (way === 'across') {
    const crossed = walk.cross({ ...packet });
    if (crossed) return { by: crossed.by, hook: 'forward' };
    if (typeof device === 'string' && callsRules(world, device, 6) !== true) return null;
  }
  for (const hook of HOOKS[way]) {
    const { verdict, by } = walk[way === 'across' ? 'runHook' : 'run'](hook, packet, false);
    if (verdict !== 'accept') return { by, hook };
  }
  return null;
}
