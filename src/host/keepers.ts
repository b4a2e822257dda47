/** Finds running containers by their keeper processes (conmon, containerd's shims), for engines whose API is silent. */
import type { Ancestry } from './ancestry.js';
import { readBundle, readNamespacePath, type BundleNames } from './bundle.js';
import { joinPods, type Started } from './podman-pods.js';
import { readArguments, readCommandName, readText, type ProcessEntry } from './procfs.js';

/** A container whose first process is known, with the name that its engine gave it. */
export interface KeptContainer {
  /** 64 digits, or the id that containerd was given. */
  readonly id: string;
  readonly name: string;
  readonly pod: string | null;
  readonly infra: boolean;
  readonly compose: BundleNames['compose'];
  readonly pid: number;
  /** Inode of its network namespace. */
  readonly namespace: number;
  /** The process that keeps it; its place decides which host the container belongs to. */
  readonly keeper: ProcessEntry;
  readonly product: 'podman' | 'cri-o' | 'docker' | 'containerd';
  /** Uid that the keeper runs as; 0 where it is root or not known. */
  readonly user: number;
  /** File of its network namespace, which port drivers get as an argument; null when it is not known. */
  readonly path: string | null;
}

const CONMON = 'conmon';
/** `containerd-shim-runc-v2`, as the kernel truncates it. */
const SHIM = 'containerd-shim';

/** Leaves out a container that is not certain (no id, or several first processes in different namespaces). */
export function listKept(
  proc: string,
  processes: readonly ProcessEntry[],
  ancestry: Ancestry,
): KeptContainer[] {
  const started: Started<KeptContainer>[] = [];
  const others: KeptContainer[] = [];
  for (const keeper of processes) {
    const command = readCommandName(proc, keeper.pid);
    if (command === SHIM) others.push(...readShim(proc, keeper, ancestry));
    const one = command === CONMON ? readConmon(proc, keeper, ancestry) : null;
    if (one?.container.product === 'podman') started.push(one);
    else if (one) others.push(one.container);
  }
  return [...joinPods(started), ...others];
}

function readConmon(
  proc: string,
  keeper: ProcessEntry,
  ancestry: Ancestry,
): Started<KeptContainer> | null {
  const words = readArguments(proc, keeper.pid) ?? [];
  const id = valueOf(words, '-c', '--cid');
  // `podman exec` has a conmon of its own, whose child is no container.
  const executes = words.some((word) =>
    /^(-e|--exec|--exec-attach|--exec-process-spec)$/.test(word),
  );
  if (id === null || !/^[0-9a-f]{64}$/.test(id) || executes) return null;
  const [first, ...more] = ancestry.childrenOf(keeper.pid);
  if (!first || more.some(({ namespace }) => namespace !== first.namespace)) return null;
  const name = valueOf(words, '-n', '--name');
  const kubernetes = readPodName(name ?? '');
  const config = readConfig(proc, keeper.pid, valueOf(words, '-b', '--bundle'));
  const container: KeptContainer = {
    id,
    name: id.slice(0, 12),
    pod: null,
    compose: null,
    ...(kubernetes ?? (name !== null && { name })),
    infra: kubernetes?.infra ?? isInfraName(name ?? ''),
    pid: first.pid,
    namespace: first.namespace,
    keeper,
    product: kubernetes ? 'cri-o' : 'podman',
    user: readUser(proc, keeper.pid),
    path: readNamespacePath(config),
  };
  return { container, config };
}

function readUser(proc: string, pid: number): number {
  const uid = /^Uid:\s+(\d+)/m.exec(readText(`${proc}/${pid}/status`) ?? '')?.[1];
  return Number(uid ?? 0);
}

/** The file that a container was started from; empty when it cannot be read. */
function readConfig(proc: string, pid: number, bundle: string | null): string {
  return bundle === null ? '' : (readText(`${proc}/${pid}/root${bundle}/config.json`) ?? '');
}

/** Podman names the container that holds a pod's namespaces after the pod's id. */
export function isInfraName(name: string): boolean {
  return /^[0-9a-f]{12}-infra$/.test(name);
}

/** `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, as CRI-O and cri-dockerd name containers; POD holds the namespaces. */
export function readPodName(text: string): { name: string; pod: string; infra: boolean } | null {
  const [lead, container = '', pod = '', namespace = '', ...rest] = text.split('_');
  if (lead !== 'k8s' || pod === '' || namespace === '' || rest.length !== 2) return null;
  const infra = container === 'POD';
  const whole = `${namespace}/${pod}`;
  return { name: infra ? whole : `${whole}/${container}`, pod: whole, infra };
}

function readShim(proc: string, keeper: ProcessEntry, ancestry: Ancestry): KeptContainer[] {
  const words = readArguments(proc, keeper.pid) ?? [];
  const id = valueOf(words, '-id', '--id');
  if (id === null || !/^[\w.-]+$/.test(id)) return [];
  const children = ancestry.childrenOf(keeper.pid);
  return children.flatMap(({ pid, namespace }) => {
    const own = children.length === 1 ? id : readGroupId(readText(`${proc}/${pid}/cgroup`) ?? '');
    if (own === null) return [];
    // The shim's working folder is the one that its container was started from; the pod's other folders are beside it.
    const folder = `${proc}/${keeper.pid}/cwd${own === id ? '' : `/../${own}`}`;
    const names = readBundle(readText(`${folder}/config.json`) ?? '', `${proc}/${keeper.pid}/root`);
    const { pod, infra, compose } = names;
    const product =
      valueOf(words, '-namespace', '--namespace') === 'moby' ? 'docker' : 'containerd';
    const base = {
      id: own,
      pod,
      infra,
      compose,
      pid,
      namespace,
      keeper,
      product,
      user: readUser(proc, keeper.pid),
      path: null,
    } as const;
    return [{ ...base, name: nameOf(names, own) }];
  });
}

function nameOf({ name, pod }: BundleNames, id: string): string {
  if (pod !== null) return name === null ? pod : `${pod}/${name}`;
  return name ?? id.slice(0, 12);
}

/**
 * The container's id at the end of a control group's path, in the forms that runtimes use: `…/ID`, `…/docker-ID.scope`,
 * `…:cri-containerd:ID`. Null when groups differ or none has an id.
 */
export function readGroupId(text: string): string | null {
  const found = new Set<string>();
  for (const line of text.split('\n')) {
    const last = line.slice(line.lastIndexOf('/') + 1);
    const match = /(?:^|[-:])([0-9a-f]{64})(?:\.scope)?$/.exec(last);
    if (match?.[1] !== undefined) found.add(match[1]);
  }
  const [only] = found;
  return found.size === 1 && only !== undefined ? only : null;
}

function valueOf(words: readonly string[], ...flags: readonly string[]): string | null {
  for (const [index, word] of words.entries()) {
    if (flags.includes(word)) return words[index + 1] ?? null;
    const flag = flags.find((one) => word.startsWith(`${one}=`));
    if (flag !== undefined) return word.slice(flag.length + 1);
  }
  return null;
}
