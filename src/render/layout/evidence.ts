/** Evidence as it is told: what was found not to be so is said that way, and each line says whether it is good or bad. */
import type { Evidence } from '../../model/report.js';
import { printable } from '../text.js';
import type { EvidenceLine, EvidenceMark } from './scene.js';

/** What the refutation of a claim says, by the claim's code. */
const REFUTED: ReadonlyMap<string, string> = new Map([
  ['nat-rewritten', 'nothing rewrote its destination'],
  ['host-accepted', 'no process of the host took part'],
  ['host-alone', 'what took it wrote elsewhere too before it had answered'],
  ['container-addressed', 'the client did not dial a container’s own address'],
  ['entered-container', 'no packet of it entered the container'],
  ['complete', 'events may be missing'],
]);

/** What helps nobody: the client got no further, or the trace has gaps. */
const BAD: ReadonlySet<string> = new Set([
  'nothing-listened true',
  'entered-container false',
  'complete false',
]);

/** Claims in the report's order; the marks of those that this source cannot know say so. */
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
