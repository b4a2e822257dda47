/** Puts Podman's containers into their pods: each names the container that holds its pod, whose hostname is the pod's name. */
import { readSandbox } from './bundle.js';

interface Member {
  readonly id: string;
  readonly name: string;
  readonly pod: string | null;
  readonly infra: boolean;
}

/** A container, and the text of the file that it was started from. */
export interface Started<Container extends Member> {
  readonly container: Container;
  readonly config: string;
}

/**
 * The holder is known by its id, so that one with a name of its own (`--infra-name`) is found too. A pod has the name as its hostname
 * unless `podman pod create --hostname` gave it another; a holder that is called after its own id tells no name.
 */
export function joinPods<Container extends Member>(
  started: readonly Started<Container>[],
): Container[] {
  const read = started.map(({ container, config }) => ({ container, ...readSandbox(config) }));
  const holders = new Set(read.flatMap(({ sandbox }) => sandbox ?? []));
  const names = new Map(
    read.flatMap(({ container: { id, infra }, hostname }) => {
      const holds = infra || holders.has(id);
      return holds && hostname !== null && !id.startsWith(hostname)
        ? [[id, hostname] as const]
        : [];
    }),
  );
  return read.map(({ container, sandbox }) => {
    const pod = names.get(sandbox ?? container.id) ?? null;
    const infra = container.infra || holders.has(container.id);
    return { ...container, infra, pod, name: infra && pod !== null ? pod : container.name };
  });
}
