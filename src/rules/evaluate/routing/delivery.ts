/** What stands between the host's routing and the one who has the address: gateways, bridges, ports, neighbours. */
import { findContainerAt } from '../deliver.js';
import { addressText, type Packet } from '../packet.js';
import { callsRules, type World, type WorldContainer } from '../world.js';
import { checkNeighbour, checkPort, findProgram, findWire, isStacked } from './link.js';
import type { Ask } from './lookup.js';
import type { Way } from './router.js';
import type { Stop } from './stops.js';

type Leaving = Extract<Way, { kind: 'device' }>;

/** From a device of the host to a container; null where nothing is known to be in the way. */
export function checkLink(
  world: World,
  { device, gateway }: Leaving,
  to: string,
  container: WorldContainer | null,
): Stop | null {
  const facts = world.routing?.facts;
  if (!facts || typeof device !== 'string') return null;
  const program = findProgram(facts, device, 'egress');
  if (program || !container) return program;
  const { name, places } = container;
  if (gateway !== null) {
    return doubt(
      `the route to ${to} leads by ${device} to the gateway ${gateway}, and not to ${name} itself`,
    );
  }
  const wire = findWire(world, container, to);
  const bridge =
    wire?.outer?.master ?? places.find(({ address }) => address === to)?.bridge ?? null;
  if (wire?.outer && isStacked(wire.inner)) {
    const { kind, mode } = wire.inner;
    const what = `${name} is a ${kind ?? 'macvlan'} on ${wire.outer.name}`;
    if (wire.outer.name !== device)
      return doubt(`${what}, and the route to ${to} leads by ${device}`);
    if (mode === 'vepa') return doubt(`${what} in mode vepa, so what the switch does decides`);
    const why = `${what}, which its own host does not reach`;
    return { code: 'macvlan', end: 'dropped', why, obstacle: why };
  }
  if (bridge !== null && bridge !== device) {
    return doubt(`the route to ${to} leads by ${device}, and ${name} is on ${bridge}`);
  }
  if (!wire?.outer) return null;
  if (!wire.inner.up) {
    const why = `${wire.inner.name} of ${name} is down`;
    return { code: 'bridge-port', end: 'dropped', why, obstacle: why };
  }
  return (
    checkPort(facts, wire.outer, 'to') ?? checkNeighbour(facts, device, to, wire.inner.address)
  );
}

/** Whether the answer leaves by the device that the request came by, for a client that is really there. */
export function checkLeaving(
  world: World,
  { device, gateway }: Leaving,
  packet: Packet,
  ask: Ask,
): Stop | null {
  const { clientDevice, client } = packet;
  if (clientDevice === null || typeof device !== 'string') return null;
  if (device !== clientDevice) {
    return doubt(`it leaves by ${device}, and the request came in on ${clientDevice}`);
  }
  const facts = world.routing?.facts;
  if (!facts) return null;
  const program = findProgram(facts, device, 'egress');
  if (program) return program;
  const text = addressText(client);
  if (text !== null) {
    const neighbour = gateway === null ? findContainerAt(world, text) : null;
    const own = neighbour && findWire(world, neighbour, text);
    return checkNeighbour(facts, device, gateway ?? text, own?.inner.address ?? null);
  }
  const fixed = facts.neighbours.find(
    (entry) =>
      entry.device === device && entry.state.includes('PERMANENT') && entry.lladdr !== null,
  );
  if (
    !fixed ||
    !ask(`whether the client is ${fixed.address}, whose neighbour entry on ${device} is permanent`)
  )
    return null;
  return checkNeighbour(facts, device, fixed.address, null);
}

/** A reply that the bridge hands straight to the client never meets the connection's NAT. */
export function checkReturn(
  world: World,
  packet: Packet,
  bridge: string,
  dialled: string | null,
): { why: string; obstacles: string[] } | null {
  if (!packet.dnat || packet.snat || packet.outDevice !== bridge) return null;
  const source = addressText(packet.source);
  if (source !== null && source === addressText(packet.destination)) {
    return {
      why: `the container would get a packet from its own address ${source}, and drops it`,
      obstacles: ['no rule masquerades what a container sends to its own published port'],
    };
  }
  if (callsRules(world, bridge, packet.family) !== false) return null;
  const setting = `net.bridge.bridge-nf-call-ip${packet.family === 4 ? '' : '6'}tables`;
  return {
    why: `the reply would come straight over ${bridge} from another address than ${dialled ?? 'the one dialled'}`,
    obstacles: [`${setting} is off, so replies inside ${bridge} are not translated back`],
  };
}

/**
 * What goes back by the port of a bridge that it came from: where bridged packets meet the rules, the bridge itself hands
 * it back, and only a port in hairpin mode lets it.
 */
export function checkHairpin(
  world: World,
  packet: Packet,
  container: WorldContainer | null,
): Stop | null {
  const to = addressText(packet.destination);
  const { userlandProxy } = world;
  const port = container && to !== null ? (findWire(world, container, to)?.outer ?? null) : null;
  const calls = port ? callsRules(world, port.master ?? '', packet.family) : null;
  if (port?.port) {
    if (calls === false || port.port.hairpin) return null;
    if (calls === true) {
      const why = `it would have to go back by ${port.name}, the port that it came from, which is not in hairpin mode`;
      return { code: 'bridge-port', end: 'dropped', why, obstacle: why };
    }
  }
  // Docker lets frames return by the port that they came from where there is no docker-proxy; others may not.
  if (userlandProxy === false) return null;
  return doubt(
    'it would have to go back by the port of the bridge that it came from, and whether that port is in hairpin mode is not known',
  );
}

export function doubt(why: string): Stop {
  return { code: 'elsewhere', end: 'unknown', why, obstacle: null };
}
