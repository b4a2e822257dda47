// The map of one Docker host: everything that a trace needs names for, read at once; what cannot be read is a sentence.

import type { Container, Device, Topology } from '../model/topology.js';
import { runCommand, type Run } from './command.js';
import { readConnected } from './connected.js';
import { readEngine, type EngineReading } from './docker.js';
import { readListeners } from './listeners.js';
import {
  findNamespaces,
  NAMESPACE_FOLDERS,
  resolveNamespace,
  type NamespaceFile,
} from './namespaces.js';
import { nameNamespaces } from './naming.js';
import { pairDevices } from './pairs.js';
import { placeContainers } from './placement.js';
import { describeListeners, describeUnread, describeLost, describeOtherHost } from './problems.js';
import { listProcesses, parseNamespaceLink, readLink } from './procfs.js';
import { readRelays } from './relays.js';

export interface TopologyOptions {
  /** The Docker host's network namespace: a name, a path, `pid:N`; `self` when left out. */
  netns?: string | undefined;
  /** As in DOCKER_HOST; the environment's when left out. */
  dockerHost?: string | undefined;
  signal?: AbortSignal | undefined;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds that the Docker Engine may take to answer; 2,000 when left out. */
  dockerTimeout?: number;
  /** Milliseconds for all namespaces together; 5,000 when left out. */
  budget?: number;
  /** Names for namespaces that nothing else names, by inode. */
  names?: ReadonlyMap<number, string>;
  /** Whether to read who listens where; true when left out. */
  listeners?: boolean;
  run?: Run;
  /** Where the process file system is mounted. */
  proc?: string;
  /** Folders that keep namespaces. */
  folders?: readonly string[];
}

const DEFAULT_BUDGET = 5_000;
/** Milliseconds for sockets and their owners, which are the least of what a trace needs. */
const LISTENER_BUDGET = 1_500;

/**
 * Reads the topology of the host whose network namespace is `netns`.
 * Throws UserError when that namespace does not exist or may not be entered, and the signal's reason when it fires.
 */
export async function readTopology(options: TopologyOptions = {}): Promise<Topology> {
  const { run = runCommand, proc = '/proc', folders = NAMESPACE_FOLDERS, signal } = options;
  const target = resolveNamespace(options.netns ?? 'self', proc, folders);
  const engine = startEngine(options);
  const processes = listProcesses(proc);
  const files = findNamespaces(proc, processes, folders);
  const host = files.get(target.inode) ?? { ...target, pid: null, name: null };
  files.set(host.inode, host);
  const relays = readRelays(proc, processes, host.inode);
  const connected = await readConnected({
    run,
    proc,
    host,
    files,
    containers: async () => [...locate(proc, await engine).values()],
    budget: options.budget ?? DEFAULT_BUDGET,
    signal,
  });
  const reading = await engine;
  signal?.throwIfAborted();

  const devices = pairDevices(connected.readings);
  const namespaces = new Map(
    [...locate(proc, reading)].map(([pid, { inode }]) => [pid, inode] as const),
  );
  const { containers, servesOther } = placeContainers({
    host: host.inode,
    containers: reading.containers,
    namespaces,
    devices,
  });
  const kept = keepConnected(host.inode, devices, containers);
  const names = nameNamespaces(kept, {
    host: host.inode,
    containers,
    names: new Map([...(options.names ?? []), ...listNames(files)]),
  });
  const listenerBudget = Math.max(LISTENER_BUDGET, options.budget ?? 0);
  const deadline = performance.now() + listenerBudget;
  const asked =
    options.listeners === false ? [] : kept.filter((inode) => names.get(inode)?.role !== 'other');
  const listening = await readListeners(
    { proc, run, processes, relays: new Set(relays.map(({ pid }) => pid)), deadline },
    asked.flatMap((inode) => files.get(inode) ?? []),
  );
  // A namespace that no process and no file leads to any more.
  const lost = asked.filter((inode) => !files.has(inode));
  const unheard = [...listening.unheard, ...lost];
  const unread = [...listening.unread, ...lost].map(
    (inode) => names.get(inode)?.name ?? `netns-${inode}`,
  );
  signal?.throwIfAborted();

  return {
    host: host.inode,
    namespaces: kept.map((inode) => ({
      inode,
      name: names.get(inode)?.name ?? `netns-${inode}`,
      role: names.get(inode)?.role ?? 'other',
      devices: devices.get(inode) ?? [],
    })),
    containers,
    relays,
    listeners: listening.listeners,
    ...(options.listeners !== false && { listened: true }),
    ...(unheard.length > 0 && { unheard }),
    engine: servesOther === null ? reading.engine : null,
    problems: [
      ...reading.problems,
      ...describeOtherHost(servesOther, reading, files),
      ...connected.problems,
      ...describeLost(reading, namespaces),
      ...describeListeners(listening.complete, listenerBudget),
      ...describeUnread(unread),
    ],
  };
}

function startEngine(options: TopologyOptions): Promise<EngineReading> {
  const env = options.env ?? process.env;
  const reading = readEngine({
    dockerHost: options.dockerHost ?? env['DOCKER_HOST'],
    env,
    signal: options.signal,
    ...(options.dockerTimeout !== undefined && { timeout: options.dockerTimeout }),
  });
  // Awaited later: until then a failure is nobody's.
  reading.catch(() => undefined);
  return reading;
}

/** Pid of a running container → its namespace. */
function locate(proc: string, reading: EngineReading): Map<number, NamespaceFile> {
  return new Map(
    reading.containers.flatMap(({ pid }) => {
      const path = `${proc}/${pid}/ns/net`;
      const inode = pid === 0 ? null : parseNamespaceLink(readLink(path) ?? '');
      return inode === null ? [] : [[pid, { inode, pid, path, name: null }] as const];
    }),
  );
}

function listNames(files: ReadonlyMap<number, NamespaceFile>): [number, string][] {
  return [...files.values()].flatMap(({ inode, name }) => (name === null ? [] : [[inode, name]]));
}

/** The host, what veths connect to it over any number of namespaces, and the containers' own; the host first. */
function keepConnected(
  host: number,
  devices: ReadonlyMap<number, readonly Device[]>,
  containers: readonly Container[],
): number[] {
  const kept = new Set([host]);
  for (const inode of kept) {
    for (const device of devices.get(inode) ?? []) {
      if (device.peerNamespace !== null) kept.add(device.peerNamespace);
    }
  }
  for (const { namespace } of containers) if (namespace !== null) kept.add(namespace);
  return [...kept];
}
