/** Reads the Docker Engine's containers and networks over its HTTP API; an unreachable engine becomes a sentence. */
import type { Engine } from '../model/topology.js';
import {
  parseContainer,
  parseContainerList,
  parseNetworks,
  parseEngineVersion,
  type BridgeNames,
  type EngineContainer,
  type EngineVersion,
  type ListedContainer,
} from './docker-answers.js';
import { findContext } from './docker-context.js';
import {
  describeContext,
  findEndpoints,
  socketOf,
  type DockerEndpoint,
} from './docker-endpoint.js';
import { connectDocker, DockerFailure, type DockerClient } from './docker-http.js';

export interface EngineReading {
  /** Null when no engine could be reached. */
  readonly engine: Engine | null;
  /** Running and stopped containers, by name. */
  readonly containers: readonly EngineContainer[];
  readonly problems: readonly string[];
}

export interface DockerOptions {
  /** As in DOCKER_HOST; the usual sockets when left out. */
  dockerHost?: string | undefined;
  /** For DOCKER_TLS_VERIFY and DOCKER_CERT_PATH. */
  env?: NodeJS.ProcessEnv;
  /** Milliseconds for each answer, 2,000 when left out; all of them together may take twice that. */
  timeout?: number;
  signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT = 2_000;

/** Asks each engine for its version, containers and networks; at least one reading. Throws only when `signal` fires. */
export async function readEngines(options: DockerOptions = {}): Promise<EngineReading[]> {
  const env = options.env ?? process.env;
  const context = (options.dockerHost ?? '') === '' ? findContext(env) : null;
  const chosen = context && socketOf(context);
  const endpoints = findEndpoints(options.dockerHost, env, undefined, chosen);
  if ('problem' in endpoints) return [unreachable(endpoints.problem)];
  const readings = await Promise.all(
    endpoints.map(async (endpoint) => readEngine(endpoint, options)),
  );
  const elsewhere = context && describeContext(context);
  if (elsewhere === null) return readings;
  const told = (reading: EngineReading): EngineReading => ({
    ...reading,
    // That no engine runs here explains nothing where another machine's is used.
    problems: reading.engine === null ? [elsewhere] : [elsewhere, ...reading.problems],
  });
  return readings.map((reading, index) => (index === 0 ? told(reading) : reading));
}

async function readEngine(
  endpoint: DockerEndpoint,
  { timeout = DEFAULT_TIMEOUT, signal }: DockerOptions,
): Promise<EngineReading> {
  const client = connectDocker(endpoint, { answer: timeout, total: 2 * timeout }, signal);
  try {
    return await readFrom(client);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof DockerFailure)) throw error;
    return unreachable(`Containers are unknown: ${explain(error)}.`);
  } finally {
    client.close();
  }
}

async function readFrom(client: DockerClient): Promise<EngineReading> {
  const version = parseEngineVersion(await client.get('/version'));
  if (!version) {
    throw new DockerFailure(
      `${client.address} does not answer like a Docker Engine`,
      'check that DOCKER_HOST names a Docker Engine',
    );
  }
  const problems: string[] = [];
  const [listed, bridges] = await Promise.all([
    client.get('/containers/json?all=1').then(parseContainerList),
    readBridges(client, version, problems),
  ]);
  const containers = await readContainers(client, listed, bridges, problems);
  return {
    engine: { version: version.version, product: version.product, address: client.address },
    containers: containers.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    problems,
  };
}

async function readBridges(
  client: DockerClient,
  version: EngineVersion,
  problems: string[],
): Promise<BridgeNames> {
  try {
    return parseNetworks(await client.get('/networks'), version.product);
  } catch (error) {
    if (!(error instanceof DockerFailure)) throw error;
    problems.push(`Networks are unknown: ${explain(error)}.`);
    return new Map();
  }
}

async function readContainers(
  client: DockerClient,
  listed: readonly ListedContainer[],
  bridges: BridgeNames,
  problems: string[],
): Promise<EngineContainer[]> {
  const names = new Map(listed.map((container) => [container.id, container.name]));
  const failures: DockerFailure[] = [];
  const read = async (container: ListedContainer): Promise<EngineContainer | null> => {
    try {
      const path = `/containers/${encodeURIComponent(container.id)}/json`;
      return parseContainer(await client.get(path), bridges, names);
    } catch (error) {
      if (!(error instanceof DockerFailure)) throw error;
      // Status 404: it was removed since it was listed.
      if (error.status !== 404) failures.push(error);
      return null;
    }
  };
  const containers = await Promise.all(listed.map(read));
  const [first] = failures;
  if (first) {
    const count = failures.length === 1 ? 'One container' : `${failures.length} containers`;
    problems.push(`${count} could not be inspected: ${explain(first)}.`);
  }
  return containers.filter((container) => container !== null);
}

function unreachable(problem: string): EngineReading {
  return { engine: null, containers: [], problems: [problem] };
}

function explain(failure: DockerFailure): string {
  return `${failure.message}; ${failure.remedy}`;
}
