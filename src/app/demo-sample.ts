/** What the demo shows where no lab can be had: a trace that was recorded earlier. */
import { fileURLToPath } from 'node:url';

/** Twenty clients, half by DNAT and half through docker-proxy. */
export const SAMPLE = fileURLToPath(new URL('../../../samples/mixed-20.ndjson', import.meta.url));

/** Why this user can have no lab on this machine, and what to do about it; null where it can be had. */
export function findLabObstacle(
  platform: NodeJS.Platform,
  user: number | undefined,
): string | null {
  if (platform !== 'linux') return 'the live demo needs Linux, and this is another system';
  return user === 0
    ? null
    : 'the live demo starts a Docker Engine and eBPF probes, which takes root: run the same command with sudo';
}
