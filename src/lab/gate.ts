/** Starts a long-running process behind a gate: it runs only after its pid is recorded and it is in its cgroup. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { UserError } from '../model/errors.js';
import { identifyProcess, type ProcessIdentity } from './processes.js';

/** Waits for one line on standard input, then becomes the command. Ends when the lab's owner dies first. */
const GATE = 'read -r _ && exec "$@"';
export interface GateOptions {
  command: readonly string[];
  /** Called while the process waits at the gate. */
  register: (identity: ProcessIdentity) => Promise<void>;
  env?: NodeJS.ProcessEnv;
  /** Takes both outputs. */
  logFile: string;
}

export interface GatedProcess extends ProcessIdentity {
  /** Settles with a sentence when the process ends. */
  ended: Promise<string>;
}

/**
 * Starts a process in its own session, so that Ctrl-C in a terminal reaches the lab's owner alone.
 * node:child_process rather than execa: nothing of it is awaited or buffered, and it must not keep the owner running.
 */
export async function startGated(options: GateOptions): Promise<GatedProcess> {
  const { command, register, env, logFile } = options;
  const log = await open(logFile, 'a', 0o600);
  const child = spawn('/bin/sh', ['-c', GATE, 'trace-flow-lab', ...command], {
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
    cwd: '/',
    env: env ?? process.env,
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      resolve(signal ? `ended by ${signal}` : `ended with exit code ${String(code)}`);
    });
  });
  child.stdin?.on('error', () => undefined); // it died at the gate; `ended` says how
  await Promise.race([once(child, 'spawn'), ended]);
  await log.close();
  const identity = child.pid === undefined ? null : await identifyProcess(child.pid);
  if (!identity) {
    throw new UserError(`Cannot start /bin/sh: ${await ended}`, { code: 'no-shell', exit: 1 });
  }
  child.unref();
  try {
    await register(identity);
    child.stdin?.end('go\n');
  } catch (error) {
    child.stdin?.destroy(); // the gate reads the end of file and leaves
    throw error;
  }
  return { ...identity, ended };
}
