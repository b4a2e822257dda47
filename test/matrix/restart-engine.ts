/** Stops the lab's engine, and starts it again in the same namespaces with the same arguments. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../../src/lab/index.js';

/** Its containers end with it, as they do unless live-restore is set. */
export async function restartEngine(lab: Lab): Promise<void> {
  const { processes } = lab.state;
  const holder = processes.find(({ role }) => role === 'host');
  const engine = processes.find(({ role }) => role === 'dockerd');
  if (!holder || !engine) throw new Error('the lab has no engine on record');
  const [command, environment] = await Promise.all([
    readWords(`/proc/${engine.pid}/cmdline`),
    readWords(`/proc/${engine.pid}/environ`),
  ]);
  // The engine would wait ten seconds for each that does not listen to SIGTERM.
  const running = (await lab.docker(['ps', '--quiet'])).trim().split('\n');
  await lab.docker(['kill', ...running]);
  process.kill(engine.pid, 'SIGTERM');
  await poll('the engine to end', async () =>
    readFile(`/proc/${engine.pid}/cmdline`).then(
      (text) => text.length === 0,
      () => true,
    ),
  );
  const enter = ['nsenter', `--target=${holder.pid}`, '--mount', '--cgroup', '--', ...command];
  const [file, ...args] = lab.commandIn('host', enter);
  const env = Object.fromEntries(environment.map((word) => splitOnce(word)));
  spawn(file, args, { stdio: 'ignore', detached: true, env }).unref();
  await poll('the engine to answer', async () =>
    lab.docker(['version']).then(
      () => true,
      () => false,
    ),
  );
}

async function readWords(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split('\0').filter((word) => word !== '');
}

function splitOnce(word: string): [string, string] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}

async function poll(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await pause(100);
  }
}
