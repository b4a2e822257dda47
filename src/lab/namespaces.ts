/** Makes namespaces, each held by a process that does nothing else; a namespace lasts as long as that process. */
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../model/errors.js';
import type { GatedProcess } from './gate.js';
import { poll } from './poll.js';
import type { LabTools } from './tools.js';

/** The command of a process that only holds namespaces. */
export function holdCommand(
  tools: LabTools,
  kinds: readonly ('net' | 'mount' | 'cgroup')[],
): string[] {
  const flags = kinds.map((kind) => `--${kind}`);
  return [tools.unshare, ...flags, '--', 'sleep', 'infinity'];
}

/** Waits until a holder's namespaces exist. @returns their inodes by name (`host.net` and so on) */
export async function awaitHolder(
  name: string,
  holder: GatedProcess,
  logFile: string,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  let death: string | undefined;
  void holder.ended.then((how) => (death = how));
  const proc = `/proc/${String(holder.pid)}`;
  await poll(
    async () => {
      const command = await readFile(join(proc, 'comm'), 'utf8').catch(() => '');
      if (command.trim() === 'sleep') return true; // all unsharing is done before this command is executed
      if (death !== undefined) throw await explainDeath(name, death, logFile);
      return null;
    },
    { timeoutMs: 60_000, what: `the ${name}'s namespaces`, signal, intervalMs: 1 },
  );
  const inodes = ['net', 'mnt', 'cgroup'].map(async (kind) => {
    const [theirs, ours] = await Promise.all(
      [`${proc}/ns/${kind}`, `/proc/self/ns/${kind}`].map((path) => readlink(path).catch(() => '')),
    );
    return theirs === ours ? [] : [[`${name}.${kind}`, theirs?.replace(/\D/g, '') ?? '']];
  });
  return Object.fromEntries((await Promise.all(inodes)).flat()) as Record<string, string>;
}

async function explainDeath(name: string, death: string, logFile: string): Promise<UserError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  return new UserError(`Cannot make the ${name}'s namespaces: ${log.trim() || death}`, {
    code: 'no-namespace',
    exit: 1,
    remedy:
      'Run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, outside of a container or in a privileged one.',
  });
}
