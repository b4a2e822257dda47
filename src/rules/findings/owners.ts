/**
 * Tells whose a rule is (the engine's, a firewall's, or a ban) by the table and chain names that these programs choose.
 */
import type { Firewall } from '../../model/fault.js';
import type { Rule } from '../../model/rules.js';
import { jumpsTo, listMatches } from '../evaluate/mappings.js';
import type { RuleRef } from '../evaluate/rule-index.js';

const UFW = /^ufw6?-/;
const FIREWALLD = /^(?:(?:INPUT|FORWARD|OUTPUT)_(?:ZONES|direct)|(?:FWD|IN|FWDI|FWDO)_\w+)$/;

/** Names the firewall that made a rule; for a policy, the firewall to which the policy's chain jumps. */
export function nameFirewall({ table, chain, rule }: RuleRef): Firewall | null {
  if (UFW.test(chain.name)) return 'ufw';
  if (table.name === 'firewalld' || FIREWALLD.test(chain.name)) return 'firewalld';
  if (rule !== null) return null;
  if (chain.rules.some((own) => jumpsTo(own, UFW))) return 'ufw';
  return chain.rules.some((own) => jumpsTo(own, FIREWALLD)) ? 'firewalld' : null;
}

/** Chains and tables of engines, in which a drop or a new source is intended. */
const ENGINE_CHAINS = /^(?:DOCKER(?!-USER)|NETAVARK|CNI-|KUBE-)/;
const ENGINE_TABLES = /^(?:docker-bridges|netavark|cni_hostport|kube-proxy)$/;

export function isEngines({ table, chain, rule }: RuleRef): boolean {
  if (ENGINE_CHAINS.test(chain.name)) return true;
  if (table.backend === 'nftables' && ENGINE_TABLES.test(table.name)) return true;
  // In this chain Docker keeps neighbours out of its networks, address by address.
  return table.name === 'raw' && chain.name === 'PREROUTING' && rule !== null && guards(rule);
}

/** Matches `-d ADDRESS ! -i BRIDGE -j DROP`, also with a port that is published on loopback. */
function guards(rule: Rule): boolean {
  const drops = rule.steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'drop');
  const asked = listMatches(rule);
  const single = asked.some(
    (match) =>
      match.on === 'destination' &&
      !match.not &&
      match.ranges.every(({ low, high }) => low === high),
  );
  return drops && single && asked.some((match) => match.on === 'in-device' && match.not);
}

/** Whether the rule belongs to fail2ban, or jumps to its chains. */
export function isBans({ table, chain, rule }: RuleRef): boolean {
  if (rule === null) return false;
  return jumpsTo(rule, /^f2b-/) || table.name === 'f2b-table' || chain.name.startsWith('f2b-');
}
