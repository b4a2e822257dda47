/** A file without a name, so that nothing is left behind whatever happens. */
import { openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

/** It has its name for a moment only. Returns its descriptor, open for reading and appending; null where it cannot be made. */
export function openNameless(): number | null {
  const path = join(tmpdir(), `trace-flow-${randomUUID()}`);
  try {
    const fd = openSync(path, 'ax+', 0o600);
    unlinkSync(path);
    return fd;
  } catch {
    return null;
  }
}
