/** Turns a capture into its report, without the host's rules, which a capture does not contain. */
import { findCaptured, type CapturedConnection } from '../correlate/capture/connections.js';
import type { CaptureWitness } from '../model/conversation.js';
import { HOPS } from '../model/default-hops.js';
import type { Connection, Report } from '../model/report.js';
import type { Trace } from '../model/trace.js';
import { assembleReport } from './assemble.js';
import { coverageOf } from './coverage/coverage.js';
import { namePlaces } from './hops/places.js';
import { KeptConnection, outlineOf, SharedValues } from './kept-connection.js';
import { settleOnWire } from './settle.js';
import { contextOf, sketchOnWire } from './sketch-wire.js';

export interface AnalyseOptions {
  /** Hops kept per connection; null keeps all. */
  readonly hops: number | null;
}

/** @param trace a whole capture; of one that is read in pieces, `IncrementalCapture` makes the same report */
export function analyseCapture(trace: Trace, { hops }: AnalyseOptions = { hops: HOPS }): Report {
  const places = namePlaces(trace.header.topology);
  const context = contextOf(trace, places, hops);
  const coverage = coverageOf(trace);
  const shared = new SharedValues();
  const named = new Set<string>();
  const tellOne = (connection: CapturedConnection, id: number): Connection => {
    const witness = trace.capture?.witnesses[connection.captured.first.file];
    const until = witness?.until ?? Infinity;
    const sketch = sketchOnWire(connection, { ...context, until });
    const own = connection.pairing?.own ?? null;
    return settleOnWire(id, sketch, { coverage, own, hears: hearsAll(witness) });
  };
  const connections = findCaptured(trace).map((connection, index) => {
    const tell = (): Connection => tellOne(connection, index + 1);
    const told = tell();
    for (const { namespace } of told.hops) named.add(namespace);
    // Told again where it is read: keeping all hops would take more memory than the capture.
    return new KeptConnection(outlineOf(told, shared), tell);
  });
  return assembleReport(trace, connections, { predicted: null, named });
}

/** Whether every acknowledgement is in a file. */
export function hearsAll(witness: CaptureWitness | undefined): boolean {
  return witness !== undefined && witness.acks && !witness.lossy;
}
