/** Counts what was retransmitted of a connection over several hosts. */
import { countSideRetransmits } from '../timing/timing.js';
import type { JudgedPart } from './host-trace.js';

/**
 * A segment that was lost between two hosts was seen again only by those before the loss. So each side is counted on
 * the host that is nearest to it. Through a relay all hosts must agree, else null.
 */
export function countAgain(parts: readonly JudgedPart[]): number | null {
  const [first] = parts;
  const last = parts.at(-1);
  const counts = parts.map(({ connection }) => connection.retransmits);
  if (first === undefined || last === undefined || counts.includes(null)) return null;
  if (counts.every((count) => count === counts[0])) return counts[0] ?? null;
  if (parts.some(({ part }) => part.traced.links.length > 0)) return null;
  const ofClient = countSide(first, true);
  const ofServer = countSide(last, false);
  return ofClient === null || ofServer === null ? null : ofClient + ofServer;
}

function countSide({ part, host }: JudgedPart, request: boolean): number | null {
  return countSideRetransmits(part.traced.leg, request, host.trace.header.probes.attached);
}
