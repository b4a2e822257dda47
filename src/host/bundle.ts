/** Reads a container's names from the file that it was started from (config.json of OCI runtimes). */
import { dirname } from 'node:path';
import { readText } from './procfs.js';

/** Names of a container as its engine gave them; null when the file does not contain them. */
export interface BundleNames {
  /** Its own name; in Kubernetes, the name within its pod. */
  readonly name: string | null;
  /** Kubernetes: `NAMESPACE/NAME` of the pod. */
  readonly pod: string | null;
  /** Holds the namespaces of a pod, and runs nothing else. */
  readonly infra: boolean;
  readonly compose: { readonly project: string; readonly service: string } | null;
}

const NOTHING: BundleNames = { name: null, pod: null, infra: false, compose: null };

/**
 * Reads the annotations of containerd's CRI, CRI-O and nerdctl. For Docker, follows one of the mounts to Docker's own
 * file.
 * @param text of config.json
 * @param root where the paths in it begin, such as /proc/PID/root of the process that keeps the container
 */
export function readBundle(text: string, root: string): BundleNames {
  const config = parse(text);
  const annotations = config['annotations'];
  const kubernetes = readKubernetes(annotations);
  if (kubernetes) return kubernetes;
  const nerdctl = word(annotations, 'nerdctl/name');
  if (nerdctl !== null) return { ...NOTHING, name: nerdctl, compose: readCompose(annotations) };
  return readDocker(config['mounts'], root) ?? NOTHING;
}

function readKubernetes(annotations: unknown): BundleNames | null {
  const cri = 'io.kubernetes.cri.';
  const kind =
    word(annotations, `${cri}container-type`) ??
    word(annotations, 'io.kubernetes.cri-o.ContainerType');
  const pod =
    word(annotations, `${cri}sandbox-name`) ?? word(annotations, 'io.kubernetes.pod.name');
  const namespace =
    word(annotations, `${cri}sandbox-namespace`) ??
    word(annotations, 'io.kubernetes.pod.namespace');
  if (kind === null || pod === null || namespace === null) return null;
  const name =
    word(annotations, `${cri}container-name`) ?? word(annotations, 'io.kubernetes.container.name');
  const infra = kind === 'sandbox';
  return { name: infra ? null : name, pod: `${namespace}/${pod}`, infra, compose: null };
}

/** Docker mounts the container's /etc/hostname from the folder that also holds the file with the name. */
function readDocker(mounts: unknown, root: string): BundleNames | null {
  if (!Array.isArray(mounts)) return null;
  const mount: unknown = mounts.find((one) => word(one, 'destination') === '/etc/hostname');
  const source = word(mount, 'source');
  if (source === null) return null;
  const own = parse(readText(`${root}${dirname(source)}/config.v2.json`) ?? '');
  const name = word(own, 'Name');
  if (name === null) return null;
  const settings = own['Config'];
  const labels = isObject(settings) ? settings['Labels'] : undefined;
  return { ...NOTHING, name: name.replace(/^\//, ''), compose: readCompose(labels) };
}

/** Reads the labels of Docker Compose and of compatible tools. */
export function readCompose(labels: unknown): BundleNames['compose'] {
  for (const prefix of ['com.docker.compose.', 'io.podman.compose.']) {
    const project = word(labels, `${prefix}project`);
    const service = word(labels, `${prefix}service`);
    if (project !== null && service !== null) return { project, service };
  }
  return null;
}

/** The container that holds the pod of this one, which CRI-O and Podman name by its id, and its own hostname. */
export function readSandbox(text: string): { sandbox: string | null; hostname: string | null } {
  const config = parse(text);
  const sandbox = word(config['annotations'], 'io.kubernetes.cri-o.SandboxID');
  return { sandbox, hostname: word(config, 'hostname') };
}

/** The file of the network namespace that a container was started in; null where it got one of its own. */
export function readNamespacePath(text: string): string | null {
  const linux = parse(text)['linux'];
  const list = isObject(linux) ? linux['namespaces'] : undefined;
  if (!Array.isArray(list)) return null;
  const network: unknown = list.find((one) => word(one, 'type') === 'network');
  return word(network, 'path');
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** A non-empty text of an object; null without. */
function word(value: unknown, key: string): string | null {
  const found = isObject(value) ? value[key] : undefined;
  return typeof found === 'string' && found !== '' ? found : null;
}
