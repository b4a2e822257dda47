/** Records on disk what a lab consists of, before it exists, so that another process can remove it after a crash. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../model/errors.js';
import type { ProcessIdentity } from './processes.js';

/** Folder of this machine's labs, one folder each. */
export const LABS_FOLDER = '/run/trace-flow/labs';

const identity = z.object({ pid: z.int().positive(), startTime: z.string().regex(/^\d+$/) });

export const labStateSchema = z.object({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{8}$/),
  /** /proc/sys/kernel/random/boot_id: after a restart, recorded pids are meaningless. */
  bootId: z.string(),
  /** Inode of the owner's pid namespace: from another one, the pids cannot be checked. */
  pidNamespace: z.string(),
  owner: identity,
  /** The lab's folder in every cgroup hierarchy. */
  cgroups: z.array(
    z.object({
      version: z.union([z.literal(1), z.literal(2)]),
      mountPoint: z.string(),
      path: z.string(),
    }),
  ),
  /** The path of the one of `cgroups` that commands from outside join. */
  tracker: z.string(),
  processes: z.array(identity.extend({ role: z.enum(['host', 'client', 'dockerd']) })),
  /** Inodes by what they belong to. All must be gone when the lab is. */
  namespaces: z.record(z.string(), z.string()),
});

export type LabState = z.infer<typeof labStateSchema>;
export type LabProcess = LabState['processes'][number];

export function folderOf(id: string): string {
  return join(LABS_FOLDER, id);
}

/** Reads a state file's text; null when it is not one of ours. */
export function parseLabState(text: string): LabState | null {
  try {
    return labStateSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Creates the lab's folder with its state in it: neither is ever seen without the other. */
export async function createStateFolder(state: LabState): Promise<void> {
  const { pid, startTime } = state.owner;
  const prepared = join(LABS_FOLDER, `.new-${String(pid)}-${startTime}-${state.id}`);
  try {
    await mkdir(prepared, { recursive: true, mode: 0o700 });
    await writeFile(join(prepared, 'state.json'), serialize(state));
    await rename(prepared, folderOf(state.id));
  } catch (cause) {
    throw new UserError(`Cannot make the lab's folder in ${LABS_FOLDER}: ${String(cause)}`, {
      code: 'lab-folder',
      exit: 1,
      remedy: 'The lab needs a writable /run with some room.',
      cause,
    });
  }
}

/** Makes a function that writes the current state atomically; several calls write one after the other. */
export function createStateWriter(state: LabState): () => Promise<void> {
  const file = join(folderOf(state.id), 'state.json');
  const write = async (): Promise<void> => {
    await writeFile(`${file}.new`, serialize(state));
    await rename(`${file}.new`, file);
  };
  let last = Promise.resolve();
  return () => (last = last.catch(() => undefined).then(write));
}

export async function readState(id: string): Promise<LabState | null> {
  const text = await readFile(join(folderOf(id), 'state.json'), 'utf8').catch(() => null);
  return text === null ? null : parseLabState(text);
}

/** Lists the folders of all labs, and those that a crash left incomplete. */
export async function listLabs(): Promise<{ ids: string[]; prepared: PreparedFolder[] }> {
  const names = await readdir(LABS_FOLDER).catch(() => []);
  return {
    ids: names.filter((name) => /^[0-9a-f]{8}$/.test(name)),
    prepared: names.flatMap((name) => parsePreparedName(name) ?? []),
  };
}

export interface PreparedFolder {
  path: string;
  owner: ProcessIdentity;
}

function parsePreparedName(name: string): PreparedFolder | null {
  const parts = /^\.new-(\d+)-(\d+)-[0-9a-f]{8}$/.exec(name);
  if (!parts?.[1] || !parts[2]) return null;
  return { path: join(LABS_FOLDER, name), owner: { pid: Number(parts[1]), startTime: parts[2] } };
}

function serialize(state: LabState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}
