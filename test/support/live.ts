/** Checks that the machine can run a live test: Linux, root, BTF and the tools of the lab. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

const TOOLS = ['bpftrace', 'dockerd', 'ip', 'iptables', 'nft', 'nsenter', 'tcpdump', 'redis-cli'];

/**
 * @returns why live tests cannot run here, or null. Pass it to `skipUnless`.
 * @param tools further commands that the suite runs.
 */
export function findLiveObstacle(...tools: string[]): string | null {
  if (process.platform !== 'linux') return `live tests need Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'live tests need root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'the kernel has no BTF';
  const missing = [...TOOLS, ...tools].filter((tool) => !isOnPath(tool));
  return missing.length > 0 ? `not installed: ${missing.join(', ')} (bin/setup)` : null;
}

function isOnPath(tool: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin', '/sbin');
  return folders.some((folder) => existsSync(join(folder, tool)));
}
