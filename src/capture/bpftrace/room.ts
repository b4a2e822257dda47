/** Checks the free space of the temporary folder, where the tracer's output waits, before and during a trace. */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { UserError } from '../../model/errors.js';

/** Bytes that a trace of usual traffic needs at least, and bytes that its last counters need. */
const TO_START = 16 * 1024 * 1024;
const TO_END = 4 * 1024 * 1024;

/** Throws UserError when there is too little space to begin. */
export function checkRoom(): void {
  const free = freeBytes();
  if (free === null || free >= TO_START) return;
  throw new UserError(
    `the temporary folder ${tmpdir()} has room for ${toMegabytes(free)} only: what the probes tell waits there, and would be lost`,
    { code: 'no-room', exit: 1, remedy: REMEDY },
  );
}

/** Why a running trace has to end now, while there is space for its last lines; null while there is enough. */
export function findShortage(): string | null {
  const free = freeBytes();
  if (free === null || free >= TO_END) return null;
  return `the temporary folder ${tmpdir()} is full (${toMegabytes(free)} left): the trace ended by itself, and what happened after that was not seen; ${REMEDY}`;
}

const REMEDY = `make room there, or set TMPDIR to a folder with ${toMegabytes(TO_START)} or more`;

/** Null when the file system does not report it. */
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
