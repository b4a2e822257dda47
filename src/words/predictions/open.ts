/** Writes reasons of predictions that depend on something unknown. */
import type { OpenQuestion, OpenReason, PredictedEnd } from '../../model/reason.js';
import { writeQuestion } from './questions.js';
import type { ReasonWriters } from './writer.js';

/** Most questions that a reason names. */
const NAMED = 3;

export const OPEN: ReasonWriters<OpenReason> = {
  'beyond-rules': ({ by }) =>
    `${by === 'ebpf' ? 'an eBPF program (Cilium or Calico)' : 'IPVS (kube-proxy)'} decides here besides the rules, and that is not read`,
  'not-understood': ({ chain, table, what }) =>
    `a rule in chain ${chain} of table ${table} ${what.code === 'holds' ? 'holds the connection' : 'does something that is not understood'}: ${writeQuestion(what)}`,
  'other-targets': ({ first, targets, on }, tell) =>
    `${tell(first)}, or to another of ${targets.join(', ')}, ${on === null ? 'by lot' : `depending on ${writeOpen(on)}`}`,
  'too-many-questions': ({ first }) =>
    `too many rules on its way cannot be decided from here, of which the first asks for ${first ? writeOpen(first) : ''}`,
  depends: ({ on, ends }) =>
    `it depends on ${on.slice(0, NAMED).map(writeOpen).join('; ')}: ${ends.map(writeEnd).join(' or ')}`,
  withheld: ({ path, unread }) =>
    unread === null
      ? `not all rules could be read; by those that could, it would be ${path}`
      : `the rules of IPv${unread} were not given; by the others, it would be ${path}`,
};

/** What is unknown, and the rule that depends on it. */
function writeOpen({ question, by }: OpenQuestion): string {
  const about = writeQuestion(question);
  return by ? `${about} (${by.rule ?? ''}, chain ${by.chain} of table ${by.table})` : about;
}

/** How the connection ends, in a few words. */
function writeEnd({ end, way, inVain }: PredictedEnd): string {
  if (end === 'answered') return `${way ?? end}${inVain ? ', in vain' : ''}`;
  return way === null ? end : `${way}, then ${end}`;
}
