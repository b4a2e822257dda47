/** The words of a verdict: paths, proofs and outcomes (fixed points of the public interface). */
export const PATHS = ['dnat', 'docker-proxy', 'relay', 'direct', 'host'] as const;
export type Path = (typeof PATHS)[number];

export const PROOFS = ['proven', 'likely', 'inconclusive'] as const;
export type Proof = (typeof PROOFS)[number];

export const OUTCOMES = [
  'answered',
  'refused',
  'reset',
  'dropped',
  'unanswered',
  'stalled',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Who ended a connection, by what, and why (`end` of the report). */
export const ENDERS = ['client', 'server', 'host', 'relay', 'network'] as const;
export const ENDINGS = ['fin', 'rst', 'icmp', 'drop', 'timeout'] as const;
export const END_CAUSES = [
  'not-listening',
  'closed',
  'rejected',
  'filtered',
  'no-neighbour',
  'too-big',
] as const;
