/** Whether a packet of 127.0.0.0/8 may be routed over a device, and how it ends where it may not. */
import { endJourney, type Journey } from './ends.js';
import { addressText, type Packet } from './packet.js';
import type { RuleRef } from './rule-index.js';
import type { World } from './world.js';

/** Null where the setting is not known. */
export function mayRouteLoopback(
  { settings: { routeLocalnet } }: World,
  device: Packet['outDevice'],
): boolean | null {
  if (routeLocalnet === null) return null;
  if (routeLocalnet.includes('all')) return true;
  return typeof device === 'string' && routeLocalnet.includes(device);
}

export function blockLoopback(
  packet: Packet,
  nat: RuleRef | null,
  allowed: boolean | null,
): Journey {
  const device = packet.outDevice ?? packet.inDevice;
  const named = typeof device === 'string' && !device.startsWith('(');
  const name = named ? device : "the container's bridge";
  const setting = named ? `net.ipv4.conf.${name}.route_localnet` : `route_localnet of ${name}`;
  if (allowed === null) {
    return endJourney(packet, nat, 'unknown', {
      why: `it depends on ${setting}, which is not known`,
      obstacles: [`${setting} would have to be 1`],
    });
  }
  return endJourney(packet, nat, 'dropped', {
    why: `a packet of 127.0.0.0/8 may not be routed over ${name}: route_localnet is 0`,
    obstacles: [`${setting} is 0`],
  });
}

/** A packet from loopback that a rule sends out of the host; null where that may go, or is none. */
export function checkLoopbackSource(
  world: World,
  packet: Packet,
  nat: RuleRef | null,
): Journey | null {
  if (!isLoopbackSource(packet)) return null;
  if (packet.family === 6) {
    return endJourney(packet, nat, 'dropped', {
      why: 'a rule sends it on, but nothing beyond the host talks with ::1: IPv6 has no route_localnet',
      obstacles: ['a packet from ::1 cannot be routed to a container'],
    });
  }
  const allowed = mayRouteLoopback(world, packet.outDevice);
  return allowed === true ? null : blockLoopback(packet, nat, allowed);
}

export function isLoopbackSource(packet: Packet): boolean {
  const source = addressText(packet.source);
  return source !== null && (source === '::1' || source.startsWith('127.'));
}
