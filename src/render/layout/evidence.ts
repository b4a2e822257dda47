/** Words the evidence: refuted claims are told as such, and each line is marked good, bad or unsure. */
import type { Evidence } from '../../model/report.js';
import { isBadNews, writeRefutation } from '../../words/refutations.js';
import { printable } from '../text.js';
import type { EvidenceLine, EvidenceMark } from './scene.js';

/** Words the claims in the report's order; a claim that this source cannot know is marked `unsure`. */
export function tellEvidence(evidence: readonly Evidence[]): EvidenceLine[] {
  return evidence.map(({ code, holds, claim, events, host }) => {
    const told = holds === false ? writeRefutation(code, claim) : claim;
    const text = host === undefined ? told : `${host}: ${told}`;
    return { mark: markOf(code, holds), claim: printable(text), events };
  });
}

function markOf(code: string, holds: boolean | null): EvidenceMark {
  if (holds === null) return 'unsure';
  return isBadNews(code, holds) ? 'bad' : 'good';
}
