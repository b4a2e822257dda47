// Builds a lab from nothing to an answering engine, in order; whatever fails, all that was made goes again.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../model/errors.js';
import {
  chooseTracker,
  createCgroup,
  findHierarchies,
  joinCgroup,
  placeCgroup,
  type Hierarchy,
} from './cgroups.js';
import {
  awaitEngine,
  engineArguments,
  engineCommand,
  engineEnvironment,
  engineFiles,
  hasOverlay,
  prepareEngineFiles,
} from './engine.js';
import { startGated, type GatedProcess } from './gate.js';
import { collectImage, importImage } from './image.js';
import { createLab, type Lab } from './lab.js';
import { parseMountinfo } from './mountinfo.js';
import { awaitHolder, buildView, holdCommand, wire } from './namespaces.js';
import { identifyProcess } from './processes.js';
import { cleanStale, readPidWorld } from './stale.js';
import {
  createStateFolder,
  folderOf,
  createStateWriter,
  type LabProcess,
  type LabState,
} from './state.js';
import { takeDown } from './teardown.js';
import { checkPrivilege, findTools, type Tools } from './tools.js';

export interface LabOptions {
  /** As dockerd's option; on unless told. */
  userlandProxy?: boolean | undefined;
  /** Ends the start at any moment; what had been made is removed before `up` throws. */
  signal?: AbortSignal | undefined;
  progress?: ((line: string) => void) | undefined;
  /** Further arguments of dockerd. */
  dockerdArguments?: readonly string[] | undefined;
}

/**
 * Starts a lab: a Docker Engine of its own in a network namespace of its own, and an outside client.
 * @throws UserError when not root, when a program is missing, or when something cannot be made
 */
export async function up(options: LabOptions = {}): Promise<Lab> {
  const { signal, progress = () => undefined } = options;
  checkPrivilege();
  const tools = await findTools();
  for (const id of await cleanStale()) progress(`removed lab ${id}, whose owner had died`);
  signal?.throwIfAborted();

  const { state, hierarchies } = await planLab();
  await createStateFolder(state);
  try {
    const save = createStateWriter(state);
    return await build({ state, save, hierarchies, tools, options, progress });
  } catch (error) {
    await takeDown(state, state.bootId);
    throw signal?.aborted ? signal.reason : error;
  }
}

async function planLab(): Promise<{ state: LabState; hierarchies: Hierarchy[] }> {
  const [world, owner, mountinfo, membership] = await Promise.all([
    readPidWorld(),
    identifyProcess(process.pid),
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile('/proc/self/cgroup', 'utf8'),
  ]);
  if (!owner) {
    throw new UserError('This process is not in /proc.', {
      code: 'no-proc',
      exit: 1,
      remedy: 'Mount /proc for the pid namespace that this runs in.',
    });
  }
  const id = randomBytes(4).toString('hex');
  const hierarchies = findHierarchies(parseMountinfo(mountinfo), membership);
  const cgroups = hierarchies.map((hierarchy) => placeCgroup(hierarchy, id));
  const state: LabState = {
    ...{ version: 1, id, ...world, owner, cgroups },
    ...{ tracker: chooseTracker(cgroups), processes: [], namespaces: {} },
  };
  return { state, hierarchies };
}

interface Building {
  /** Grows while the lab is built, and is on disk before each thing is made. */
  state: LabState;
  save: () => Promise<void>;
  hierarchies: readonly Hierarchy[];
  tools: Tools;
  options: LabOptions;
  progress: (line: string) => void;
}

async function build(building: Building): Promise<Lab> {
  const { state, hierarchies, tools, options, progress } = building;
  const { signal } = options;
  const folder = folderOf(state.id);
  const files = engineFiles(folder);

  await settleAll([
    ...state.cgroups.map(({ path }) => createCgroup(path)),
    prepareEngineFiles(folder, tools.dockerd),
  ]);
  progress('making the namespaces');
  const [host, client] = await settleAll([
    startHolder(building, 'host'),
    startHolder(building, 'client'),
  ]);
  const pids = { host: host.pid, client: client.pid };
  const [places] = await settleAll([
    wire(tools, pids, signal),
    buildView({ tools, holder: host.pid, hierarchies, folder, shared: files.shared, signal }),
  ]);

  progress('starting the Docker Engine');
  const args = engineArguments(files, {
    userlandProxy: options.userlandProxy ?? true,
    overlay: await hasOverlay(),
    extra: options.dockerdArguments ?? [],
  });
  const dockerd = await startProcess(building, 'dockerd', {
    command: engineCommand(tools, host.pid, args),
    env: engineEnvironment(files),
    cgroup: 'engine',
    logFile: files.log,
  });
  const [image] = await settleAll([
    collectImage(tools, signal),
    awaitEngine(dockerd, files, signal),
  ]);
  progress('importing the image');
  await importImage(files.socket, image, signal);
  signal?.throwIfAborted();
  return createLab({ state, tools, files, places });
}

/** Starts a holder; the host's also leads the engine's processes into a mount and a cgroup namespace. */
async function startHolder(building: Building, role: 'host' | 'client'): Promise<GatedProcess> {
  const { state, tools, options } = building;
  const logFile = join(folderOf(state.id), `${role}.log`);
  const kinds = role === 'host' ? (['mount', 'cgroup', 'net'] as const) : (['net'] as const);
  const holder = await startProcess(building, role, {
    command: holdCommand(tools, kinds),
    // A cgroup namespace begins where its first process is: at the lab's own folder.
    cgroup: role === 'host' ? '' : 'engine',
    logFile,
  });
  const inodes = await awaitHolder(role, holder, logFile, options.signal);
  if (role === 'host') await moveTo(state, 'engine', holder.pid);
  Object.assign(state.namespaces, inodes);
  await building.save();
  return holder;
}

interface ProcessRequest {
  command: readonly string[];
  /** Below the lab's folder in each hierarchy. */
  cgroup: string;
  logFile: string;
  env?: NodeJS.ProcessEnv;
}

async function startProcess(
  { state, save, options }: Building,
  role: LabProcess['role'],
  { command, cgroup, logFile, env }: ProcessRequest,
): Promise<GatedProcess> {
  options.signal?.throwIfAborted();
  return startGated({
    command,
    logFile,
    ...(env ? { env } : {}),
    register: async (identity) => {
      state.processes.push({ role, ...identity });
      await save();
      await moveTo(state, cgroup, identity.pid);
    },
  });
}

async function moveTo(state: LabState, cgroup: string, pid: number): Promise<void> {
  await Promise.all(state.cgroups.map(({ path }) => joinCgroup(join(path, cgroup), pid)));
}

/** Like Promise.all, but nothing is still at work when it throws: what follows then is the removal of it all. */
async function settleAll<T extends readonly unknown[] | []>(
  values: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(values);
  return Promise.all(values);
}
