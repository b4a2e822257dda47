/** Reports which engines a machine has, and what can be known about the containers of each. */
import type { Check } from '../model/doctor.js';
import type { OtherEngine, PortDriver, Topology } from '../model/topology.js';
import { ok, warning } from './check.js';

export function checkEngines(topology: Topology, userlandProxy: boolean | null): Check[] {
  const { engine, relays, problems, others = [], drivers = [] } = topology;
  const limits = problems.map((problem) => {
    const [finding = '', remedy = ''] = problem.replace(/\.$/, '').split(/; /);
    return warning('topology', finding, remedy === '' ? null : remedy);
  });
  const beside = [...others.map(checkOther), ...checkDrivers(topology, drivers)];
  if (!engine) return [...beside, ...limits];
  const product = NAMES[engine.product ?? 'docker'];
  const proxy = userlandProxy === null ? 'not seen' : userlandProxy ? 'on' : 'off';
  const own = relays.filter(({ namespace }) => namespace === undefined).length;
  const count = `${own} docker-proxy ${own === 1 ? 'process' : 'processes'}`;
  const first = ok(
    'engine',
    `${product} ${engine.version} answers at ${engine.address ?? 'DOCKER_HOST'}`,
  );
  const docker =
    engine.product === 'podman'
      ? []
      : [ok('userland-proxy', `userland-proxy is ${proxy}, ${count} here`)];
  return [first, ...docker, ...beside, ...limits];
}

const NAMES = {
  docker: 'Docker Engine',
  podman: 'Podman',
  containerd: 'containerd',
  'cri-o': 'CRI-O',
} as const;

/** How the containers of each engine are identified when its API does not answer. */
const SOURCES = {
  docker: 'names by containerd’s shims and Docker’s own files',
  podman: 'names by conmon’s arguments, pods by what holds them',
  containerd: 'names by containerd’s shims and the annotations of its bundles',
  'cri-o': 'pods and names by conmon’s arguments',
} as const;

function checkOther({ product, version, address, containers, user }: OtherEngine): Check {
  const count = `${containers} ${containers === 1 ? 'container' : 'containers'}`;
  const name = NAMES[product];
  if (address !== null && version !== null) {
    return ok('engine', `${name} ${version} answers at ${address}, ${count}`);
  }
  const owner = user === undefined ? name : `${name} of user ${user}`;
  return ok(
    'engine',
    `${owner} runs ${count} and answers at no socket: ${SOURCES[product]}, addresses by their devices, published ports by the rules`,
  );
}

function checkDrivers(topology: Topology, drivers: readonly PortDriver[]): Check[] {
  const serving = new Set(
    topology.listeners.filter(({ namespace }) => namespace === topology.host).map(({ pid }) => pid),
  );
  return drivers
    .filter(({ pid }) => serving.has(pid))
    .map(({ pid, command, namespaces, ports }) => {
      const ways = ports.length > 0 ? 'its arguments name the ports' : 'it does not name the ports';
      const lead = `${command} (pid ${pid}) hands on for a rootless engine`;
      return namespaces.length > 0
        ? ok('port-driver', `${lead}; where it leads is known, and ${ways}`)
        : warning('port-driver', `${lead}; where it leads is not known`, null);
    });
}
