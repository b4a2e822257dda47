/** Finds why connections may not have come as predicted: one finding for each kind of difference. */
import { formatEndpoint } from '../../model/address.js';
import type { Connection, Predicted, ReportFinding } from '../../model/report.js';
import type { RuleDifferences, RuleSurvey } from '../../model/survey.js';
import type { Suspicion } from '../../model/suspicion.js';
import type { World } from '../../rules/evaluate/world.js';
import { listDifferences } from '../../rules/explain/changes.js';
import { writeDifference, writeSuspicion } from '../../words/differences.js';
import { nameSeen } from '../../words/seen.js';

export interface Difference {
  readonly connection: Connection;
  readonly predicted: Predicted;
  /** Whether the rules at the end of the trace predict what was seen. */
  readonly byEnd: boolean;
}

export function findDifferences(
  differences: readonly Difference[],
  world: World,
  survey: RuleSurvey,
): ReportFinding[] {
  const groups = new Map<string, Difference[]>();
  for (const difference of differences) {
    const { connection, predicted } = difference;
    const server = connection.server && formatEndpoint(connection.server);
    const key = JSON.stringify([
      ...[server, nameSeen(connection), predicted.path, predicted.why],
      suspect(difference, world, survey),
    ]);
    groups.set(key, [...(groups.get(key) ?? []), difference]);
  }
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? [describe(first, others, suspect(first, world, survey))] : [],
  );
}

function describe(
  first: Difference,
  others: readonly Difference[],
  cause: Suspicion,
): ReportFinding {
  const all = [first, ...others].map(({ connection }) => connection);
  return {
    code: 'prediction-differs',
    severity: 'warning',
    evidence: writeDifference(all, first.predicted),
    remedy: writeSuspicion(cause),
    connections: all.map(({ id }) => id),
  };
}

function suspect(
  { connection, predicted, byEnd }: Difference,
  world: World,
  survey: RuleSurvey,
): Suspicion {
  const { protocol, path, outcome, hops } = connection;
  if (byEnd) return { code: 'new-rules', changes: listChanges(survey) };
  const begun = hops.some(
    ({ flags, leg }) => leg === 'client' && flags.includes('SYN') && !flags.includes('ACK'),
  );
  if (protocol === 'udp' || !begun) return { code: 'old-entry', protocol };
  if (survey.changes?.rules) return { code: 'changed-rules', changes: listChanges(survey) };
  const backends = new Set(
    world.rules.tables
      .filter(({ chains }) => chains.some(({ rules }) => rules.length > 0))
      .map(({ backend }) => backend),
  );
  if (backends.has('iptables-legacy') && backends.size > 1) return { code: 'two-backends' };
  if (predicted.way === path && predicted.path === 'refused') return { code: 'listener-came' };
  if (predicted.way === path && outcome === 'refused') return { code: 'listener-ended' };
  const relays = path === 'docker-proxy' || path === 'relay';
  if (relays && predicted.way === 'host') return { code: 'server-relays' };
  if (relays && (predicted.path === 'refused' || predicted.path === 'dropped')) {
    return { code: 'unknown-relay' };
  }
  return { code: path === 'dnat' ? 'unread-rule' : 'unread-obstacle' };
}

/** Null where it is not known what has changed. */
function listChanges({ rules, changes }: RuleSurvey): RuleDifferences | null {
  return changes?.rules ? listDifferences(rules, changes.rules) : null;
}
