/** Resolves what to trace: the ports and containers asked for, and what belongs to them on both sides of NAT. */
import type { ReadonlyOf } from './address-schemas.js';
import { UserError } from './errors.js';
import { findBehind } from './behind-drivers.js';
import type { Protocol } from './event.js';
import { findServing } from './residents.js';
import type { Container, Topology } from './topology.js';
import type { mappingSchema, targetSchema } from './trace-schemas.js';

export interface TargetQuery {
  /** Published or container ports. */
  readonly ports?: readonly number[];
  /** Names, ids or unique beginnings of ids (at least 4 digits). */
  readonly containers?: readonly string[];
  readonly protocol?: Protocol | 'all';
  /** Published ports known from elsewhere, such as the DNAT rules of a host without an engine. */
  readonly mappings?: readonly PortMapping[];
}

/** A port mapping: the endpoint that is dialled on the host, and the endpoint that it leads to. */
export type PortMapping = ReadonlyOf<typeof mappingSchema>;

/** What a trace looks for; see trace-schemas.ts. */
export type Target = ReadonlyOf<typeof targetSchema>;

/**
 * Finds what a query means on this host. A port may be a published or a container port; a query without ports and
 * containers means everything published.
 * Throws UserError (exit 2) for a container that does not exist or does not run, and when nothing is left to trace.
 */
export function resolvePorts(topology: Topology, query: TargetQuery = {}): Target {
  const { ports: asked = [], containers: words = [], protocol = 'all' } = query;
  const wanted = words.map((word) => findContainer(topology, word));
  const concerned = listMappings(topology, query.mappings ?? []).filter(
    (mapping) =>
      (protocol === 'all' || mapping.protocol === protocol) &&
      (wanted.length === 0 || wanted.some((container) => leadsTo(topology, mapping, container))) &&
      (asked.length === 0 || asked.some((port) => hasPort(mapping, port))),
  );
  const own = wanted.flatMap((container) => listListening(topology, container, protocol));
  const behind = findBehind(topology, asked, protocol);
  const unpublished = asked.length === 0 && concerned.length === 0 ? own : [];
  const ports = [
    ...asked,
    ...concerned.flatMap(({ listens, target }) => [listens.port, target.port]),
    ...unpublished,
    ...behind.ports,
  ];
  if (ports.length === 0) throw describeNothing(topology, wanted);
  const owners = [
    ...wanted,
    // Containers that publish nothing and listen there are asked for too.
    ...(wanted.length > 0
      ? []
      : topology.containers.filter((container) =>
          listListening(topology, container, protocol).some((port) => asked.includes(port)),
        )),
    ...concerned.flatMap(({ protocol: one, target }) =>
      findOwners(topology, target.address).map((owner) =>
        findServing(topology, owner, { protocol: one, port: target.port }),
      ),
    ),
    ...behind.containers,
  ];
  return {
    protocol,
    asked: sortPorts(asked.length > 0 ? asked : ports),
    ports: sortPorts(ports),
    containers: unique((wanted.length > 0 ? wanted : owners).map(({ name }) => name)),
    ...(wanted.length > 0 && { byName: true as const }),
    addresses: unique([
      ...owners.flatMap((container) => listAddresses(topology, container)),
      ...concerned.map(({ target }) => target.address),
    ]),
    mappings: concerned,
  };
}

/** Lists each port mapping once: those of the engine, of relays' arguments, and those known from elsewhere. */
function listMappings(topology: Topology, more: readonly PortMapping[]): PortMapping[] {
  const published = topology.containers.flatMap((container) =>
    container.published.flatMap(({ protocol, hostAddress, hostPort, containerPort }) =>
      // A container in several networks is reached at one of its addresses: list all.
      listOwnAddresses(container).map((address) => ({
        protocol,
        listens: { address: hostAddress, port: hostPort },
        target: { address, port: containerPort },
      })),
    ),
  );
  const relayed = topology.relays.flatMap(({ protocol, listens, target }) =>
    target === null ? [] : [{ protocol, listens, target }],
  );
  const byText = new Map(
    [...published, ...relayed, ...more].map((mapping) => [
      JSON.stringify(fields(mapping)),
      mapping,
    ]),
  );
  return [...byText.values()];
}

function fields({ protocol, listens, target }: PortMapping): (string | number)[] {
  return [protocol, listens.address, listens.port, target.address, target.port];
}

function hasPort(mapping: PortMapping, port: number): boolean {
  return mapping.listens.port === port || mapping.target.port === port;
}

function leadsTo(topology: Topology, mapping: PortMapping, container: Container): boolean {
  return listAddresses(topology, container).includes(mapping.target.address);
}

/** Containers that own an address; those that joined another container's namespace are left out. */
function findOwners(topology: Topology, address: string): Container[] {
  return topology.containers.filter((container) => listOwnAddresses(container).includes(address));
}

function listOwnAddresses(container: Container): string[] {
  return container.networks.flatMap((network) => network.addresses);
}

/** A container's addresses; for one that joined another's namespace, the other's. */
function listAddresses(topology: Topology, container: Container): string[] {
  const { namespace } = container;
  if (namespace === null || namespace === topology.host) return listOwnAddresses(container);
  return topology.containers
    .filter((other) => other.namespace === namespace)
    .flatMap(listOwnAddresses);
}

/** Ports on which a container's namespace listens for others; on the host's, those of its own process. */
function listListening(
  topology: Topology,
  container: Container,
  protocol: Protocol | 'all',
): number[] {
  return topology.listeners
    .filter(
      (listener) =>
        listener.namespace === container.namespace &&
        (protocol === 'all' || listener.protocol === protocol) &&
        (container.namespace !== topology.host || listener.pid === container.pid) &&
        !listener.local.address.startsWith('127.') &&
        listener.local.address !== '::1',
    )
    .map(({ local }) => local.port);
}

function findContainer(topology: Topology, word: string): Container {
  const name = word.replace(/^\//, '');
  const byId = /^[0-9a-f]{4,64}$/.test(name)
    ? topology.containers.filter(({ id }) => id.startsWith(name))
    : [];
  const container =
    topology.containers.find((candidate) => candidate.name === name) ??
    (byId.length === 1 ? byId[0] : undefined);
  if (!container) throw describeUnknown(topology, word);
  if (container.pid === 0) {
    throw new UserError(`The container "${container.name}" is not running.`, {
      code: 'container-not-running',
      exit: 2,
      remedy: `Start it: ${topology.engine?.product ?? 'docker'} start ${container.name}`,
    });
  }
  return container;
}

function describeUnknown(topology: Topology, word: string): UserError {
  const running = topology.containers.filter(({ pid }) => pid > 0).map(({ name }) => name);
  // Containers may be known from other sources even where no engine answers.
  if (topology.engine === null && running.length === 0) {
    return new UserError(
      `The container "${word}" cannot be found: no engine tells of containers.`,
      {
        code: 'unknown-container',
        exit: 2,
        remedy: topology.problems[0] ?? 'Set DOCKER_HOST to the engine that runs it.',
      },
    );
  }
  return new UserError(`There is no container "${word}".`, {
    code: 'unknown-container',
    exit: 2,
    remedy:
      running.length > 0
        ? `These are running: ${running.join(', ')}.`
        : 'No container is running: start one.',
  });
}

function describeNothing(topology: Topology, wanted: readonly Container[]): UserError {
  const subject = wanted.map(({ name }) => `"${name}"`).join(', ');
  const message =
    wanted.length > 0
      ? `${subject} publishes no port and listens on none.`
      : 'No port is published on this host.';
  const [problem] = topology.problems;
  return new UserError(message, {
    code: 'no-target',
    exit: 2,
    remedy: `Say what to trace: --port N.${problem === undefined ? '' : ` (${problem})`}`,
  });
}

function sortPorts(ports: readonly number[]): number[] {
  return [...new Set(ports)].sort((a, b) => a - b);
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)].sort();
}
