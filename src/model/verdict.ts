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
