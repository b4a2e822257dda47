/** Finds what is known about a port that leads to no container: what is published, and who listens on it. */
import type { Unpublished } from '../../model/headline.js';
import type { Connection } from '../../model/report.js';
import type { Target } from '../../model/target.js';
import type { Topology } from '../../model/topology.js';
import { namePlaces } from '../hops/places.js';

const MOST_PUBLISHED = 8;

/** Null where a connection was answered, where a rule decided, or where no engine could be asked. */
export function findUnpublished(
  { asked, mappings }: Pick<Target, 'asked' | 'mappings'>,
  topology: Topology,
  connections: readonly Pick<Connection, 'outcome' | 'path' | 'end'>[],
): Unpublished | null {
  const [port, ...others] = asked;
  if (port === undefined || others.length > 0 || topology.engine === null) return null;
  if (connections.some(({ outcome, end }) => outcome === 'answered' || end.rule !== null)) {
    return null;
  }
  const atHost = connections.filter(({ path, end }) => path === 'host' && end.how === 'rst');
  if (mappings.length > 0 && (atHost.length === 0 || atHost.length < connections.length)) {
    return null;
  }
  const published = topology.containers.flatMap(({ name, published: ports }) =>
    ports.map(({ hostAddress, hostPort, containerPort }) => ({
      address: hostAddress,
      port: hostPort,
      container: name,
      inside: containerPort,
    })),
  );
  const here = published.filter((one) => one.port === port);
  const told = here.length > 0 ? here : listElsewhere(published, port);
  return {
    port,
    published: told.slice(0, MOST_PUBLISHED),
    more: Math.max(0, told.length - MOST_PUBLISHED),
    listens: listListening(topology, port),
  };
}

type Published = Unpublished['published'];

/** Lists each publication once, whatever its address; those that lead to the same container port come first. */
function listElsewhere(published: Published, port: number): Published {
  const once = new Map(
    published.map((one) => [JSON.stringify([one.container, one.port, one.inside]), one]),
  );
  const leads = (one: Published[number]): number => (one.inside === port ? 0 : 1);
  return [...once.values()].sort((a, b) => leads(a) - leads(b));
}

/** Null where no listener was found but some sockets could not be looked up. */
function listListening(topology: Topology, port: number): Unpublished['listens'] {
  const { listeners, listened, heard, unheard } = topology;
  const places = namePlaces(topology);
  const found = listeners
    .filter(({ local }) => local.port === port)
    .map(({ namespace, local, command, pid }) => ({
      namespace: places.namespace(namespace),
      address: local.address,
      command,
      pid,
    }));
  const looked = listeners.length > 0 || listened === true;
  const known = looked && (heard?.includes(port) ?? true) && (unheard ?? []).length === 0;
  return found.length > 0 || known ? found : null;
}
