/** Lists the places from which a published port is dialled, and the address that each one dials. */
import type { Vantage } from '../../model/explain.js';
import type { Client } from '../../model/forecast.js';
import { isInNetwork } from '../../model/range.js';
import type { PortMapping } from '../../model/target.js';
import type { Start } from './start.js';
import {
  familyOf,
  findBridgeOf,
  stripPrefix,
  type World,
  type WorldContainer,
  type WorldDevice,
} from './world.js';

export interface Attempt {
  readonly vantage: Vantage;
  readonly from: Client;
  readonly start: Start;
}

/** A port mapping, and the container behind it if known. */
export interface WayIn {
  readonly mapping: PortMapping;
  readonly container: WorldContainer | null;
  /** The address of the client elsewhere, if it matters. */
  readonly client: string | null;
}

/** Every attempt that this host's devices and containers make possible. */
export function listAttempts(world: World, way: WayIn): Attempt[] {
  return [...listOutside(world, way), ...listFromHost(world, way), ...listInside(world, way)];
}

function listOutside(world: World, { mapping, client }: WayIn): Attempt[] {
  const near = client === null ? null : findNear(world, client);
  // A neighbour comes in by the device whose link it is on, whichever of the host's addresses it dials.
  const outer = listOuter(world).map((one) => (near === null ? one : { ...one, device: near }));
  const fields = { protocol: mapping.protocol, port: mapping.listens.port };
  const attempts = outer
    .filter(({ address }) => client === null || familyOf(client) === familyOf(address))
    .map(({ device, address }) =>
      attempt(
        'outside',
        { kind: 'outside' },
        {
          ...fields,
          family: familyOf(address),
          to: address,
          by: { kind: 'outside', device, source: client },
        },
      ),
    );
  const inner = mapping.target;
  const entry = outer.find(({ address }) => familyOf(address) === familyOf(inner.address));
  const reaches = client === null || familyOf(client) === familyOf(inner.address);
  if (entry && reaches && isContainerSide(mapping)) {
    const by = { kind: 'outside', device: entry.device, source: client } as const;
    const straight = { protocol: mapping.protocol, port: inner.port, to: inner.address };
    const family = familyOf(inner.address);
    attempts.push(attempt('container-address', { kind: 'outside' }, { ...straight, family, by }));
  }
  if (attempts.length > 0 || world.measured) return attempts;
  const published = mapping.listens.address;
  const family = familyOf(published);
  const exact = !isAny(published) && !isLoop(published) ? published : null;
  const by = { kind: 'outside', device: null, source: client } as const;
  return [attempt('outside', { kind: 'outside' }, { ...fields, family, to: exact, by })];
}

function listFromHost(world: World, { mapping }: WayIn): Attempt[] {
  const { protocol, listens, target } = mapping;
  const dial = (vantage: Vantage, to: string | null, port = listens.port): Attempt =>
    attempt(
      vantage,
      { kind: 'host' },
      {
        protocol,
        port,
        to,
        family: to === null ? familyOf(listens.address) : familyOf(to),
        by: { kind: 'host' },
      },
    );
  const bridge = findBridgeOf(world, target.address);
  const outer = listOuter(world);
  const own = [
    ...outer.map(({ address }) => address),
    ...(bridge?.networks ?? []).map(stripPrefix).filter((address) => !isLinkLocal(address)),
  ];
  const published = listens.address;
  const special = isLoop(published) && published !== '127.0.0.1' && published !== '::1';
  return [
    dial('loopback', special ? published : '127.0.0.1'),
    ...[...new Set(own)].map((address) => dial('own-address', address)),
    // A host that was not measured has some address of its own.
    ...(outer.length > 0 || world.measured ? [] : [dial('own-address', null)]),
    dial('loopback6', '::1'),
    ...(isContainerSide(mapping) ? [dial('container-address', target.address, target.port)] : []),
  ];
}

function listInside(world: World, { mapping, container }: WayIn): Attempt[] {
  const { protocol, listens, target } = mapping;
  const bridge = findBridgeOf(world, target.address);
  if (!bridge || !isContainerSide(mapping)) return [];
  const family = familyOf(target.address);
  const outer = listOuter(world).find(({ address }) => familyOf(address) === family)?.address;
  const gateway = addressOf(bridge, family);
  const published = listens.address;
  const exact = !isAny(published) && !isLoop(published) ? published : null;
  const attempts: Attempt[] = [];
  const dial = (
    vantage: Vantage,
    who: Omit<Member, 'hypothetical'>,
    to: string | null,
    port = listens.port,
  ): void => {
    if (to === null || familyOf(to) !== familyOf(who.address)) return;
    const by = { kind: 'container', bridge: who.bridge, address: who.address } as const;
    attempts.push(attempt(vantage, who.client, { protocol, port, to, family: familyOf(to), by }));
  };
  const neighbour = findMember(world, bridge, container, family);
  const self = {
    client: { kind: 'container', name: container?.name ?? target.address } as const,
    bridge: bridge.name,
    address: target.address,
  };
  const stranger = world.devices
    .filter(({ kind, name }) => kind === 'bridge' && name !== bridge.name)
    .flatMap((other) => findMember(world, other, container, family) ?? [])
    .sort((a, b) => Number(a.hypothetical) - Number(b.hypothetical))[0];
  if (neighbour) dial('same-bridge', neighbour, exact ?? gateway);
  // Nobody dials from an address that nobody has.
  if (container || !world.measured) dial('self', self, exact ?? gateway);
  if (stranger) dial('other-bridge', stranger, exact ?? outer ?? gateway);
  if (neighbour) dial('container-address', neighbour, target.address, target.port);
  if (stranger) dial('container-address', stranger, target.address, target.port);
  return attempts;
}

interface Member {
  readonly client: Client;
  readonly bridge: string;
  readonly address: string;
  readonly hypothetical: boolean;
}

/** Finds a container on this bridge other than the target, or imagines one. */
function findMember(
  world: World,
  bridge: WorldDevice,
  not: WorldContainer | null,
  family: 4 | 6,
): Member | null {
  const taken = new Set(world.containers.flatMap(({ places }) => places.map((p) => p.address)));
  for (const container of world.containers) {
    if (container === not || isBeside(container, not)) continue;
    const place = container.places.find(
      ({ address, bridge: own }) =>
        familyOf(address) === family && (own ?? findBridgeOf(world, address)?.name) === bridge.name,
    );
    if (!place) continue;
    const client = { kind: 'container', name: container.name } as const;
    return { client, bridge: bridge.name, address: place.address, hypothetical: false };
  }
  const own = addressOf(bridge, family);
  if (own === null) return null;
  const address = listNear(own).find((candidate) => candidate !== own && !taken.has(candidate));
  const client = { kind: 'imagined-container', bridge: bridge.name } as const;
  return address === undefined
    ? null
    : { client, bridge: bridge.name, address, hypothetical: true };
}

/** Whether both share a namespace, as the containers of a pod do: they have the same addresses. */
function isBeside({ places }: WorldContainer, other: WorldContainer | null): boolean {
  return places.some(({ address, bridge }) =>
    other?.places.some((place) => place.address === address && place.bridge === bridge),
  );
}

/** Lists addresses that differ only in their last part and are hardly ever given out. */
function listNear(address: string): string[] {
  const separator = address.includes(':') ? ':' : '.';
  const head = address.slice(0, address.lastIndexOf(separator) + 1);
  const tails = separator === '.' ? ['14', '13', '12', '6', '5', '4', '3'] : ['fffe', 'fffd', 'e'];
  return tails.map((tail) => head + tail);
}

function addressOf(device: WorldDevice, family: 4 | 6): string | null {
  const network = device.networks.find((text) => familyOf(text) === family && !isLinkLocal(text));
  return network === undefined ? null : stripPrefix(network);
}

/** Finds the outer device on whose link an address is; null for none. */
function findNear(world: World, address: string): string | null {
  const own = world.devices.find(
    ({ kind, networks }) =>
      kind === 'outside' && networks.some((network) => isInNetwork(address, network)),
  );
  return own?.name ?? null;
}

/** Lists the addresses that others can dial: those on devices that are neither loopback nor a bridge of containers. */
function listOuter(world: World): { device: string; address: string }[] {
  return world.devices
    .filter(({ kind }) => kind === 'outside')
    .flatMap(({ name, networks }) =>
      networks
        .map(stripPrefix)
        .filter((address) => !isLinkLocal(address) && !isLoop(address))
        .map((address) => ({ device: name, address })),
    );
}

/** Whether the target is behind the host, not the host itself. */
function isContainerSide({ target }: PortMapping): boolean {
  return !isAny(target.address) && !isLoop(target.address);
}

function attempt(vantage: Vantage, from: Client, start: Start): Attempt {
  return { vantage, from, start };
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function isLoop(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function isLinkLocal(address: string): boolean {
  return /^fe80:/i.test(address) || address.startsWith('169.254.');
}
