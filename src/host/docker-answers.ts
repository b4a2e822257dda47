/** Reads the Docker Engine's (and Podman's) answers into the model; leaves out what is missing or odd. */
import { canonicalAddress } from '../model/address.js';
import { readCompose } from './bundle.js';
import { isInfraName, readPodName } from './keepers.js';
import type { Protocol } from '../model/event.js';
import type { Container, PublishedPort } from '../model/topology.js';

/** A container as the engine reports it; its network namespace is found later by its pid. */
export type EngineContainer = Omit<Container, 'namespace'>;

export interface EngineVersion {
  readonly version: string;
  readonly product: 'docker' | 'podman';
}

/** A container in the engine's list. */
export interface ListedContainer {
  readonly id: string;
  readonly name: string;
}

/** Reads `GET /version`; null when this is no engine's answer. */
export function parseEngineVersion(answer: unknown): EngineVersion | null {
  const version = get(answer, 'Version');
  if (typeof version !== 'string' || version === '') return null;
  const podman = asList(get(answer, 'Components')).find((component) =>
    asText(get(component, 'Name')).startsWith('Podman'),
  );
  const own = asText(get(podman, 'Version'));
  return { version: own === '' ? version : own, product: podman ? 'podman' : 'docker' };
}

/** Reads `GET /containers/json?all=1`. */
export function parseContainerList(answer: unknown): ListedContainer[] {
  return asList(answer).flatMap((entry) => {
    const id = asText(get(entry, 'Id'));
    if (id === '') return [];
    const names = asList(get(entry, 'Names')).map(asText);
    // A link's alias is /other/alias: a container's own name has one slash.
    const name = names.find((text) => text.lastIndexOf('/') <= 0) ?? names[0] ?? '';
    return [{ id, name: cleanName(name, id) }];
  });
}

/** Reads `GET /networks`: name of a network → its bridge device, null when it has none or does not say. */
export function parseNetworks(answer: unknown, product: EngineVersion['product']): BridgeNames {
  return new Map(
    asList(answer).flatMap((network) => {
      const name = asText(get(network, 'Name'));
      if (name === '') return [];
      return [[name, findBridge(network, product)] as const];
    }),
  );
}

export type BridgeNames = ReadonlyMap<string, string | null>;

function findBridge(network: unknown, product: EngineVersion['product']): string | null {
  if (asText(get(network, 'Driver')) !== 'bridge') return null;
  const named = asText(get(network, 'Options', 'com.docker.network.bridge.name'));
  if (named !== '') return named;
  const id = asText(get(network, 'Id'));
  // Podman names its bridges differently and does not report the names.
  return product === 'docker' && id.length >= 12 ? `br-${id.slice(0, 12)}` : null;
}

/**
 * Reads `GET /containers/ID/json`; null when it is no container.
 * @param names names by container id, to replace `container:ID` by `container:NAME`.
 */
export function parseContainer(
  answer: unknown,
  bridges: BridgeNames,
  names: ReadonlyMap<string, string>,
): EngineContainer | null {
  const id = asText(get(answer, 'Id'));
  if (id === '') return null;
  const running = get(answer, 'State', 'Running') === true;
  const pid = get(answer, 'State', 'Pid');
  const networkMode = readNetworkMode(asText(get(answer, 'HostConfig', 'NetworkMode')), names);
  // Podman repeats the owner's addresses and ports for a container that joined its namespace.
  const joins = networkMode.startsWith('container:');
  const told = cleanName(asText(get(answer, 'Name')), id);
  const kubernetes = readPodName(told);
  const infra = kubernetes?.infra ?? isInfraName(told);
  const compose = readCompose(get(answer, 'Config', 'Labels'));
  return {
    id,
    name: kubernetes?.name ?? told,
    pid: running && typeof pid === 'number' && pid > 0 ? pid : 0,
    networkMode,
    networks: joins ? [] : readNetworks(get(answer, 'NetworkSettings', 'Networks'), bridges),
    published: running && !joins ? listPublished(answer, networkMode) : [],
    ...(kubernetes && { pod: kubernetes.pod }),
    ...(infra && { infra }),
    ...(compose && { compose }),
  };
}

/** `default` is bridge; the id in `container:ID` becomes the name when that is known. */
function readNetworkMode(text: string, names: ReadonlyMap<string, string>): string {
  if (text === 'default' || text === '') return 'bridge';
  const other = /^container:(.*)$/.exec(text)?.[1];
  return other === undefined ? text : `container:${names.get(other) ?? other}`;
}

function readNetworks(answer: unknown, bridges: BridgeNames): EngineContainer['networks'] {
  return asEntries(answer).map(([name, network]) => {
    const addresses = ['IPAddress', 'GlobalIPv6Address'].flatMap((key) => {
      const address = canonicalAddress(asText(get(network, key)));
      return address === null ? [] : [address];
    });
    const gateway =
      canonicalAddress(asText(get(network, 'Gateway'))) ??
      canonicalAddress(asText(get(network, 'IPv6Gateway')));
    return { name, bridge: bridges.get(name) ?? null, addresses, gateway };
  });
}

/**
 * The bound ports, and those that were requested but not bound: on an internal or routed network Docker binds none (28
 * reports port 0 there), so the host itself refuses them.
 */
function listPublished(answer: unknown, networkMode: string): PublishedPort[] {
  const bound = readPublished(get(answer, 'NetworkSettings', 'Ports'));
  if (networkMode === 'host' || networkMode === 'none') return bound;
  const asked = readPublished(get(answer, 'HostConfig', 'PortBindings'));
  const isBound = ({ protocol, containerPort }: PublishedPort): boolean =>
    bound.some((one) => one.protocol === protocol && one.containerPort === containerPort);
  return [...bound, ...asked.filter((port) => !isBound(port))];
}

/** `{"6379/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}`; a port that is only exposed has null. */
function readPublished(answer: unknown): PublishedPort[] {
  return asEntries(answer).flatMap(([key, bindings]) => {
    const match = /^(\d+)\/(tcp|udp)$/.exec(key);
    if (!match) return [];
    const containerPort = Number(match[1]);
    const protocol = match[2] as Protocol;
    return asList(bindings).flatMap((binding) => {
      const hostPort = Number(asText(get(binding, 'HostPort')));
      const address = asText(get(binding, 'HostIp'));
      const hostAddress = address === '' ? '0.0.0.0' : canonicalAddress(address);
      if (hostAddress === null || !isPort(hostPort) || !isPort(containerPort)) return [];
      return [{ protocol, hostAddress, hostPort, containerPort }];
    });
  });
}

function cleanName(text: string, id: string): string {
  const name = text.replace(/^\//, '');
  return name === '' ? id.slice(0, 12) : name;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65536;
}

function get(value: unknown, ...keys: string[]): unknown {
  let current = value;
  for (const key of keys) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asEntries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
