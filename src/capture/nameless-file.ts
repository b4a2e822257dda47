/** Opens a file without a name, so that nothing is left behind however the program ends. */
import { openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

/**
 * The file has a name only for a moment. Returns its descriptor, open for reading and appending; null when the file
 * cannot be made.
 */
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
