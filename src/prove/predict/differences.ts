/** What it may mean that connections did not come as predicted: one finding for each kind of difference. */
import { formatEndpoint } from '../../model/address.js';
import type { Connection, Predicted, ReportFinding } from '../../model/report.js';
import type { Survey } from '../../model/survey.js';
import { namePredicted, nameSeen } from '../../words/seen.js';
import { listDifferences } from '../../rules/explain/changes.js';
import type { World } from '../../rules/evaluate/world.js';

export interface Difference {
  readonly connection: Connection;
  readonly predicted: Predicted;
  /** Whether the rules as they were at the end predict what was seen. */
  readonly byEnd: boolean;
}

/** Most rules that a finding names. */
const NAMED = 2;

export function findDifferences(
  differences: readonly Difference[],
  world: World,
  survey: Survey,
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

function describe(first: Difference, others: readonly Difference[], cause: string): ReportFinding {
  const { connection, predicted } = first;
  const { id, server } = connection;
  const more = others.length > 0 ? ` (and ${others.length} more like it)` : '';
  const to = server ? ` to ${formatEndpoint(server)}` : '';
  return {
    code: 'prediction-differs',
    severity: 'warning',
    evidence: `connection #${id}${more}${to}: seen ${nameSeen(connection)}, predicted ${namePredicted(predicted)}, as ${predicted.why}`,
    remedy: cause,
    connections: [first, ...others].map((one) => one.connection.id),
  };
}

function suspect(
  { connection, predicted, byEnd }: Difference,
  world: World,
  survey: Survey,
): string {
  const { protocol, path, outcome, hops } = connection;
  if (byEnd) {
    return `the rules have changed during the trace, and by those at its end it had to come so: ${nameChanges(survey)}`;
  }
  const begun = hops.some(
    ({ flags, leg }) => leg === 'client' && flags.includes('SYN') && !flags.includes('ACK'),
  );
  if (protocol === 'udp' || !begun) {
    return `probably a conntrack entry that is older than the rules: look with conntrack -L -p ${protocol}, and delete it with conntrack -D`;
  }
  if (survey.changes?.rules) {
    return `the rules have changed during the trace: ${nameChanges(survey)}`;
  }
  const backends = new Set(
    world.rules.tables
      .filter(({ chains }) => chains.some(({ rules }) => rules.length > 0))
      .map(({ backend }) => backend),
  );
  if (backends.has('iptables-legacy') && backends.size > 1) {
    return 'rules are loaded by iptables-legacy and by another backend at once: compare iptables-legacy-save with iptables-nft-save and nft list ruleset';
  }
  if (predicted.way === path && predicted.path === 'refused') {
    return 'something has begun to listen there since the trace began';
  }
  if (predicted.way === path && outcome === 'refused') {
    return 'what listened there when the trace began has ended since';
  }
  const relays = path === 'docker-proxy' || path === 'relay';
  if (relays && predicted.way === 'host') {
    return 'the process that listens there hands on what it takes, which its socket alone does not tell';
  }
  if (relays && (predicted.path === 'refused' || predicted.path === 'dropped')) {
    return 'a relay takes it that is not known to lead there, perhaps one left over from another container: see trace-flow explain';
  }
  if (path === 'dnat') {
    return 'a rule that was not read translates it: of another backend, or eBPF (see trace-flow doctor), or a conntrack entry older than the rules';
  }
  return 'something that is no rule of this host stops or diverts it: eBPF, another firewall, or a socket opened since';
}

function nameChanges({ rules, changes }: Survey): string {
  if (!changes?.rules) return 'which is not known';
  const { added, removed } = listDifferences(rules, changes.rules);
  const all = [
    ...removed.map(({ rule }) => `removed "${rule}"`),
    ...added.map(({ rule }) => `added "${rule}"`),
  ];
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : '';
  return all.slice(0, NAMED).join(', ') + more;
}
