/** The map of one Docker host: everything that a trace needs names for, read at once; what cannot be read is a sentence. */
import { listResidents } from '../model/residents.js';
import type { Container, Device, Listener, Topology } from '../model/topology.js';
import { runCommand, type RunCommand } from './command.js';
import { keepConnected, readConnected } from './connected.js';
import { gatherContainers } from './gather.js';
import { Ancestry } from './ancestry.js';
import { readEngines, type EngineReading } from './docker.js';
import { listDrivers } from './drivers.js';
import { listKept, type KeptContainer } from './keepers.js';
import { readListeners } from './listeners.js';
import {
  findNamespaces,
  NAMESPACE_FOLDERS,
  resolveNamespace,
  type NamespaceFile,
} from './namespaces.js';
import { listNameless, nameByRules } from './nameless.js';
import { nameNamespaces } from './naming.js';
import { listMountedNamespaces } from './mounted-namespaces.js';
import { nameDriven } from './driven.js';
import { nameOverlays } from './overlays.js';
import { pairDevices } from './pairs.js';
import { describeListeners, describeUnread, describeLost } from './problems.js';
import { listProcesses, parseNamespaceLink, readLink } from './procfs.js';
import { readRelays } from './relays.js';
import { readRuleNames } from './rule-names.js';

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
  run?: RunCommand;
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
  const engines = startEngines(options);
  const machine = readMachine(target, proc, folders);
  const { host, files, ancestry, keepers, drivers, rootless, relays, ours } = machine;
  const budget = options.budget ?? DEFAULT_BUDGET;
  const own = [...ours.map(({ namespace }) => namespace), ...rootless];
  const containers = async (): Promise<NamespaceFile[]> => [
    ...locate(proc, await engines, keepers).values(),
    ...own.flatMap((inode) => files.get(inode) ?? []),
  ];
  const connected = await readConnected({ run, proc, host, files, containers, budget, signal });
  const readings = await engines;
  signal?.throwIfAborted();
  const devices = pairDevices(connected.readings);
  const located = locate(proc, readings, keepers);
  const namespaces = new Map([...located].map(([id, { inode }]) => [id, inode] as const));
  const gathered = gatherContainers({
    host: host.inode,
    readings,
    keepers,
    ours,
    namespaces,
    devices,
    rootless,
    files,
    asked: (options.dockerHost ?? (options.env ?? process.env)['DOCKER_HOST'] ?? '') !== '',
  });
  const found = { devices, containers: gathered.containers };
  const { containers: named, kept, names } = await nameAll(options, machine, found);
  const nameOf = (inode: number): string => names.get(inode)?.name ?? `netns-${inode}`;
  const asked = kept.filter((inode) => names.get(inode)?.role !== 'other');
  const heard = await hear(options, machine, asked);
  signal?.throwIfAborted();
  return {
    host: host.inode,
    namespaces: kept.map((inode) => ({
      inode,
      name: nameOf(inode),
      role: names.get(inode)?.role ?? 'other',
      devices: devices.get(inode) ?? [],
    })),
    containers: named,
    relays,
    listeners: nameListeners(heard.listeners, { containers: named, host: host.inode }, ancestry),
    listened: true,
    ...(heard.unheard.length > 0 && { unheard: heard.unheard }),
    engine: gathered.engine,
    ...(drivers.length > 0 && { drivers }),
    ...(gathered.others.length > 0 && { others: gathered.others }),
    problems: [
      ...gathered.problems,
      ...connected.problems,
      ...describeLost(readings, namespaces),
      ...describeListeners(heard.complete, heard.budget),
      ...describeUnread(heard.unread.map(nameOf)),
    ],
  };
}

/** What the process file system and the folders of namespaces tell, before anything else is asked. */
function readMachine(
  target: ReturnType<typeof resolveNamespace>,
  proc: string,
  folders: readonly string[],
) {
  const processes = listProcesses(proc);
  const inside = processes.find(({ namespace }) => namespace === target.inode);
  const files = findNamespaces(proc, processes, [...folders, ...listFoldersOf(proc, inside?.pid)]);
  const host = files.get(target.inode) ?? { ...target, pid: null, name: null };
  files.set(host.inode, host);
  for (const file of listMountedNamespaces(proc, processes, host.inode)) {
    if (!files.has(file.inode)) files.set(file.inode, file);
  }
  const ancestry = new Ancestry(proc, processes);
  const keepers = listKept(proc, processes, ancestry);
  const paths = new Map(
    keepers.flatMap(({ path, namespace }) => (path === null ? [] : [[path, namespace] as const])),
  );
  const drivers = listDrivers({ proc, host: host.inode, processes, ancestry, paths });
  const rootless = new Set(drivers.flatMap((driver) => driver.namespaces));
  const relays = [
    ...readRelays(proc, processes, host.inode),
    ...[...rootless].flatMap((inode) => readRelays(proc, processes, inode, true)),
  ];
  const ours = keepers.filter(
    ({ keeper, namespace }) =>
      keeper.namespace === host.inode || rootless.has(keeper.namespace) || rootless.has(namespace),
  );
  return { host, files, processes, ancestry, keepers, drivers, rootless, relays, ours };
}

/** Names the containers that no engine names, and every namespace that is connected to the host. */
async function nameAll(
  options: TopologyOptions,
  { host, files, processes, drivers }: ReturnType<typeof readMachine>,
  found: {
    readonly devices: ReadonlyMap<number, readonly Device[]>;
    readonly containers: readonly Container[];
  },
) {
  const { run = runCommand, signal } = options;
  const { devices } = found;
  const nameless = {
    ...found,
    host: host.inode,
    pids: new Map(processes.map(({ pid, namespace }) => [namespace, pid])),
  };
  const ids =
    listNameless(nameless).length > 0 ? await readRuleNames(run, host.path, signal) : new Map();
  signal?.throwIfAborted();
  const byRules = nameByRules(nameless, ids, new Map(listNames(files)));
  const containers = [...found.containers, ...byRules];
  const kept = keepConnected(host.inode, devices, containers);
  const names = nameNamespaces(kept, {
    host: host.inode,
    containers,
    names: new Map([
      ...nameOverlays(devices, containers),
      ...nameDriven(drivers, containers),
      ...(options.names ?? []),
      ...listNames(files),
    ]),
  });
  return { containers, kept, names };
}

/** Who listens in these namespaces, as far as the time allows. */
async function hear(
  options: TopologyOptions,
  { files, processes, relays }: ReturnType<typeof readMachine>,
  asked: readonly number[],
) {
  const { run = runCommand, proc = '/proc' } = options;
  const budget = Math.max(LISTENER_BUDGET, options.budget ?? 0);
  const deadline = performance.now() + budget;
  const listening = await readListeners(
    { proc, run, processes, relays: new Set(relays.map(({ pid }) => pid)), deadline },
    asked.flatMap((inode) => files.get(inode) ?? []),
  );
  // A namespace that no process and no file leads to any more.
  const lost = asked.filter((inode) => !files.has(inode));
  return {
    ...listening,
    budget,
    unheard: [...listening.unheard, ...lost],
    unread: [...listening.unread, ...lost],
  };
}

/** The folder with names as the host's own processes see it: they may have mounts of their own. */
function listFoldersOf(proc: string, pid: number | undefined): string[] {
  return pid === undefined ? [] : [`${proc}/${pid}/root/run/netns`];
}

function startEngines(options: TopologyOptions): Promise<EngineReading[]> {
  const env = options.env ?? process.env;
  const readings = readEngines({
    dockerHost: options.dockerHost ?? env['DOCKER_HOST'],
    env,
    signal: options.signal,
    ...(options.dockerTimeout !== undefined && { timeout: options.dockerTimeout }),
  });
  // Awaited later: until then a failure is nobody's.
  readings.catch(() => undefined);
  return readings;
}

/**
 * Id of a running container → its namespace. An engine in a process namespace of its own tells other numbers than ours: what keeps the
 * container is asked first.
 */
function locate(
  proc: string,
  readings: readonly EngineReading[],
  keepers: readonly KeptContainer[],
): Map<string, NamespaceFile> {
  const kept = new Map(keepers.map(({ id, pid }) => [id, pid]));
  return new Map(
    readings.flatMap(({ containers }) =>
      containers.flatMap(({ id, pid: told }) => {
        const pid = kept.get(id) ?? told;
        const path = `${proc}/${pid}/ns/net`;
        const inode = told === 0 ? null : parseNamespaceLink(readLink(path) ?? '');
        return inode === null ? [] : [[id, { inode, pid, path, name: null }] as const];
      }),
    ),
  );
}

/** Where containers share a namespace, with each other or the host, whose process listens tells them apart. */
function nameListeners(
  listeners: readonly Listener[],
  { containers, host }: { containers: readonly Container[]; host: number },
  ancestry: Ancestry,
): Listener[] {
  const byPid = new Map(containers.map(({ pid, name }) => [pid, name]));
  return listeners.map((listener) => {
    const { pid, namespace } = listener;
    const residents = listResidents({ containers }, namespace);
    // On the host's network a process may as well be nobody's.
    if (pid === null || residents.length < (namespace === host ? 1 : 2)) return listener;
    for (const one of ancestry.lineOf(pid)) {
      const container = byPid.get(one);
      if (container !== undefined) return { ...listener, container };
    }
    return listener;
  });
}

function listNames(files: ReadonlyMap<number, NamespaceFile>): [number, string][] {
  return [...files.values()].flatMap(({ inode, name }) => (name === null ? [] : [[inode, name]]));
}
