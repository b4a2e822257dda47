/** From a trace to its report: connections, claims, verdicts, hops. Pure, and the same for every source. */
import { findCaptured } from '../correlate/capture/connections.js';
import { findConnections } from '../correlate/connections.js';
import type { Connection, Report } from '../model/report.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import { coverageOf } from './coverage/coverage.js';
import { settleSketch, sketchTraced } from './describe-live.js';
import { describerOf } from './describe-wire.js';
import { KeptConnection } from './kept-connection.js';
import { indexFunctions } from './hops/functions.js';
import { namePlaces, type Places } from './hops/places.js';
import { attributeRules } from './hops/rules-met.js';
import { predict } from './predict/predict.js';
import { findStatistics } from './timing/statistics.js';
import { findHeadline } from './verdict/headline.js';
import { findUnpublished } from './verdict/unpublished.js';
import { sumUp } from './verdict/verdict.js';

export interface AnalyseOptions {
  /** Hops kept per connection; null keeps all. */
  readonly hops: number | null;
}

/** Hops per connection unless more are asked for. */
export const HOPS = 64;

export function analyse(trace: Trace, options: AnalyseOptions = { hops: HOPS }): Report {
  const { header } = trace;
  const places = namePlaces(header.topology);
  if (trace.capture) {
    return assemble(trace, findCaptured(trace).map(describerOf(trace, places, options.hops)));
  }
  const functions = indexFunctions(trace.events);
  const context = { header, places, functions, limit: options.hops };
  const coverage = coverageOf(trace);
  const connections = findConnections(trace).map((connection, index) =>
    settleSketch(index + 1, sketchTraced(connection, context), coverage),
  );
  return assemble(trace, connections);
}

/**
 * The report on connections that were judged.
 * @param named names of namespaces that took part, beside those of the connections' hops
 */
export function assemble(
  trace: Trace,
  seen: readonly Connection[],
  named: ReadonlySet<string> = new Set(),
): Report {
  const { header, tail } = trace;
  const places = namePlaces(header.topology);
  const predicted = predict(header, seen);
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
    verdict: sumUp(connections, headline, coverageOf(trace)),
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
