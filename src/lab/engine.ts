/** Starts the lab's Docker Engine and waits until it answers. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../model/errors.js';
import { callEngine } from './api.js';
import { runChecked } from './enter.js';
import type { GatedProcess } from './gate.js';
import { poll } from './poll.js';
import { searchPath, type LabTools } from './tools.js';

/** The engine's files. All but `shared` are in the engine's private /run and vanish with it. */
export interface EngineFiles {
  data: string;
  exec: string;
  shared: string;
  socket: string;
  config: string;
  log: string;
}

export function engineFiles(folder: string): EngineFiles {
  const shared = join(folder, 'engine');
  return {
    data: join(folder, 'data'),
    exec: join(folder, 'exec'),
    shared,
    socket: join(shared, 'docker.sock'),
    config: join(shared, 'daemon.json'),
    log: join(shared, 'dockerd.log'),
  };
}

/** Creates the folders that the private view is mounted on, and the engine's configuration. */
export async function prepareEngineFiles(folder: string, dockerd: string): Promise<void> {
  const files = engineFiles(folder);
  for (const path of [files.shared, join(folder, 'run'), join(folder, 'client')]) {
    await mkdir(path, { mode: 0o700 });
  }
  const { stdout } = await runChecked([dockerd, '--version']);
  await writeFile(files.config, JSON.stringify(engineConfig(stdout, files.data)));
}

/** Up to Docker 23 the engine writes a key to /etc/docker unless told otherwise; later ones refuse the setting. */
export function engineConfig(version: string, data: string): Record<string, string> {
  const major = Number(/version (\d+)\./.exec(version)?.[1] ?? Number.NaN);
  return major < 24 ? { 'deprecated-key-path': join(data, 'key.json') } : {};
}

export interface EngineOptions {
  userlandProxy: boolean;
  /** Whether the kernel has overlayfs. If not, every container gets a copy of the image. */
  overlay: boolean;
  /** Appended, so they override those set here. */
  extra: readonly string[];
}

/** dockerd's arguments. It starts a containerd of its own, since it finds none in its private /run. */
export function engineArguments(files: EngineFiles, options: EngineOptions): string[] {
  return [
    `--config-file=${files.config}`,
    `--data-root=${files.data}`,
    `--exec-root=${files.exec}`,
    `--pidfile=${join(files.exec, 'dockerd.pid')}`,
    `--host=unix://${files.socket}`,
    '--group=root',
    `--storage-driver=${options.overlay ? 'overlay2' : 'vfs'}`,
    `--userland-proxy=${String(options.userlandProxy)}`,
    // The systemd driver would ask the machine's systemd for units.
    '--exec-opt=native.cgroupdriver=cgroupfs',
    '--cgroup-parent=/containers',
    ...options.extra,
  ];
}

/** Excludes the caller's environment: no proxy, context, socket activation or D-Bus address reaches the engine. */
export function engineEnvironment(files: EngineFiles): NodeJS.ProcessEnv {
  return {
    PATH: `${searchPath()}:/usr/libexec/docker:/usr/lib/docker`,
    HOME: files.data,
    TMPDIR: files.data,
    // firewalld of the machine would put the rules into the machine's own network namespace.
    DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nonexistent',
  };
}

export async function hasOverlay(): Promise<boolean> {
  const text = await readFile('/proc/filesystems', 'utf8');
  return /\toverlay$/m.test(text);
}

/** The command that runs dockerd inside the holder's namespaces. */
export function engineCommand(tools: LabTools, holder: number, args: readonly string[]): string[] {
  const target = `--target=${String(holder)}`;
  return [tools.nsenter, target, '--mount', '--net', '--cgroup', '--', tools.dockerd, ...args];
}

/** Waits for the answer to /_ping. @throws UserError with the last of its log when dockerd ends instead */
export async function awaitEngine(
  dockerd: GatedProcess,
  files: EngineFiles,
  signal?: AbortSignal,
): Promise<void> {
  let death: string | undefined;
  void dockerd.ended.then((how) => (death = how));
  await poll(
    async () => {
      const answer = await callEngine(files.socket, { path: '/_ping', signal }).catch(() => null);
      if (answer === null && death !== undefined) throw await explainDeath(death, files.log);
      return answer;
    },
    { timeoutMs: 180_000, what: 'the Docker Engine to answer', signal, intervalMs: 10 },
  );
}

async function explainDeath(death: string, logFile: string): Promise<UserError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  const last = log.trim().split('\n').slice(-10).join('\n');
  return new UserError(`The lab's Docker Engine ${death}:\n${last}`, {
    code: 'lab-engine-failed',
    exit: 1,
    remedy: 'The last lines above are from its log; `trace-flow doctor` checks what it needs.',
  });
}
