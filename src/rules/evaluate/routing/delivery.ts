/** Checks what lies between the host's routing and the owner of the address: gateways, bridges, ports, neighbours. */
import type { Reason } from '../../../model/reason.js';
import { findContainerAt } from '../deliver.js';
import { addressText, type TrialPacket } from '../packet.js';
import { isInNetwork } from '../../../model/range.js';
import { callsRules, stripPrefix, type World, type WorldContainer } from '../world.js';
import {
  checkForwarding,
  checkNeighbour,
  checkPort,
  findPortProgram,
  findProgram,
  findWire,
  isStacked,
} from './link.js';
import { checkPresence } from './segment.js';
import type { Ask } from './lookup.js';
import type { Leaving } from './router.js';
import { doubt, drop, type RouteStop } from './stops.js';

/** Checks the link from a device of the host to a container; null if nothing is known to be in the way. */
export function checkLink(
  world: World,
  { device, gateway }: Leaving,
  to: string,
  container: WorldContainer | null,
): RouteStop | null {
  const facts = world.routing?.facts;
  if (!facts || typeof device !== 'string') return null;
  const program = findProgram(facts, device, 'egress');
  if (program || !container) return program;
  const { name, places } = container;
  if (gateway !== null) {
    return doubt({ code: 'by-gateway', to, device, gateway, container: name });
  }
  const wire = findWire(world, container, to);
  const bridge =
    wire?.outer?.master ?? places.find(({ address }) => address === to)?.bridge ?? null;
  if (wire?.outer && isStacked(wire.inner)) {
    const { kind, mode } = wire.inner;
    const what = { container: name, kind: kind ?? 'macvlan', on: wire.outer.name };
    if (wire.outer.name !== device) {
      const problem = { kind: 'routed-elsewhere', to, device } as const;
      return doubt({ code: 'stacked', ...what, problem });
    }
    if (mode === 'vepa') return doubt({ code: 'stacked', ...what, problem: { kind: 'vepa' } });
    return drop('macvlan', { code: 'stacked', ...what, problem: { kind: 'own-host' } });
  }
  if (bridge !== null && bridge !== device) {
    return doubt({ code: 'other-bridge', to, device, container: name, bridge });
  }
  if (!wire) return checkPresence(world, container, to);
  if (!wire.outer) return null;
  if (!wire.inner.up) {
    return drop('bridge-port', {
      code: 'inner-down',
      device: wire.inner.name,
      container: name,
    });
  }
  return (
    checkPort(facts, wire.outer, 'to') ??
    checkForwarding(facts, wire) ??
    checkNeighbour(facts, device, to, wire.inner.address)
  );
}

/** Checks whether the answer to a real client leaves by the device that the request came in on. */
export function checkLeaving(
  world: World,
  { device, gateway }: Leaving,
  packet: TrialPacket,
  ask: Ask,
): RouteStop | null {
  const { clientDevice, client } = packet;
  if (clientDevice === null || typeof device !== 'string') return null;
  if (device !== clientDevice) {
    return doubt({ code: 'leaves-by', device, cameBy: clientDevice });
  }
  const facts = world.routing?.facts;
  if (!facts) return null;
  const program = findProgram(facts, device, 'egress') ?? findPortProgram(facts, device, 'egress');
  if (program) return program;
  const text = addressText(client);
  const strange = findDetour(world, { device, gateway }, text, ask);
  if (strange !== null) return doubt({ code: 'strange-gateway', gateway: strange, device });
  if (text !== null) {
    const neighbour = gateway === null ? findContainerAt(world, text) : null;
    const own = neighbour && findWire(world, neighbour, text);
    return checkNeighbour(facts, device, gateway ?? text, own?.inner.address ?? null);
  }
  const fixed = facts.neighbours.find(
    (entry) =>
      entry.device === device && entry.state.includes('PERMANENT') && entry.lladdr !== null,
  );
  if (!fixed || !ask({ code: 'fixed-neighbour', address: fixed.address, device })) return null;
  return checkNeighbour(facts, device, fixed.address, null);
}

/** Finds the gateway that a route to a client on the link goes by: a client on the link needs none. */
function findDetour(
  { routing, devices }: World,
  { device, gateway }: Pick<Leaving, 'gateway'> & { readonly device: string },
  client: string | null,
  ask: Ask,
): string | null {
  const networks = devices.find(({ name }) => name === device)?.networks ?? [];
  const isNear = (address: string): boolean =>
    networks.some((network) => isInNetwork(address, network));
  if (client !== null) return gateway !== client && isNear(client) ? gateway : null;
  for (const { type, destination, hops } of routing?.facts.routes ?? []) {
    const hop = hops.find((one) => one.device === device && one.gateway !== null);
    if (type !== 'unicast' || !hop || !isNear(stripPrefix(destination))) continue;
    if (ask({ code: 'client-in-network', network: destination })) return hop.gateway;
  }
  return null;
}

/** A reply that the bridge hands straight to the client never meets the connection's NAT. */
export function checkReturn(
  world: World,
  packet: TrialPacket,
  bridge: string,
  dialled: string | null,
): { why: Reason; obstacles: Reason[] } | null {
  if (!packet.dnat || packet.snat || packet.outDevice !== bridge) return null;
  const source = addressText(packet.source);
  if (source !== null && source === addressText(packet.destination)) {
    return {
      why: { code: 'from-own-address', address: source },
      obstacles: [{ code: 'own-port-unmasked' }],
    };
  }
  if (callsRules(world, bridge, packet.family) !== false) return null;
  const { family } = packet;
  return {
    why: { code: 'straight-reply', bridge, dialled },
    obstacles: [{ code: 'replies-untranslated', bridge, family }],
  };
}

/**
 * Checks a packet that goes back by the bridge port that it came in on. Where bridged packets meet the rules, the
 * bridge itself sends it back, and only a port in hairpin mode allows that.
 */
export function checkHairpin(
  world: World,
  packet: TrialPacket,
  container: WorldContainer | null,
): RouteStop | null {
  const to = addressText(packet.destination);
  const { userlandProxy } = world;
  const port = container && to !== null ? (findWire(world, container, to)?.outer ?? null) : null;
  const calls = port ? callsRules(world, port.master ?? '', packet.family) : null;
  if (port?.port) {
    if (calls === false || port.port.hairpin) return null;
    if (calls === true) return drop('bridge-port', { code: 'no-hairpin', port: port.name });
  }
  // Docker sets its bridge ports to hairpin mode if there is no docker-proxy; others may not.
  if (userlandProxy === false) return null;
  return doubt({ code: 'hairpin-unknown' });
}
