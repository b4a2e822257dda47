/** Defines a running lab: runs containers and commands in it, and takes it down. */
import { join } from 'node:path';
import {
  inspectContainer,
  runContainer,
  type ContainerSpec,
  type LabContainer,
} from './containers.js';
import type { EngineFiles } from './engine.js';
import { buildEntry, runChecked, type CommandResult, type ExecOptions } from './enter.js';
import type { LabPlace } from './wire.js';
import { folderOf, type LabState } from './state.js';
import { takeDown } from './teardown.js';
import type { LabTools } from './tools.js';

/** Where a command runs: a container means its network namespace, with the machine's programs. */
export type Where = 'host' | 'client' | LabContainer;

export interface Lab {
  readonly id: string;
  /** For DOCKER_HOST: `unix://…`. */
  readonly dockerHost: string;
  readonly host: LabPlace;
  readonly client: LabPlace;
  /** The lab's folder; `engine/dockerd.log` in it is the engine's log. */
  readonly folder: string;
  /** Inodes of the lab's namespaces (`host.net`, `client.net` …), its processes and cgroups: see `findLeftovers`. */
  readonly state: Readonly<LabState>;
  /** Runs the docker command. @returns its standard output; throws with its standard error in the message */
  docker(args: readonly string[], options?: ExecOptions): Promise<string>;
  /** Starts a container and waits until it listens on its ports. */
  run(spec: ContainerSpec, signal?: AbortSignal): Promise<LabContainer>;
  /** Inspects a container again: its pid and namespace change when it is restarted. */
  inspect(name: string): Promise<LabContainer>;
  /** Runs a command to its end. */
  exec(where: Where, command: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** The argument array that `exec` would run, for those who want to hold the process themselves. */
  commandIn(where: Where, command: readonly string[]): [string, ...string[]];
  /** Removes everything; may be called again. */
  down(): Promise<void>;
}

export interface LabParts {
  state: LabState;
  tools: LabTools;
  files: EngineFiles;
  places: { host: LabPlace; client: LabPlace };
}

export function createLab({ state, tools, files, places }: LabParts): Lab {
  const folder = folderOf(state.id);
  const dockerHost = `unix://${files.socket}`;
  // Excludes the user's contexts and credentials, and variables such as DOCKER_TLS_VERIFY.
  const dockerEnvironment: NodeJS.ProcessEnv = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^DOCKER_/.test(name))),
    DOCKER_HOST: dockerHost,
    DOCKER_CONFIG: join(folder, 'client'),
  };
  const docker: Lab['docker'] = async (args, options) => {
    const command = [tools.docker, ...args];
    return (await runChecked(command, { timeoutMs: 300_000, ...options, env: dockerEnvironment }))
      .stdout;
  };
  const commandIn: Lab['commandIn'] = (where, command) => {
    const { netns } = typeof where === 'string' ? places[where] : where;
    const procs = join(state.tracker, 'exec', 'cgroup.procs');
    return buildEntry({ nsenter: tools.nsenter, netns, procs }, command);
  };
  let going: Promise<unknown> | undefined;
  return {
    id: state.id,
    dockerHost,
    ...places,
    folder,
    state,
    docker,
    commandIn,
    inspect: (name) => inspectContainer({ socket: files.socket, docker }, name),
    run: (spec, signal) => runContainer({ socket: files.socket, docker, signal }, spec),
    exec: (where, command, options) => runChecked(commandIn(where, command), options),
    down: async () => {
      going ??= takeDown(state, state.bootId).catch((error: unknown) => {
        going = undefined; // to be tried again
        throw error;
      });
      await going;
    },
  };
}
