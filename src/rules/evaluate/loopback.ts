/** Whether a packet of 127.0.0.0/8 may be routed over a device, and how it ends where it may not. */
import { endJourney, type Journey } from './ends.js';
import type { Packet } from './packet.js';
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
