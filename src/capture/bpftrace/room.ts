/** Room in the temporary folder, where the tracer's output waits: looked at before a trace and while it runs. */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { UserError } from '../../model/errors.js';

/** Bytes: what a trace of usual traffic needs at least, and what its last counters are printed into. */
const TO_START = 16 * 1024 * 1024;
const TO_END = 4 * 1024 * 1024;

/** Throws UserError when there is too little room to begin. */
export function checkRoom(): void {
  const free = freeBytes();
  if (free === null || free >= TO_START) return;
  throw new UserError(
    `the temporary folder ${tmpdir()} has room for ${toMegabytes(free)} only: what the probes tell waits there, and would be lost`,
    { code: 'no-room', exit: 1, remedy: REMEDY },
  );
}

/** Why a running trace has to end now, while there is room for its last words; null while there is enough. */
export function findShortage(): string | null {
  const free = freeBytes();
  if (free === null || free >= TO_END) return null;
  return `the temporary folder ${tmpdir()} is full (${toMegabytes(free)} left): the trace ended by itself, and what happened after that was not seen; ${REMEDY}`;
}

const REMEDY = `make room there, or set TMPDIR to a folder with ${toMegabytes(TO_START)} or more`;

/** Null where the file system does not tell. */
function freeBytes(): number | null {
  try {
    const { bavail, bsize, blocks } = statfsSync(tmpdir());
    return blocks === 0 ? null : bavail * bsize;
  } catch {
    return null;
  }
}

function toMegabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
