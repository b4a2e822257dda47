/** Every engine of the table, suite after suite. */
import type { Engine } from './engine.js';
import { listCni } from './engines/cni.js';
import { listContainerd } from './engines/containerd.js';
import { listDocker } from './engines/docker.js';
import { listKubernetes } from './engines/kubernetes.js';
import { listPodman } from './engines/podman.js';
import { listRootless, listRootlessPodman } from './engines/rootless.js';
import { SEVERAL } from './engines/several.js';

/** In bookworm Podman still knows CNI. */
export const ENGINES: readonly Engine[] = [
  ...(['bookworm', 'trixie', 'sid'] as const).flatMap((suite) => [
    ...listDocker(suite),
    ...listPodman(suite, suite === 'bookworm' ? ['netavark', 'cni'] : ['netavark']),
    ...listCni(suite),
    ...listRootless(suite),
    ...listContainerd(suite),
    ...(suite === 'bookworm' ? [...listKubernetes(suite), SEVERAL] : []),
  ]),
  ...listPodman('experimental', ['netavark']),
  ...listRootlessPodman('experimental', ['pasta']),
];
