/** Starts the lab's long-running processes, each recorded and in the lab's control groups before it does anything. */
import { join } from 'node:path';
import { joinCgroup } from './cgroups.js';
import { startGated, type GatedProcess } from './gate.js';
import { awaitHolder, holdCommand } from './namespaces.js';
import { folderOf, type LabProcess, type LabState } from './state.js';
import type { LabTools } from './tools.js';

export interface Construction {
  /** Grows while the lab is built; `save` writes it before each part is made. */
  state: LabState;
  save: () => Promise<void>;
  tools: LabTools;
  signal: AbortSignal | undefined;
}

/** Starts a holder; the host's also leads the engine's processes into a mount and a cgroup namespace. */
export async function startHolder(
  construction: Construction,
  role: 'host' | 'client',
): Promise<GatedProcess> {
  const { state, tools, signal } = construction;
  const logFile = join(folderOf(state.id), `${role}.log`);
  const kinds = role === 'host' ? (['mount', 'cgroup', 'net'] as const) : (['net'] as const);
  const holder = await startProcess(construction, role, {
    command: holdCommand(tools, kinds),
    // A cgroup namespace begins where its first process is: at the lab's own folder.
    cgroup: role === 'host' ? '' : 'engine',
    logFile,
  });
  const inodes = await awaitHolder(role, holder, logFile, signal);
  if (role === 'host') await moveTo(state, 'engine', holder.pid);
  Object.assign(state.namespaces, inodes);
  await construction.save();
  return holder;
}

interface ProcessRequest {
  command: readonly string[];
  /** Below the lab's folder in each hierarchy. */
  cgroup: string;
  logFile: string;
  env?: NodeJS.ProcessEnv;
}

export async function startProcess(
  { state, save, signal }: Construction,
  role: LabProcess['role'],
  { command, cgroup, logFile, env }: ProcessRequest,
): Promise<GatedProcess> {
  signal?.throwIfAborted();
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
