/** Reads a capture piece by piece: judges and releases ended connections, so that its length costs no memory. */
import { stat } from 'node:fs/promises';
import { CaptureReading } from '../capture/captures.js';
import type { CaptureInput } from '../capture/file/input.js';
import type { Report } from '../model/report.js';
import { withHeader, type Trace, type TraceHeader } from '../model/trace.js';
import { assembleReport } from '../prove/assemble.js';
import { CapturedStore } from '../prove/captured-store.js';
import { IncrementalCapture } from '../prove/incremental-capture.js';
import { ListingTally, type ListedGroup } from '../prove/listing-tally.js';
import { PACKER } from './packer.js';
import type { LiveTerminal } from './present.js';
import { ReadProgress } from './read-progress.js';

export interface CaptureRequest {
  readonly name: string;
  readonly input: CaptureInput;
  readonly program: string;
  /** Narrows the header to what was asked for. */
  readonly narrow: (header: TraceHeader) => TraceHeader;
  readonly hops: number | null;
  /** Only a listing of the ports in use was asked for. */
  readonly lists: boolean;
  readonly terminal: LiveTerminal;
}

/** The ports in use, for a capture of which nothing in particular was asked. */
export interface Listing {
  readonly trace: Trace;
  readonly groups: readonly ListedGroup[];
}

export interface CaptureReport {
  readonly trace: Trace;
  readonly report: Report;
  /** How many connections went to each port, asked for or not. */
  readonly ports: ReadonlyMap<string, number>;
}

/** Null when a regular file is not in order of time, so that it must be read as a whole. */
export async function readCapture(
  request: CaptureRequest,
): Promise<CaptureReport | Listing | null> {
  const { name, input, program, narrow, hops, lists, terminal } = request;
  const keeper = lists ? new ListingTally() : new CapturedStore(PACKER);
  const analysis = new IncrementalCapture({ narrow, keeper, hops });
  const isReadAgain = (await stat(name).catch(() => null))?.isFile() === true;
  const reading = new CaptureReading({
    several: false,
    program,
    look: (piece) => analysis.look(piece),
    endsWhenLate: isReadAgain,
  });
  const progress = new ReadProgress(terminal, () => reading.packets);
  await reading.readFile(name, input, (bytes) => progress.add(bytes));
  if (reading.late > 0 && isReadAgain) return null;
  progress.end();
  const whole = reading.makeTrace();
  const trace = withoutPast(withHeader(whole, narrow(whole.header)));
  const end = analysis.finish(trace);
  const { ports } = analysis;
  if (keeper instanceof ListingTally) {
    const groups = keeper.list(end);
    if (groups.length > 0) return { trace, groups };
    return { trace, report: assembleReport(trace, [], NOTHING), ports };
  }
  const named = keeper.namespaces;
  const report = assembleReport(trace, keeper.list(end), { predicted: null, named });
  return { trace, report, ports };
}

/** Marks the trace itself, because a copy would create all of its events. */
function withoutPast(trace: Trace): Trace {
  return Object.defineProperty(trace, 'partial', { value: true, enumerable: true });
}

const NOTHING = { predicted: null, named: new Set<string>() };
