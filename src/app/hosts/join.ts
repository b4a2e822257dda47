/** Turns the recordings of hosts that were traced together into one report. */
import type { HostStream } from '../../capture/ssh/host-stream.js';
import type { Report } from '../../model/report.js';
import type { Trace } from '../../model/trace.js';
import { analyse } from '../../prove/analyse.js';
import { analyseHosts } from '../../prove/hosts/analyse-hosts.js';
import { readRecording } from '../read-recording.js';
import { findSameHost, hideNames } from '../read-hosts.js';

export interface NamedStream {
  readonly name: string;
  readonly stream: HostStream;
}

export interface Joined {
  readonly report: Report;
  readonly trace: Trace;
  /** Names of hosts that turned out to be one and the same; the later ones are left out. */
  readonly same: readonly (readonly [kept: string, left: string])[];
}

/** @param options.hops most hops of a connection; null for all */
export async function joinHosts(
  streams: readonly NamedStream[],
  { hops, anonymize }: { readonly hops: number | null; readonly anonymize: boolean },
): Promise<Joined> {
  const traces: Trace[] = [];
  for (const { name, stream } of streams) {
    const trace = await readRecording(name, stream.open());
    traces.push({ ...trace, source: 'live' });
  }
  const same: [string, string][] = [];
  const kept = streams.flatMap(({ name }, index) => {
    const trace = traces[index];
    const other = findSameHost(traces, index);
    if (other >= 0) same.push([streams[other]?.name ?? '', name]);
    return trace && other < 0 ? [{ name: anonymize ? `host-${index + 1}` : name, trace }] : [];
  });
  const named = anonymize ? await hideNames(kept) : kept;
  const [first, ...others] = named;
  if (first === undefined) throw new Error('no host is given');
  if (others.length === 0) {
    return { report: analyse(first.trace, { hops }), trace: first.trace, same };
  }
  return { ...analyseHosts(named, { hops }), same };
}
