/** Reads recordings of several hosts into one joint report. */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { isCapture } from '../capture/captures.js';
import type { CaptureInput } from '../capture/file/input.js';
import { isSameHost } from '../correlate/hosts/same-host.js';
import { UserError } from '../model/errors.js';
import { withHeader, type Trace, type TraceHeader } from '../model/trace.js';
import { analyseHosts, type JointReport } from '../prove/hosts/analyse-hosts.js';
import type { NamedTrace } from '../prove/hosts/host-trace.js';
import { distinguishNames } from '../model/remote-host.js';
import { readRecording } from './read-recording.js';

export interface HostsRequest {
  readonly files: readonly string[];
  readonly open: (name: string) => Promise<CaptureInput>;
  /** Narrows the header of each to what was asked for. */
  readonly narrow: (header: TraceHeader) => TraceHeader;
  readonly hops: number | null;
  readonly anonymize: boolean;
}

/** @throws UserError when a file is no recording, or two come from one host */
export async function readHosts(request: HostsRequest): Promise<JointReport> {
  const { files, open, narrow, hops, anonymize } = request;
  const traces: Trace[] = [];
  for (const file of files) {
    const input = await open(file);
    if (isCapture(input.start)) throw refuseMixture(file, files[0] ?? '');
    const trace = await readRecording(file, input);
    traces.push(withHeader(trace, narrow(trace.header)));
  }
  checkDifferent(files, traces);
  const names = nameHosts(files, anonymize);
  const named = traces.map((trace, index) => ({ name: names[index] ?? '', trace }));
  return analyseHosts(anonymize ? await hideNames(named) : named, { hops });
}

/**
 * A capture does not tell whether it has every packet, nor whether it was taken before or behind its host's NAT: a
 * verdict over several hosts needs both.
 */
export function refuseMixture(capture: string, recording: string): UserError {
  const message = `${capture} is a capture, and ${recording} is a recording: a capture does not tell what its host did with a packet, so both cannot be joined`;
  return new UserError(message, {
    code: 'recording-among-others',
    exit: 2,
    remedy: `record that host too (trace-flow --record FILE), or read the capture by itself: trace-flow read ${capture}`,
  });
}

/** The same pseudonyms on all hosts. */
export async function hideNames(hosts: readonly NamedTrace[]): Promise<NamedTrace[]> {
  const { anonymize } = await import('./anonymize.js');
  const key = randomBytes(32);
  return hosts.map(({ name, trace }) => ({ name, trace: anonymize(trace, key) }));
}

function checkDifferent(files: readonly string[], traces: readonly Trace[]): void {
  traces.forEach((_trace, index) => {
    const other = findSameHost(traces, index);
    if (other < 0) return;
    throw new UserError(`${files[other]} and ${files[index]} were recorded on one host`, {
      code: 'same-host',
      exit: 2,
      remedy: `read them one after the other: trace-flow read ${files[index]}`,
    });
  });
}

/** The index of an earlier trace of the same host; -1 where there is none. */
export function findSameHost(traces: readonly Trace[], index: number): number {
  const events = traces[index]?.events ?? [];
  return traces.findIndex((one, at) => at < index && isSameHost(one.events, events));
}

/** Names hosts after their files: `a` for `/tmp/a.tflow.gz`. Repeated names get a number. */
export function nameHosts(files: readonly string[], hidden: boolean): string[] {
  return distinguishNames(
    files.map((file, index) => {
      const own = basename(file)
        .replace(/\.gz$/, '')
        .replace(/\.(tflow|ndjson)$/, '');
      return hidden || own === '' || own === '-' ? `host-${index + 1}` : own;
    }),
  );
}
