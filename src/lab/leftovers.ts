/** Looks for leftovers of a lab, to prove that taking it down leaves nothing. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupName, findHierarchies } from './cgroups.js';
import { keepExisting } from './exists.js';
import { isMember } from './members.js';
import { parseMountinfo } from './mountinfo.js';
import { identifyProcess } from './processes.js';
import { folderOf, LABS_FOLDER, type LabState } from './state.js';

/** What to look for: a lab's state, taken while the lab was up. */
export type LabTraces = Pick<LabState, 'id' | 'cgroups' | 'namespaces' | 'processes'>;

/**
 * @returns one line per thing left: processes in the lab's namespaces or with its folder among their arguments, mounts
 *   in any mount namespace, control groups in any hierarchy, files. Zombies, which hold nothing and which init reaps,
 *   are not counted.
 */
export async function findLeftovers(lab: LabTraces): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const inProcesses = await Promise.all(pids.map((pid) => inspectProcess(pid, lab)));
  const found = [...inProcesses.flat(), ...(await findCgroups(lab)), ...(await findFiles(lab))];
  return [...new Set(found)];
}

async function inspectProcess(pid: string, lab: LabTraces): Promise<string[]> {
  if ((await identifyProcess(Number(pid))) === null) return [];
  const read = (name: string): Promise<string> =>
    readFile(join('/proc', pid, name), 'utf8').catch(() => '');
  const [command, mountinfo, cgroup, ...links] = await Promise.all([
    read('cmdline'),
    read('mountinfo'),
    read('cgroup'),
    ...['net', 'mnt', 'cgroup'].map((kind) =>
      readlink(join('/proc', pid, 'ns', kind)).catch(() => ''),
    ),
  ]);
  const held = await readOpenNamespaces(pid);
  const words = command.split('\0').filter(Boolean);
  const who = `process ${pid} (${words.join(' ').slice(0, 80)})`;
  const inodes = Object.entries(lab.namespaces);
  const found: string[] = [];
  if (words.some((word) => namesLab(word, lab.id))) found.push(`${who} names the lab`);
  if (isMember(cgroup, lab.id)) found.push(`${who} is in its control group`);
  for (const link of [...links, ...held]) {
    const entry = inodes.find(([, inode]) => link.endsWith(`:[${inode}]`));
    if (entry) found.push(`${who} is in namespace ${entry[0]}, or holds it open`);
  }
  for (const { mountPoint, root, fsType } of parseMountinfo(mountinfo)) {
    const isNamespace =
      fsType === 'nsfs' && inodes.some(([, inode]) => root.endsWith(`:[${inode}]`));
    if (isNamespace || namesLab(mountPoint, lab.id))
      found.push(`mount ${mountPoint} seen by ${who}`);
  }
  return found;
}

/** An open namespace file keeps the namespace alive, as a process in it does. */
async function readOpenNamespaces(pid: string): Promise<string[]> {
  const folder = join('/proc', pid, 'fd');
  const names = await readdir(folder).catch(() => []);
  return Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => '')));
}

function namesLab(text: string, id: string): boolean {
  return text.includes(folderOf(id)) || text.includes(cgroupName(id));
}

async function findCgroups(lab: LabTraces): Promise<string[]> {
  const [mountinfo, membership] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile('/proc/self/cgroup', 'utf8'),
  ]);
  const hierarchies = findHierarchies(parseMountinfo(mountinfo), membership);
  const paths = [
    ...lab.cgroups.map(({ path }) => path),
    ...hierarchies.map(({ own }) => join(own, cgroupName(lab.id))),
  ];
  return (await keepExisting(paths)).map((path) => `control group ${path}`);
}

async function findFiles(lab: LabTraces): Promise<string[]> {
  const names = await readdir(LABS_FOLDER).catch(() => []);
  return names
    .filter((name) => name.includes(lab.id))
    .map((name) => `folder ${LABS_FOLDER}/${name}`);
}
