/** The report on connections that were judged: its verdict, what it covers, the places that took part, its numbers. */
import type { Connection, Report } from '../model/report.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import { coverageOf } from './coverage/coverage.js';
import { KeptConnection } from './kept-connection.js';
import { namePlaces, type Places } from './hops/places.js';
import { attributeRules } from './hops/rules-met.js';
import { findStatistics } from './timing/statistics.js';
import { findHeadline } from './verdict/headline.js';
import { findUnpublished } from './verdict/unpublished.js';
import { sumUp } from './verdict/verdict.js';

/** What was predicted from the host's rules: the connections with it, and where it was otherwise. */
export type PredictedReport = Required<Pick<Report, 'connections' | 'findings'>>;

export interface Assembling {
  /** Null where the rules were not read, as of every capture. */
  readonly predicted: PredictedReport | null;
  /** Names of namespaces that took part, beside those of the connections' hops. */
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
  const headline = findHeadline({
    connections,
    target: asked,
    faults: predicted?.findings ?? [],
    // Of a capture's host nobody knows what it publishes.
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

/** Namespaces that took part, the client's first, the host in the middle, containers last. */
function listPlaces(
  trace: Trace,
  places: Places,
  connections: readonly Connection[],
  named: ReadonlySet<string>,
): Report['places'] {
  const { topology, target } = trace.header;
  const used = new Set([...target.containers, ...named]);
  for (const connection of connections) {
    // Hops are put into words when they are looked at: no more of them than tell something new.
    if (topology.namespaces.every(({ inode }) => used.has(places.namespace(inode)))) break;
    // Of what is packed, `named` tells it.
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
