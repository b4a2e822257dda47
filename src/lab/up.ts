/** Builds a lab step by step up to an answering engine; on any failure, removes all that was made. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UserError } from '../model/errors.js';
import {
  chooseTracker,
  createCgroup,
  findHierarchies,
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
import { collectImage, importImage } from './image.js';
import { createLab, type Lab } from './lab.js';
import { parseMountinfo } from './mountinfo.js';
import { identifyProcess } from './processes.js';
import { cleanStale, readPidWorld } from './stale.js';
import { createStateFolder, folderOf, createStateWriter, type LabState } from './state.js';
import { takeDown } from './teardown.js';
import { startHolder, startProcess, type Construction } from './start.js';
import { checkPrivilege, findTools } from './tools.js';
import { buildView } from './view.js';
import { wire } from './wire.js';

export interface LabOptions {
  /** dockerd's option of this name; on by default. */
  userlandProxy?: boolean | undefined;
  /** Aborts the start at any moment; what was made is removed before `up` throws. */
  signal?: AbortSignal | undefined;
  progress?: ((line: string) => void) | undefined;
  /** Further arguments of dockerd. */
  dockerdArguments?: readonly string[] | undefined;
}

/**
 * Starts a lab: a Docker Engine of its own in a network namespace of its own, and an outside client.
 * It leaves nothing on the machine except kernel modules (bridge, veth, netfilter) that were not loaded before.
 * @throws UserError when not root, when a program is missing, or when something cannot be made
 */
export async function up(options: LabOptions = {}): Promise<Lab> {
  const { signal, progress = () => undefined } = options;
  checkPrivilege();
  const tools = await findTools();
  await cleanStale().then(
    (ids) => {
      for (const id of ids) progress(`removed lab ${id}, whose owner had died`);
    },
    (error: unknown) => {
      progress(`an earlier lab is still there: ${String(error)}`); // no reason to refuse a new one
    },
  );
  signal?.throwIfAborted();

  const { state, hierarchies } = await planLab();
  await createStateFolder(state);
  try {
    return await build(
      { state, save: createStateWriter(state), tools, signal },
      hierarchies,
      options,
    );
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
    version: 1,
    id,
    ...world,
    owner,
    cgroups,
    tracker: chooseTracker(cgroups),
    processes: [],
    namespaces: {},
  };
  return { state, hierarchies };
}

async function build(
  construction: Construction,
  hierarchies: readonly Hierarchy[],
  options: LabOptions,
): Promise<Lab> {
  const { state, tools, signal } = construction;
  const { progress = () => undefined } = options;
  const folder = folderOf(state.id);
  const files = engineFiles(folder);

  progress('making control groups and folders');
  await settleAll([
    ...state.cgroups.map(({ path }) => createCgroup(path)),
    prepareEngineFiles(folder, tools.dockerd),
  ]);
  progress('making the namespaces');
  const [host, client] = await settleAll([
    startHolder(construction, 'host'),
    startHolder(construction, 'client'),
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
  const dockerd = await startProcess(construction, 'dockerd', {
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

/** Like Promise.all, but throws only when all promises are settled, because everything is removed after that. */
async function settleAll<T extends readonly unknown[] | []>(
  values: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(values);
  return Promise.all(values);
}
