/** Decides whether a packet from or to 127.0.0.0/8 may be routed over a device, and how it ends if not. */
import { endJourney, type TrialEnd } from './journey-end.js';
import { addressText, type TrialPacket } from './packet.js';
import type { RuleRef } from './rule-index.js';
import type { World } from './world.js';

/** Returns null if the setting is unknown. */
export function mayRouteLoopback(
  { settings: { routeLocalnet } }: World,
  device: TrialPacket['outDevice'],
): boolean | null {
  if (routeLocalnet === null) return null;
  if (routeLocalnet.includes('all')) return true;
  return typeof device === 'string' && routeLocalnet.includes(device);
}

export function blockLoopback(
  packet: TrialPacket,
  nat: RuleRef | null,
  allowed: boolean | null,
): TrialEnd {
  const on = packet.outDevice ?? packet.inDevice;
  const device = typeof on === 'string' && !on.startsWith('(') ? on : null;
  if (allowed === null) {
    return endJourney(packet, nat, 'unknown', {
      why: { code: 'localnet-unknown', device },
      obstacles: [{ code: 'localnet-needed', device }],
    });
  }
  return endJourney(packet, nat, 'dropped', {
    why: { code: 'localnet-bars', device },
    obstacles: [{ code: 'localnet-off', device }],
  });
}

/**
 * Ends a packet with a loopback source that a rule sends out of the host; null if it may leave or has another source.
 */
export function checkLoopbackSource(
  world: World,
  packet: TrialPacket,
  nat: RuleRef | null,
): TrialEnd | null {
  if (!isLoopbackSource(packet)) return null;
  if (packet.family === 6) {
    return endJourney(packet, nat, 'dropped', {
      why: { code: 'loopback6' },
      obstacles: [{ code: 'loopback6-unrouted' }],
    });
  }
  const allowed = mayRouteLoopback(world, packet.outDevice);
  return allowed === true ? null : blockLoopback(packet, nat, allowed);
}

export function isLoopbackSource(packet: TrialPacket): boolean {
  const source = addressText(packet.source);
  return source !== null && (source === '::1' || source.startsWith('127.'));
}
