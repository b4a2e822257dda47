/** Names processes in a sentence. */
import type { Process } from '../model/claim.js';

/** `docker-proxy (pid 3298)` */
export function writeProcess({ command, pid }: Process): string {
  return `${command} (pid ${pid})`;
}
