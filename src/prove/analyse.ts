/** Turns a trace into its report (connections, claims, verdicts, hops): pure, and the same for every source. */
import { correlate } from '../correlate/connections.js';
import { HOPS } from '../model/default-hops.js';
import type { Connection, Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { analyseCapture, type AnalyseOptions } from './analyse-capture.js';
import { assembleReport } from './assemble.js';
import { coverageOf } from './coverage/coverage.js';
import { indexFunctions } from './hops/functions.js';
import { namePlaces } from './hops/places.js';
import { findLives } from './lives.js';
import { predict } from './predict/predict.js';
import { settleSketch } from './settle.js';
import { sketchTraced } from './sketch-live.js';

export { type AnalyseOptions };

export function analyse(trace: Trace, options: AnalyseOptions = { hops: HOPS }): Report {
  const { header } = trace;
  const places = namePlaces(header.topology);
  if (trace.capture) return analyseCapture(trace, options);
  const functions = indexFunctions(trace.events);
  const context = { header, places, functions, limit: options.hops };
  const coverage = coverageOf(trace);
  const correlation = correlate(trace.events, header);
  const lives = findLives(trace, correlation);
  const connections = correlation.connections.map((connection, index) => {
    const sketch = sketchTraced(connection, context);
    return settleSketch(index + 1, sketch, lives.coverageOf(connection, sketch.facts, coverage));
  });
  return assemble(trace, connections);
}

/**
 * Builds the report on judged connections, together with what the rules predict for them.
 * @param named names of further namespaces that took part, in addition to those of the connections' hops
 */
export function assemble(
  trace: Trace,
  seen: readonly Connection[],
  named: ReadonlySet<string> = new Set(),
): Report {
  return assembleReport(trace, seen, { predicted: predict(trace.header, seen), named });
}
