/** Finds the ports and containers behind the port drivers of rootless engines. */
import type { Endpoint } from './address.js';
import type { Protocol } from './event.js';
import { findResident, findServing, listResidents } from './residents.js';
import type { Container, PortDriver, Topology } from './topology.js';

export interface Behind {
  /** Ports inside that a driver may lead to. */
  readonly ports: readonly number[];
  /** Containers that it leads to, where that is certain. */
  readonly containers: readonly Container[];
}

/** Finds what lies behind those of the asked ports that a driver listens on. */
export function findBehind(
  topology: Topology,
  asked: readonly number[],
  protocol: Protocol | 'all',
): Behind {
  const found = (topology.drivers ?? []).flatMap((driver) =>
    topology.listeners
      .filter(
        (one) =>
          one.namespace === topology.host &&
          one.pid === driver.pid &&
          asked.includes(one.local.port) &&
          (protocol === 'all' || one.protocol === protocol),
      )
      .map((one) => listInner(topology, driver, one.protocol, one.local.port)),
  );
  return {
    ports: found.flatMap(({ ports }) => ports),
    containers: found.flatMap(({ containers }) => containers),
  };
}

/** A driver that does not say where it leads may lead to every open port behind it. */
function listInner(
  topology: Topology,
  driver: PortDriver,
  protocol: Protocol,
  port: number,
): Behind {
  const told = findInnerPort(driver, protocol, port);
  const open = listOpen(topology, driver, protocol);
  const container = findContainerBehind(topology, driver, { protocol, port });
  return { ports: told === null ? open : [told], containers: container ? [container] : [] };
}

/** The port that the driver's arguments name for a port of the host. */
function findInnerPort({ ports }: PortDriver, protocol: Protocol, port: number): number | null {
  const found = ports.find((one) => one.protocol === protocol && one.hostPort === port);
  return found?.containerPort ?? null;
}

/** Ports that others can reach in the namespaces behind it. */
function listOpen({ listeners }: Topology, driver: PortDriver, protocol: Protocol): number[] {
  return listeners
    .filter(
      (one) =>
        driver.namespaces.includes(one.namespace) &&
        one.protocol === protocol &&
        !one.local.address.startsWith('127.') &&
        one.local.address !== '::1',
    )
    .map(({ local }) => local.port);
}

/** The only container behind a driver, or the one of several whose process listens at the port that it names. */
export function findContainerBehind(
  topology: Topology,
  driver: PortDriver,
  { protocol, port }: { protocol: Protocol; port: number },
): Container | null {
  const [namespace, ...more] = driver.namespaces;
  if (namespace === undefined || more.length > 0) return null;
  const inner = findInnerPort(driver, protocol, port);
  if (inner !== null) return findResident(topology, namespace, { protocol, port: inner });
  const [only, ...others] = listResidents(topology, namespace);
  return others.length === 0 ? (only ?? null) : null;
}

/**
 * Finds the container behind rootlesskit and docker-proxy: docker-proxy listens on the same port in the engine's
 * namespace and leads to a container that is wired to that namespace. The address alone is not enough, because another
 * engine may have assigned it too.
 */
function findChained(
  { relays, namespaces, containers, listeners }: Topology,
  driver: PortDriver,
  { protocol, port }: { protocol: Protocol; port: number },
): (Endpoint & { readonly name: string }) | null {
  const found = relays.flatMap(({ namespace, protocol: own, listens, target }) => {
    const here = namespace !== undefined && driver.namespaces.includes(namespace);
    if (!here || own !== protocol || listens.port !== port || target === null) return [];
    const owner = containers.find(
      (one) =>
        one.networks.some(({ addresses }) => addresses.includes(target.address)) &&
        namespaces.some(
          ({ inode, devices }) =>
            inode === one.namespace && devices.some((each) => each.peerNamespace === namespace),
        ),
    );
    if (!owner) return [];
    const at = { protocol, port: target.port };
    return [{ ...target, name: findServing({ containers, listeners }, owner, at).name }];
  });
  const [first, ...more] = found;
  return more.every((one) => JSON.stringify(one) === JSON.stringify(first))
    ? (first ?? null)
    : null;
}

/** Where a driver certainly leads: to its only container, at its only address and its named or only open port. */
export function describeBehind(
  topology: Topology,
  driver: PortDriver,
  protocol: Protocol,
  port: number,
): (Endpoint & { readonly name: string }) | null {
  const chained = findChained(topology, driver, { protocol, port });
  if (chained) return chained;
  const container = findContainerBehind(topology, driver, { protocol, port });
  if (!container) return null;
  const told = findInnerPort(driver, protocol, port);
  const inner = told ?? findOnly(listOpen(topology, driver, protocol));
  const address = findOnly(listAddresses(topology, driver));
  return inner === null || address === null ? null : { address, port: inner, name: container.name };
}

/** IPv4 addresses in the namespaces behind a driver, without loopback devices. */
function listAddresses({ namespaces }: Topology, driver: PortDriver): string[] {
  return namespaces
    .filter(({ inode }) => driver.namespaces.includes(inode))
    .flatMap(({ devices }) => devices.filter(({ kind }) => kind !== 'loopback'))
    .flatMap(({ addresses }) => addresses.flatMap((text) => text.split('/')[0] ?? []))
    .filter((address) => !address.includes(':'));
}

function findOnly<T>(list: readonly T[]): T | null {
  const [only, ...more] = new Set(list);
  return more.length === 0 ? (only ?? null) : null;
}
