/** Assembles the report on judged connections: verdict, coverage, places that took part, statistics. */
import type { Connection, Report } from '../model/report.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import { coverageOf } from './coverage/coverage.js';
import { findReduced } from './coverage/reduced.js';
import { KeptConnection } from './kept-connection.js';
import { namePlaces, type Places } from './hops/places.js';
import { attributeRules } from './hops/rules-met.js';
import { findStatistics } from './timing/statistics.js';
import { findHeadline } from './verdict/headline.js';
import { findUnpublished } from './verdict/unpublished.js';
import { sumUp } from './verdict/verdict.js';

/** The prediction from the host's rules: connections with their predictions, and findings where they differ. */
export type PredictedReport = Required<Pick<Report, 'connections' | 'findings'>>;

export interface Assembling {
  /** Null where the rules were not read, which is always so for a capture. */
  readonly predicted: PredictedReport | null;
  /** Names of further namespaces that took part, in addition to those of the connections' hops. */
  readonly named: ReadonlySet<string>;
}

export function assembleReport(
  trace: Trace,
  seen: readonly Connection[],
  { predicted, named }: Assembling,
): Report {
  const { header, tail } = trace;
  const places = namePlaces(header.topology);
  const { rules } = tail;
  const told = predicted?.connections ?? [...seen];
  const connections = rules ? attributeRules(told, rules) : told;
  const asked = {
    ports: [...header.target.asked],
    protocol: header.target.protocol,
    containers: [...header.target.containers],
  };
  const reduced = findReduced(trace);
  const headline = findHeadline({
    connections,
    target: asked,
    faults: predicted?.findings ?? [],
    // A capture does not show what its host publishes.
    unpublished: trace.capture
      ? null
      : findUnpublished(header.target, header.topology, connections),
  });
  return {
    schema: 'trace-flow/1',
    source: trace.source,
    target: asked,
    verdict: sumUp(connections, headline, { ...coverageOf(trace), source: trace.source }),
    coverage: {
      lostEvents: tail.lostEvents,
      ...(tail.skippedRuns !== undefined && { skippedRuns: tail.skippedRuns }),
      ...(reduced && { reduced }),
      unparsedPackets: tail.unparsedPackets,
      truncated: tail.truncated,
      probes: describeProbes(header),
      sealed: tail.sealed,
      notes: [...tail.notes],
      ...(trace.capture?.clocks && { clocks: [...trace.capture.clocks] }),
    },
    places: listPlaces(trace, places, connections, named),
    connections,
    statistics: findStatistics(connections),
    ...(predicted && { findings: predicted.findings }),
  };
}

/** Lists the namespaces that took part: those outside first, then the host, then the containers. */
function listPlaces(
  trace: Trace,
  places: Places,
  connections: readonly Connection[],
  named: ReadonlySet<string>,
): Report['places'] {
  const { topology, target } = trace.header;
  const used = new Set([...target.containers, ...named]);
  for (const connection of connections) {
    // Reading hops computes them: stop as soon as every namespace is known to be used.
    if (topology.namespaces.every(({ inode }) => used.has(places.namespace(inode)))) break;
    // `named` already holds the namespaces of packed connections.
    if (connection instanceof KeptConnection) continue;
    for (const { namespace } of connection.hops) used.add(namespace);
  }
  const rank = { other: 0, host: 1, container: 2 };
  return topology.namespaces
    .filter(({ inode }) => used.has(places.namespace(inode)))
    .sort((a, b) => rank[a.role] - rank[b.role])
    .map(({ inode, role, devices }) => ({
      namespace: places.namespace(inode),
      role,
      devices: devices.map(({ name, kind, addresses, peerIfindex, peerNamespace }) => ({
        name,
        kind,
        addresses: [...addresses],
        peer:
          peerIfindex === null || peerNamespace === null
            ? null
            : `${places.namespace(peerNamespace)}:${places.device(peerNamespace, peerIfindex)}`,
      })),
    }));
}

function describeProbes({ probes }: TraceHeader): Report['coverage']['probes'] {
  const { attached, missing, profile } = probes;
  return { attached: [...attached], missing: [...missing], ...(profile && { profile }) };
}
