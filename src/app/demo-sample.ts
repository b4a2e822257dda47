/** Locates the recorded trace that the demo shows where no lab can run. */
import { fileURLToPath } from 'node:url';

/** Twenty clients, half by DNAT and half through docker-proxy. */
export const SAMPLE = fileURLToPath(new URL('../../../samples/mixed-20.ndjson', import.meta.url));

/** Why this user cannot run a lab on this machine, and what to do about it; null when the lab can run. */
export function findLabObstacle(
  platform: NodeJS.Platform,
  user: number | undefined,
): string | null {
  if (platform !== 'linux') return 'the live demo needs Linux, and this is another system';
  return user === 0
    ? null
    : 'the live demo starts a Docker Engine and eBPF probes, which takes root: run the same command with sudo';
}
