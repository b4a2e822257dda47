/** Words the evidence: refuted claims are told as such, and each line is marked good, bad or unsure. */
import type { Evidence } from '../../model/report.js';
import { printable } from '../text.js';
import type { EvidenceLine, EvidenceMark } from './scene.js';

/** Texts of refuted claims, by the claim's code. */
const REFUTED: ReadonlyMap<string, string> = new Map([
  ['nat-rewritten', 'nothing rewrote its destination'],
  ['host-accepted', 'no process of the host took part'],
  ['host-alone', 'what took it wrote elsewhere too before it had answered'],
  ['container-addressed', 'the client did not dial a container’s own address'],
  ['entered-container', 'no packet of it entered the container'],
  ['complete', 'events may be missing'],
]);

/** Claims that are bad news as given: the client got no further, or the trace has gaps. */
const BAD: ReadonlySet<string> = new Set([
  'nothing-listened true',
  'entered-container false',
  'complete false',
]);

/** Words the claims in the report's order; a claim that this source cannot know is marked `unsure`. */
export function tellEvidence(evidence: readonly Evidence[]): EvidenceLine[] {
  return evidence.map(({ code, holds, claim, events, host }) => {
    const told = holds === false ? (REFUTED.get(code) ?? `not so: ${claim}`) : claim;
    const text = host === undefined ? told : `${host}: ${told}`;
    return { mark: markOf(code, holds), claim: printable(text), events };
  });
}

function markOf(code: string, holds: boolean | null): EvidenceMark {
  if (holds === null) return 'unsure';
  return BAD.has(`${code} ${holds}`) ? 'bad' : 'good';
}
