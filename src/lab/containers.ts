/** Runs containers in the lab's engine and waits until they are ready. */
import { z } from 'zod';
import { callEngine } from './api.js';
import { IMAGE } from './image.js';
import { parsePublished, readListeningPorts, type Port } from './listening.js';
import { poll } from './poll.js';

export interface ContainerSpec {
  name: string;
  command: string[];
  /** Values for `docker run --publish`. */
  publish?: string[] | undefined;
  network?: string | undefined;
  /** Further options of `docker run`. */
  extra?: string[] | undefined;
  /**
   * Ports that must listen before `run` returns; false for none. Default: a redis-server's own port, and for any other
   * command the container's published ports.
   */
  waitFor?: Port[] | false | undefined;
}

/** A Redis that also answers other hosts and writes nothing to disk. */
export const REDIS = ['redis-server', '--protected-mode', 'no', '--save', ''];

export interface LabContainer {
  name: string;
  id: string;
  /** Pid of its first process in the machine's pid namespace. */
  pid: number;
  netns: string;
  /** In its first network; empty with `--network host` or `none`. */
  ipv4: string;
  ipv6: string;
  mac: string;
  gateway: string;
}

export interface ContainerRunner {
  socket: string;
  docker: (
    args: readonly string[],
    options: { signal?: AbortSignal | undefined },
  ) => Promise<string>;
  signal?: AbortSignal | undefined;
}

/** @throws Error when the container cannot start, or ends or does not listen within 20 s */
export async function runContainer(
  runner: ContainerRunner,
  spec: ContainerSpec,
): Promise<LabContainer> {
  await runner.docker(runArguments(spec), { signal: runner.signal });
  const container = await inspectContainer(runner, spec.name);
  const ports = portsToAwait(spec);
  if (ports.length > 0) await awaitPorts(runner, container, ports);
  return container;
}

export function runArguments(spec: ContainerSpec): string[] {
  return [
    ...['run', '--detach', '--name', spec.name],
    ...(spec.publish ?? []).flatMap((value) => ['--publish', value]),
    ...(spec.network === undefined ? [] : ['--network', spec.network]),
    ...(spec.extra ?? []),
    IMAGE,
    ...spec.command,
  ];
}

export function portsToAwait(spec: ContainerSpec): Port[] {
  if (spec.waitFor === false) return [];
  if (spec.waitFor) return spec.waitFor;
  if (spec.command[0] === 'redis-server') {
    const option = spec.command.indexOf('--port');
    return [{ protocol: 'tcp', port: option < 0 ? 6379 : Number(spec.command[option + 1]) }];
  }
  return (spec.publish ?? []).flatMap(parsePublished);
}

async function awaitPorts(
  runner: ContainerRunner,
  { name, pid }: LabContainer,
  ports: readonly Port[],
): Promise<void> {
  const wanted = ports.map(({ protocol, port }) => `${protocol} ${String(port)}`);
  await poll(
    async () => {
      const open = (await readListeningPorts(pid)).map(
        ({ protocol, port }) => `${protocol} ${String(port)}`,
      );
      if (wanted.every((port) => open.includes(port))) return true;
      if (open.length === 0) await checkRunning(runner, name);
      return null;
    },
    {
      timeoutMs: 120_000,
      what: `${name} to listen on ${wanted.join(', ')}`,
      signal: runner.signal,
    },
  );
}

async function checkRunning(runner: ContainerRunner, name: string): Promise<void> {
  const { State: state } = await readInspection(runner, name);
  if (state.Running) return;
  const log = await runner.docker(['logs', name], {}).catch(String);
  throw new Error(`${name} ended with exit code ${String(state.ExitCode)}: ${log.trim()}`);
}

/** What is read of `GET /containers/NAME/json`. */
const inspection = z.object({
  Id: z.string(),
  State: z.object({ Running: z.boolean(), Pid: z.int(), ExitCode: z.int() }),
  NetworkSettings: z.object({
    Networks: z.record(
      z.string(),
      z.object({
        IPAddress: z.string(),
        GlobalIPv6Address: z.string(),
        MacAddress: z.string(),
        Gateway: z.string(),
      }),
    ),
  }),
});

async function readInspection(
  { socket, signal }: ContainerRunner,
  name: string,
): Promise<z.infer<typeof inspection>> {
  const path = `/containers/${encodeURIComponent(name)}/json`;
  return inspection.parse(JSON.parse(await callEngine(socket, { path, signal })));
}

export async function inspectContainer(
  runner: ContainerRunner,
  name: string,
): Promise<LabContainer> {
  const { Id: id, State: state, NetworkSettings: settings } = await readInspection(runner, name);
  const [network] = Object.values(settings.Networks);
  return {
    name,
    id,
    pid: state.Pid,
    netns: `/proc/${String(state.Pid)}/ns/net`,
    ipv4: network?.IPAddress ?? '',
    ipv6: network?.GlobalIPv6Address ?? '',
    mac: network?.MacAddress ?? '',
    gateway: network?.Gateway ?? '',
  };
}
