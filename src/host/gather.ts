/** Gathers all containers of a host: those that its engines report, and those that only their keepers reveal. */
import { runtimeOf, type Runtime } from '../model/runtime.js';
import type { Container, Device, OtherEngine, Topology } from '../model/topology.js';
import { adoptContainers } from './adopt.js';
import type { EngineReading } from './docker.js';
import type { KeptContainer } from './keepers.js';
import type { NamespaceFile } from './namespaces.js';
import { placeContainers } from './placement.js';
import { describeOtherHost } from './problems.js';

export interface Gathering {
  /** Inode of the host's namespace. */
  readonly host: number;
  readonly readings: readonly EngineReading[];
  /** Every container of the machine that has a keeper process, and those of this host. */
  readonly keepers: readonly KeptContainer[];
  readonly ours: readonly KeptContainer[];
  /** Id of a container → its namespace. */
  readonly namespaces: ReadonlyMap<string, number>;
  readonly devices: ReadonlyMap<number, readonly Device[]>;
  readonly rootless: ReadonlySet<number>;
  readonly files: ReadonlyMap<number, NamespaceFile>;
  /** Whether the engine was named by the caller, not searched for. */
  readonly asked: boolean;
}

export interface Gathered {
  readonly containers: readonly Container[];
  readonly engine: Topology['engine'];
  readonly others: readonly OtherEngine[];
  readonly problems: readonly string[];
}

export function gatherContainers(gathering: Gathering): Gathered {
  const { host, readings, keepers, ours, namespaces, devices, rootless, files, asked } = gathering;
  const kept = new Map(keepers.map((one) => [one.id, one]));
  const served = readings.map((reading) => {
    const runtime = readRuntime(reading.engine);
    const containers = reading.containers.map((one) => ({
      ...one,
      ...runtime,
      ...(one.pid > 0 && { pid: kept.get(one.id)?.pid ?? one.pid }),
      ...readPod(kept.get(one.id)),
    }));
    const byPid = new Map(
      containers.flatMap(({ id, pid }) => {
        const namespace = namespaces.get(id);
        return namespace === undefined ? [] : [[pid, namespace] as const];
      }),
    );
    const placed = placeContainers({ host, containers, namespaces: byPid, devices, rootless });
    return { reading, placed };
  });
  const here = served.filter(
    ({ reading, placed }) => reading.engine !== null && placed.servesOther === null,
  );
  const told = here.flatMap(({ placed }) => placed.containers);
  const ids = new Set(told.map(({ id }) => id));
  const adopted = adoptContainers(ours, { host, devices, told: ids });
  // An engine that was only searched for and is absent is no problem when something else reveals containers.
  const silent = !asked && (here.length > 0 || adopted.length > 0);
  const problems = served.flatMap(({ reading, placed }) => {
    if (silent && (reading.engine === null || placed.servesOther !== null)) return [];
    return [...reading.problems, ...describeOtherHost(placed.servesOther, reading, files)];
  });
  const [first, ...more] = here;
  const beside = more.flatMap(({ reading: { engine, containers } }): OtherEngine[] =>
    engine === null
      ? []
      : [
          {
            product: engine.product ?? 'docker',
            version: engine.version,
            address: engine.address ?? null,
            containers: containers.filter(({ pid }) => pid > 0).length,
          },
        ],
  );
  return {
    containers: [...told, ...adopted],
    engine: first?.reading.engine ?? null,
    others: [...beside, ...countSilent(ours, ids)],
    problems,
  };
}

/** Podman's API for Docker's clients tells nothing of pods. */
function readPod(
  kept: KeptContainer | undefined,
): Partial<Pick<Container, 'name' | 'pod' | 'infra'>> {
  if (kept?.product !== 'podman' || kept.pod === null) return {};
  const { pod, name, infra } = kept;
  return infra ? { pod, name, infra } : { pod };
}

/** The product, and the user below whose folder its socket is. */
function readRuntime(engine: EngineReading['engine']): Runtime {
  const user = /\/run\/user\/(\d+)\//.exec(engine?.address ?? '')?.[1];
  return runtimeOf({ engine: engine?.product ?? 'docker', user: Number(user ?? 0) });
}

/** Engines of which only the containers are visible: a user's own Podman is another than root's. */
function countSilent(ours: readonly KeptContainer[], told: ReadonlySet<string>): OtherEngine[] {
  const counts = new Map<string, OtherEngine>();
  for (const { id, product, infra, user } of ours) {
    if (told.has(id) || infra) continue;
    const key = `${product} ${user}`;
    const containers = (counts.get(key)?.containers ?? 0) + 1;
    const whose = user > 0 && { user };
    counts.set(key, { product, version: null, address: null, containers, ...whose });
  }
  return [...counts.values()];
}
