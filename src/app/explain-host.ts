/** Explains a host from what was read of it, whether live or from files. */
import type { RulesReading } from '../host/rules.js';
import type { Explanation, Vantage } from '../model/explain.js';
import type { HostSettings } from '../model/settings.js';
import type { Inside } from '../model/survey.js';
import type { PortMapping, Target } from '../model/target.js';
import type { Container, Topology } from '../model/topology.js';
import type { TraceHeader } from '../model/trace.js';
import { buildWorld, judgeProxy } from '../rules/evaluate/build-world.js';
import { listConcerned } from '../rules/explain/concerned-rules.js';
import { findFaults } from '../rules/findings/findings.js';
import { predictWays } from '../rules/evaluate/predict.js';
import { withhold } from '../rules/evaluate/withhold.js';
import { writeProxyReason } from '../words/engine.js';
import { writeFinding } from '../words/findings.js';
import { writeForecast } from '../words/predictions/forecast.js';
import { explainRule } from '../words/rule-meaning.js';
import { describeMap } from './explain-map.js';

/** What could be read of a host. */
export interface HostReading {
  readonly topology: Topology;
  readonly rules: RulesReading;
  readonly settings: HostSettings | null;
  /** Versions of IP whose rules were not given; left out if all were. */
  readonly unread?: readonly (4 | 6)[];
  /** Whether all of it comes from one machine. */
  readonly measured: boolean;
  /** What was read inside containers, by the inode of their namespace. */
  readonly insides?: ReadonlyMap<number, Inside>;
}

/** Explains a target: the map of what concerns it, the rules in words, and every client's path. */
export function explainHost(
  reading: HostReading,
  target: Target,
  asked: { readonly from?: Vantage | null; readonly client?: string | null } = {},
): Explanation {
  const { topology, rules, settings, measured, insides, unread } = reading;
  const mappings = listWays(topology, target);
  const world = buildWorld({
    topology,
    rules: rules.rules,
    unread,
    settings,
    mappings,
    measured,
    insides,
  });
  const ways = mappings.map((mapping) => ({
    mapping,
    container:
      world.containers.find(({ places }) =>
        places.some(({ address }) => address === mapping.target.address),
      ) ?? null,
    client: asked.client ?? null,
  }));
  const { predictions, met, stopped } = predictWays(world, ways, asked.from ?? null);
  const judged = rules.complete ? predictions : predictions.map((one) => withhold(one, null));
  const { engine } = topology;
  const { because, ...proxy } = judgeProxy(topology, rules.rules);
  return {
    schema: 'trace-flow/explain/1',
    engine:
      engine || proxy.firewall
        ? { version: engine?.version ?? null, ...proxy, because: writeProxyReason(because) }
        : null,
    ...describeMap({ topology, settings, ports: target.ports, insides }),
    rules: listConcerned(world, mappings, met).map(explainRule),
    predictions: judged.map(writeForecast),
    findings: findFaults({
      world,
      mappings,
      predictions: judged,
      complete: rules.complete,
      docker: engine !== null && engine.product !== 'podman',
      stopped: rules.complete ? stopped : [],
    }).map(writeFinding),
    problems: [...topology.problems, ...rules.problems, ...rules.rules.notes.map(toSentence)],
  };
}

/** The port mappings that a target covers. */
export function listWays(topology: Topology, target: Target): readonly PortMapping[] {
  return target.mappings.length > 0
    ? sortAsked(target)
    : target.asked.flatMap((port) => listUnpublished(topology, port, target));
}

/** Most containers to look into. */
const MOST_INSIDES = 40;

/** The containers whose own rules and routes matter: first the targets of the mappings, then possible clients. */
export function listInsidePlaces(
  topology: Topology,
  mappings: readonly PortMapping[],
): { name: string; namespace: number; pid: number }[] {
  const isTarget = ({ networks }: Container): boolean =>
    networks.some(({ addresses }) =>
      mappings.some(({ target }) => addresses.includes(target.address)),
    );
  const found = new Map<number, { name: string; namespace: number; pid: number }>();
  const sorted = topology.containers.toSorted((a, b) => Number(isTarget(b)) - Number(isTarget(a)));
  for (const { name, namespace, pid, networks } of sorted) {
    if (namespace === null || namespace === topology.host || pid === 0) continue;
    if (networks.length === 0 || found.has(namespace) || found.size >= MOST_INSIDES) continue;
    found.set(namespace, { name, namespace, pid });
  }
  return [...found.values()];
}

/** Explains the host from a trace's header; without rules, only its topology. Null when that is unknown too. */
export function explainTraced({
  topology,
  target,
  survey,
  client,
}: TraceHeader): Explanation | null {
  if (topology.namespaces.length === 0) return null;
  const { rules = { tables: [], notes: [] }, complete = false, settings = null } = survey ?? {};
  const reading = {
    topology,
    rules: { rules, complete, problems: [] },
    settings,
    measured: true,
    ...(survey?.insides && { insides: survey.insides }),
  };
  const explained = explainHost(reading, target, { client });
  return survey ? explained : { ...explained, predictions: [], findings: [] };
}

/** An asked port may be a port of the host and also of containers. Mappings from the host's port come first. */
function sortAsked({ mappings, asked }: Target): readonly PortMapping[] {
  const rank = ({ listens }: PortMapping): number => Number(!asked.includes(listens.port));
  return mappings.toSorted((a, b) => rank(a) - rank(b));
}

/** Mappings for a port that is not published: to the containers that listen on it, else to the host itself. */
function listUnpublished(
  topology: Topology,
  port: number,
  target: Pick<Target, 'protocol' | 'containers'>,
): PortMapping[] {
  const protocol =
    target.protocol === 'all'
      ? (topology.listeners.find(({ local }) => local.port === port)?.protocol ?? 'tcp')
      : target.protocol;
  const listens = { address: '0.0.0.0', port };
  const wanted = (container: Container): boolean =>
    target.containers.length === 0 || target.containers.includes(container.name);
  const inside = topology.containers.filter(wanted).flatMap((container): PortMapping[] => {
    const [address] = container.networks.flatMap(({ addresses }) => addresses);
    const open = topology.listeners.some(
      ({ namespace, local }) => namespace === container.namespace && local.port === port,
    );
    if (!open || address === undefined || container.namespace === topology.host) return [];
    return [{ protocol, listens, target: { address, port } }];
  });
  return inside.length > 0 ? inside : [{ protocol, listens, target: listens }];
}

function toSentence(note: string): string {
  return `${note.charAt(0).toUpperCase()}${note.slice(1)}.`;
}
