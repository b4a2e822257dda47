/** Writes the commands of a container's own engine: what Podman runs, `docker` does not know. */
import type { Runtime } from '../model/runtime.js';

const TOOLS = {
  docker: 'docker',
  podman: 'podman',
  containerd: 'nerdctl',
  'cri-o': 'crictl',
  unknown: null,
} as const;

/** A pod's container is `NAMESPACE/POD/CONTAINER`. */
const IN_POD = /^([^/]+)\/([^/]+)\/([^/]+)$/;

/** ` (docker logs redis)`, or nothing where no command is known. */
export function writeLogsHint(name: string, runtime: Runtime): string {
  const command = writeLogs(name, runtime);
  return command === null ? '' : ` (${command})`;
}

/** The command that prints what a container says; null where its engine is not known. */
export function writeLogs(name: string, runtime: Runtime): string | null {
  const [, namespace, pod, container] = IN_POD.exec(name) ?? [];
  return container === undefined
    ? writeCommand(`logs ${name}`, runtime)
    : `kubectl logs -n ${namespace} ${pod} -c ${container}`;
}

/** `podman inspect redis`, `podman inspect redis as user 1000`. */
export function writeCommand(words: string, { engine = 'docker', user }: Runtime): string | null {
  const tool = TOOLS[engine];
  if (tool === null) return null;
  return user === undefined ? `${tool} ${words}` : `${tool} ${words}, as user ${user}`;
}
