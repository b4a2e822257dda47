/** Finds for how long fewer packets than usual were listed, because very many lines were printed. */
import { listChanges } from '../../correlate/budgets.js';
import type { Report } from '../../model/report.js';
import type { Trace } from '../../model/trace.js';

/** Undefined where the budget of the header held all the time. */
export function findReduced({ header, events, tail }: Trace): Report['coverage']['reduced'] {
  const { budget: usual } = header;
  const changes = listChanges(events);
  if (usual === undefined || changes.length === 0) return undefined;
  const end = tail.span?.to ?? Math.max(tail.complete?.at(-1)?.to ?? 0, events.at(-1)?.time ?? 0);
  let packets = usual;
  let duration = 0;
  for (const [index, { time, budget }] of changes.entries()) {
    if (budget >= usual) continue;
    packets = Math.min(packets, budget);
    duration += Math.max(0, (changes[index + 1]?.time ?? end) - time);
  }
  return packets < usual ? { packets, duration } : undefined;
}
