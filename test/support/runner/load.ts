/** Keeps processors busy beside the tests, so that what depends on luck shows. */
import { spawn } from 'node:child_process';

/** It ends with the process that started it, however that ends. */
const LOOP = 'const owner = process.ppid; while (process.ppid === owner);';

/** Starts so many busy loops. @returns what ends them */
export function keepBusy(loops: number): () => void {
  const busy = Array.from({ length: loops }, () =>
    spawn(process.execPath, ['-e', LOOP], { stdio: 'ignore' }),
  );
  return () => {
    for (const child of busy) child.kill('SIGKILL');
  };
}
