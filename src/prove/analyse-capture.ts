/** Turns a capture into its report, without the host's rules, which a capture does not contain. */
import { findCaptured } from '../correlate/capture/connections.js';
import type { Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { assembleReport } from './assemble.js';
import { describerOf } from './describe-wire.js';
import { namePlaces } from './hops/places.js';

export interface AnalyseOptions {
  /** Hops kept per connection; null keeps all. */
  readonly hops: number | null;
}

/** Hops per connection unless more are asked for. */
export const HOPS = 64;

export function analyseCapture(trace: Trace, options: AnalyseOptions = { hops: HOPS }): Report {
  const places = namePlaces(trace.header.topology);
  const connections = findCaptured(trace).map(describerOf(trace, places, options.hops));
  return assembleReport(trace, connections, { predicted: null, named: new Set() });
}
