/** Writes a finding about connections that did not go as predicted: what was seen, and the likely cause. */
import { formatEndpoint } from '../model/address.js';
import type { Connection, Predicted } from '../model/report.js';
import type { Suspicion } from '../model/suspicion.js';
import type { RuleDifferences } from '../model/survey.js';
import { namePredicted, nameSeen } from './seen.js';

/** Most rules that a finding names. */
const NAMED = 2;

/** @param connections all with the same difference; the first is the example */
export function writeDifference(
  [first, ...others]: readonly Pick<Connection, 'id' | 'server' | 'path' | 'outcome'>[],
  predicted: Pick<Predicted, 'path' | 'way' | 'why'>,
): string {
  if (!first) return '';
  const more = others.length > 0 ? ` (and ${others.length} more like it)` : '';
  const to = first.server ? ` to ${formatEndpoint(first.server)}` : '';
  const comparison = `seen ${nameSeen(first)}, predicted ${namePredicted(predicted)}`;
  return `connection #${first.id}${more}${to}: ${comparison}, as ${predicted.why}`;
}

export function writeSuspicion(suspicion: Suspicion): string {
  switch (suspicion.code) {
    case 'new-rules':
      return `the rules have changed during the trace, and by those at its end it had to come so: ${writeChanges(suspicion.changes)}`;
    case 'changed-rules':
      return `the rules have changed during the trace: ${writeChanges(suspicion.changes)}`;
    case 'old-entry':
      return `probably a conntrack entry that is older than the rules: look with conntrack -L -p ${suspicion.protocol}, and delete it with conntrack -D`;
    case 'two-backends':
      return 'rules are loaded by iptables-legacy and by another backend at once: compare iptables-legacy-save with iptables-nft-save and nft list ruleset';
    case 'listener-came':
      return 'something has begun to listen there since the trace began';
    case 'listener-ended':
      return 'what listened there when the trace began has ended since';
    case 'server-relays':
      return 'the process that listens there hands on what it takes, which its socket alone does not tell';
    case 'unknown-relay':
      return 'a relay takes it that is not known to lead there, perhaps one left over from another container: see trace-flow explain';
    case 'unread-rule':
      return 'a rule that was not read translates it: of another backend, or eBPF (see trace-flow doctor), or a conntrack entry older than the rules';
    case 'unread-obstacle':
      return 'something that is no rule of this host stops or diverts it: eBPF, another firewall, or a socket opened since';
  }
}

function writeChanges(differences: RuleDifferences | null): string {
  if (differences === null) return 'which is not known';
  const { added, removed } = differences;
  const all = [
    ...removed.map(({ rule }) => `removed "${rule}"`),
    ...added.map(({ rule }) => `added "${rule}"`),
  ];
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : '';
  return all.slice(0, NAMED).join(', ') + more;
}
