/** Selects the hops that a report lists of a connection, and counts those that it leaves out. */
import type { TracedConnection } from '../../correlate/connections.js';
import type { Leg } from '../../correlate/leg.js';
import type { Connection } from '../../model/report.js';
import { listLegs } from '../outcome/drops.js';
import { listHops, selectHops } from './hops.js';
import type { HopContext } from './tell-hop.js';

/** @param mentioned numbers of events that evidence names: their hops are kept before others */
export function describeHops(
  subject: Pick<TracedConnection, 'leg' | 'links' | 'received'>,
  mentioned: readonly number[],
  { limit, ...context }: HopContext & { readonly limit: number | null },
): Pick<Connection, 'hops' | 'hopsOmitted' | 'unlistedLegs'> {
  const all = listHops(subject, context);
  const hops = selectHops(all, new Set(mentioned), limit);
  const legs = listLegs(subject);
  return {
    hops,
    hopsOmitted: all.length - hops.length + countUnshown(legs),
    ...listUnlisted(legs),
  };
}

/** Packets of these legs that were only counted. */
function countUnshown(legs: readonly (Leg | undefined)[]): number {
  return legs
    .flatMap((leg) => leg?.events ?? [])
    .reduce((sum, event) => sum + (event.kind === 'counter' ? event.packets : 0), 0);
}

/** Numbers of the legs whose packets may not all be listed; empty object where all are. */
function listUnlisted(legs: readonly Leg[]): Pick<Connection, 'unlistedLegs'> {
  const numbers = legs.flatMap(({ unlisted }, number) => (unlisted ? [number] : []));
  return numbers.length > 0 ? { unlistedLegs: numbers } : {};
}
