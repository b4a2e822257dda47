/** Tests whether an address is in a range, even if only its owner is known. */
import {
  isEverything,
  isInRange,
  parseAddressNumber,
  parseRange,
  type AddressRange,
} from '../../model/range.js';
import { wonder, type Answer } from './doubt.js';
import type { PacketAddress } from './packet.js';
import { stripPrefix, type World } from './world.js';

export function testAddress(
  { ranges, mask }: { readonly ranges: readonly AddressRange[]; readonly mask?: bigint },
  address: PacketAddress,
  family: 4 | 6,
  world: World,
): Answer {
  const fitting = ranges.filter((range) => range.family === family);
  if (address.kind === 'exact') {
    const value = mask === undefined ? address.value : address.value & mask;
    return fitting.some((range) => isInRange(range, family, value));
  }
  if (mask !== undefined) return wonder({ code: 'single-bits' });
  if (fitting.some(isEverything)) return true;
  if (address.kind === 'own' && world.measured) {
    const inside = listOwnNumbers(world, family).map((value) =>
      fitting.some((range) => isInRange(range, family, value)),
    );
    if (new Set(inside).size === 1) return inside[0] === true;
  }
  const possible = fitting.filter((range) => !isInner(range, world));
  if (possible.length === 0) return false;
  return wonder({ code: 'address', of: address.kind === 'own' ? 'host' : 'client' });
}

/** Lists the host's own addresses without those of lo, which serve only the host itself. */
function listOwnNumbers(world: World, family: 4 | 6): bigint[] {
  return world.devices
    .filter(({ kind }) => kind !== 'loopback')
    .flatMap(({ networks }) =>
      networks.flatMap((one) => parseAddressNumber(stripPrefix(one)) ?? []),
    )
    .flatMap((number) => (number.family === family ? [number.value] : []));
}

const INNER = [
  ...['127.0.0.0/8', '::1', '224.0.0.0/4', '169.254.0.0/16', 'ff00::/8', 'fe80::/10', '0.0.0.0/32'],
].flatMap((text) => parseRange(text) ?? []);

/** Computed once per world: thousands of rules may ask. */
const innerOf = new WeakMap<World, readonly AddressRange[]>();

/**
 * Whether a range is loopback, multicast, link-local or in a network of the host's bridges: no client elsewhere has it.
 */
function isInner(range: AddressRange, world: World): boolean {
  let inner = innerOf.get(world);
  if (!inner) {
    const bridges = world.devices
      .filter(({ kind }) => kind === 'bridge' || kind === 'loopback')
      .flatMap(({ networks }) => networks.flatMap((network) => parseRange(network) ?? []));
    // Without measured devices, only rules tell of single addresses behind a bridge.
    const behind = world.measured
      ? []
      : world.routes
          .filter(({ device }) => isBridge(world, device))
          .flatMap(({ destination }) => parseRange(destination) ?? []);
    inner = [...INNER, ...bridges, ...behind];
    innerOf.set(world, inner);
  }
  return inner.some(
    ({ family, low, high }) => family === range.family && low <= range.low && high >= range.high,
  );
}

function isBridge({ devices }: World, name: string): boolean {
  return devices.some((device) => device.name === name && device.kind === 'bridge');
}
