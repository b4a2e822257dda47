/** For `trace` and `demo`: reads the rules before the traffic, and compares them with what the trace has shown. */
import type { Finding, Prediction } from '../model/explain.js';
import type { Report } from '../model/report.js';
import { findDifference, listCounted, predictConnection } from '../prove/predict/beside.js';
import { explainMachine, type ExplainRequest } from './explain.js';

export interface Comparison {
  /** By connection id; a connection that cannot be predicted is not in it. */
  readonly predictions: ReadonlyMap<number, Prediction>;
  /** Differences, one finding each. */
  readonly findings: readonly Finding[];
  /** Rules whose counters grew meanwhile, e.g. `-A DOCKER … -j DNAT … counted 3 packets`. */
  readonly counted: readonly string[];
}

/**
 * Call it before the traffic; call what it returns with the report.
 * Throws as `explain` does; nothing is traced or changed.
 */
export async function foresee(
  request: ExplainRequest,
): Promise<(report: Report) => Promise<Comparison>> {
  const { explanation, world, complete } = await explainMachine(request);
  return async (report) => {
    const predictions = new Map<number, Prediction>();
    const findings: Finding[] = [];
    for (const connection of complete ? report.connections : []) {
      const prediction = predictConnection(world, connection);
      if (!prediction) continue;
      predictions.set(connection.id, prediction);
      const difference = findDifference(connection, prediction);
      if (difference) findings.push(difference);
    }
    const after = await explainMachine(request).catch(() => null);
    const counted = listCounted(explanation.rules, after?.explanation.rules ?? []).map(
      ({ rule, packets }) => `${rule.rule} counted ${packets} packet${packets === 1 ? '' : 's'}`,
    );
    return { predictions, findings, counted };
  };
}
