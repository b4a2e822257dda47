/** Describes a rewriting for a report. */
import type { Rewriting } from '../../correlate/journeys/journey.js';
import { formatEndpoint } from '../../model/address.js';
import type { Hop } from '../../model/report.js';

export function describeRewriting(rewriting: Rewriting): NonNullable<Hop['rewrite']> {
  const { hook, field, from, to } = rewriting;
  return { hook, field, from: formatEndpoint(from), to: formatEndpoint(to) };
}
