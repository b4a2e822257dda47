/** A host for engines: a root of its own, in its own mount, network, process and control-group namespaces, and a client outside. */
import { execa } from 'execa';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { findTools } from '../../src/lab/tools.js';
import { wire, type LabPlace } from '../../src/lab/wire.js';
import { ENTER } from './enter.js';

export interface Ran {
  readonly stdout: string;
  readonly exitCode: number;
}

export interface ExecOptions {
  readonly input?: string;
  readonly allowFailure?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Where traffic comes from: the host, the client outside, or a namespace by the path of its file as this machine sees it. */
export type From = 'host' | 'client' | { readonly netns: string };

/** Joins the control group and becomes the command. */
const JOIN = 'echo 0 > "$0" && exec "$@"';
const PATIENCE = 120_000;

export class EngineHost {
  readonly #pid: number;
  readonly #cgroup: string;
  readonly #work: string;
  readonly #holders: readonly ChildProcess[];

  private constructor(
    parts: { pid: number; cgroup: string; work: string; holders: readonly ChildProcess[] },
    readonly host: LabPlace,
    readonly client: LabPlace,
  ) {
    this.#pid = parts.pid;
    this.#cgroup = parts.cgroup;
    this.#work = parts.work;
    this.#holders = parts.holders;
  }

  /**
   * @param root the folder that holds the system; `/` for this machine's own
   * @throws Error when a namespace or a mount cannot be made; nothing is left then
   */
  static async start(root: string): Promise<EngineHost> {
    const work = await mkdtemp(join(tmpdir(), 'trace-flow-engines-'));
    const holders: ChildProcess[] = [];
    let cgroup: string | null = null;
    try {
      cgroup = await makeCgroup();
      const namespaces = ['--mount', '--net', '--pid', '--ipc', '--uts', '--cgroup', '--fork'];
      const host = hold(cgroup, [
        ...['unshare', ...namespaces, '--kill-child', '--propagation', 'private'],
        ...['sh', '-c', ENTER, 'enter', root, work],
      ]);
      holders.push(host);
      const client = hold(cgroup, ['unshare', '--net', 'sh', '-c', HOLD]);
      holders.push(client);
      const pid = await readPid(host);
      const pids = { host: pid, client: await readPid(client) };
      const places = await wire(await findTools(), pids);
      return new EngineHost({ pid, cgroup, work, holders }, places.host, places.client);
    } catch (error) {
      await takeDown(holders, cgroup, work);
      throw error;
    }
  }

  /** A path in its root, as this machine sees it. */
  path(inside: string): string {
    return join(`/proc/${this.#pid}/root`, inside);
  }

  /** The network namespace of a process that the host knows by this number. */
  namespaceOf(pid: number): From {
    return { netns: this.path(`/proc/${pid}/ns/net`) };
  }

  /** Runs a command in it, with its programs. @throws Error with what it said, unless `allowFailure` */
  async exec(command: readonly string[], options: ExecOptions = {}): Promise<Ran> {
    const { input = '', allowFailure = false, env = {}, timeoutMs = PATIENCE } = options;
    const words = ['sh', '-c', JOIN, ...this.#entry(command, env)];
    const ran = await execa('sh', words.slice(1), { input, reject: false, timeout: timeoutMs });
    const exitCode = ran.exitCode ?? 127;
    if (exitCode !== 0 && !allowFailure) {
      throw new Error(`${command.join(' ')}: ${String(exitCode)}: ${ran.stderr || ran.stdout}`);
    }
    return { stdout: ran.stdout, exitCode };
  }

  async shell(script: string, options: ExecOptions = {}): Promise<string> {
    return (await this.exec(['sh', '-euc', script], options)).stdout;
  }

  /** Starts a command that stays until the host is taken down; what it says goes to `/tmp/NAME.log`. */
  start(
    name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): void {
    const line = ['sh', '-c', 'log=$1; shift; exec "$@" > "$log" 2>&1', 'sh', `/tmp/${name}.log`];
    const [file, ...args] = ['sh', '-c', JOIN, ...this.#entry([...line, ...command], env)];
    spawn(file ?? 'sh', args, { stdio: 'ignore', detached: true });
  }

  /** Runs one of this machine's programs in a network namespace. */
  commandIn(from: From, command: readonly string[]): [string, ...string[]] {
    const netns = typeof from === 'string' ? this[from].netns : from.netns;
    const procs = join(this.#cgroup, 'cgroup.procs');
    return ['sh', '-c', JOIN, procs, 'nsenter', `--net=${netns}`, '--', ...command];
  }

  async down(): Promise<void> {
    await takeDown(this.#holders, this.#cgroup, this.#work);
  }

  #entry(command: readonly string[], env: Readonly<Record<string, string>>): string[] {
    const variables = { PATH: PROGRAMS, HOME: '/root', LC_ALL: 'C.UTF-8', ...env };
    return [
      ...[join(this.#cgroup, 'cgroup.procs'), 'nsenter', `--target=${this.#pid}`],
      ...['--mount', '--net', '--pid', '--ipc', '--uts', '--cgroup', '--', 'env', '-i'],
      ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      ...command,
    ];
  }
}

const PROGRAMS =
  '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin:/usr/libexec/docker:/usr/share/docker.io/contrib';
const HOLD = 'echo "ready $$"; exec sleep infinity';

function hold(cgroup: string, command: readonly string[]): ChildProcess {
  const words = ['-c', JOIN, join(cgroup, 'cgroup.procs'), ...command];
  // In a group of its own: what the first process of a host leaves to the machine is no stray of the caller.
  return spawn('sh', words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

/** @throws Error with what it said when it ended instead */
async function readPid(holder: ChildProcess): Promise<number> {
  const said: string[] = [];
  holder.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const ended = once(holder, 'exit').then(() => {
    throw new Error(`the host of the engines did not start: ${said.join('')}`);
  });
  ended.catch(() => undefined); // later it ends with the host
  const lines = createInterface({ input: holder.stdout ?? process.stdin });
  const first = once(lines, 'line').then(([line]) =>
    Number(/^ready (\d+)/.exec(String(line))?.[1]),
  );
  return Promise.race([first, ended]);
}

async function makeCgroup(): Promise<string> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  const place = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  if (place === undefined) throw new Error('this machine has no cgroup2 mounted');
  await removeStale(place);
  const cgroup = join(place, `${PREFIX}${process.pid}-${Date.now().toString(36)}`);
  await mkdir(cgroup);
  return cgroup;
}

const PREFIX = 'trace-flow-engines-';

/** What runs left behind that were killed: their groups bear the pid of a process that is gone. */
async function removeStale(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const pid = name.startsWith(PREFIX) ? /^\d+/.exec(name.slice(PREFIX.length))?.[0] : undefined;
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await writeFile(join(place, name, 'cgroup.kill'), '1').catch(() => undefined);
    await removeCgroup(join(place, name));
  }
}

async function takeDown(
  holders: readonly ChildProcess[],
  cgroup: string | null,
  work: string,
): Promise<void> {
  const gone = holders.map(async (holder) => {
    if (holder.exitCode === null && holder.signalCode === null) await once(holder, 'exit');
  });
  // With the control group goes all that was ever started in it.
  if (cgroup !== null) await writeFile(join(cgroup, 'cgroup.kill'), '1').catch(() => undefined);
  for (const holder of holders) holder.kill('SIGKILL');
  await Promise.all(gone);
  if (cgroup !== null) await removeCgroup(cgroup);
  await rm(work, { recursive: true, force: true });
}

/** Processes that were killed leave their group a moment later. */
async function removeCgroup(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries)
    if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const failure = await rmdir(folder).then(
      () => null,
      (error: unknown) => error as NodeJS.ErrnoException,
    );
    if (failure === null || failure.code === 'ENOENT') return;
    if (failure.code !== 'EBUSY') throw failure;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
