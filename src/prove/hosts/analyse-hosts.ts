/** Turns the traces of several hosts into one report: judges each alone, then joins the parts of each connection. */
import { correlate, type Correlation } from '../../correlate/connections.js';
import {
  buildChains,
  makePart,
  type Chain,
  type Part,
  type PartMeeting,
} from '../../correlate/hosts/chains.js';
import type { ClockSetting } from '../../correlate/hosts/clocks.js';
import { findMeetings } from '../../correlate/hosts/meet.js';
import { relabel, shiftTimes } from '../../correlate/hosts/relabel.js';
import type { Crossing, HostSeen } from '../../model/hosts.js';
import type { Connection, Report } from '../../model/report.js';
import type { Trace } from '../../model/trace.js';
import { writeWayOut } from '../../words/hosts.js';
import type { AnalyseOptions } from '../analyse-capture.js';
import { assembleReport } from '../assemble.js';
import { coverageOf, isLossless } from '../coverage/coverage.js';
import { namePlaces } from '../hops/places.js';
import { judge } from '../judge/judge.js';
import { findLives } from '../lives.js';
import { settleSketch } from '../settle.js';
import { sketchTraced } from '../sketch-live.js';
import { describeCrossing } from './crossing.js';
import type { HostTrace, JudgedPart, NamedTrace } from './host-trace.js';
import { judgeJoint } from './joint.js';
import { mergeTraces } from './merge-traces.js';
import { findWayOut } from './never-reached.js';
import { setClocks } from './set-clocks.js';
import { findContainer, stitch } from './stitch.js';

export interface JointReport {
  readonly report: Report;
  /** All events of all hosts, with times by the clock of the first. */
  readonly trace: Trace;
}

/** @param given two or more traces of different hosts, with different names */
export function analyseHosts(given: readonly NamedTrace[], options: AnalyseOptions): JointReport {
  const epoch = given[0]?.trace.header.epoch ?? 0n;
  const unset = labelAll(given, epoch);
  const unsetParts = unset.map((host, index) => findParts(host, index));
  const hosts = setAll(unset, setClocks(unset.length, meetAll(unsetParts, unset)));
  const limit = options.hops === null ? null : Math.floor(options.hops / hosts.length);
  const parts = hosts.map((host, index) => {
    const own = unsetParts[index];
    // A host whose clock was right is not correlated again.
    return own && host.trace === unset[index]?.trace ? own : findParts(host, index);
  });
  const meetings = meetAll(parts, hosts);
  const chains = buildChains(
    parts.flatMap((one) => one.parts),
    meetings,
  );
  const judged = new Map(
    hosts.flatMap((host, index) => (parts[index] ? judgeParts(host, parts[index], limit) : [])),
  );
  const seen = chains.map((chain) => ({
    chain,
    parts: chain.parts.flatMap((one) => judged.get(one) ?? []),
  }));
  const connections = seen
    .sort((a, b) => startOf(a.parts) - startOf(b.parts))
    .flatMap(({ chain, parts: own }, index) => tell(index + 1, chain, own, hosts) ?? []);
  const trace = mergeTraces(hosts, connections);
  const report = assembleReport(trace, connections, { predicted: null, named: new Set() });
  return {
    trace,
    report: { ...report, places: namePlaceHosts(report, hosts), hosts: hosts.map(describeHost) },
  };
}

/** Makes namespaces and event numbers distinct, and counts all times from one epoch, each by its host's own clock. */
function labelAll(given: readonly NamedTrace[], epoch: bigint): HostTrace[] {
  let before = 0;
  return given.map(({ name, trace }, index) => {
    const shift = Number(trace.header.epoch - epoch);
    const own = relabel(trace, { name, index, before, epoch, shift });
    before = own.events.reduce((most, { id }) => Math.max(most, id), before);
    return { name, trace: own, clock: null, coverage: coverageOf(own) };
  });
}

/** Puts the times of all hosts into the time of the first. */
function setAll(
  hosts: readonly HostTrace[],
  clocks: readonly (ClockSetting | null)[],
): HostTrace[] {
  return hosts.map((host, index) => {
    const clock = clocks[index] ?? null;
    const shift = clock?.shift ?? 0;
    const trace = shift === 0 ? host.trace : shiftTimes(host.trace, -shift);
    return { ...host, clock, trace };
  });
}

/** The connections of one host. */
interface HostParts {
  readonly correlation: Correlation;
  readonly parts: readonly Part[];
}

function findParts({ trace }: HostTrace, index: number): HostParts {
  const correlation = correlate(trace.events, trace.header);
  return { correlation, parts: correlation.connections.map((one) => makePart(index, one)) };
}

function meetAll(parts: readonly HostParts[], hosts: readonly HostTrace[]): PartMeeting[] {
  const found: PartMeeting[] = [];
  for (const from of parts) {
    for (const to of parts) {
      if (from === to) continue;
      const leaving = new Map(
        from.parts.flatMap((part) => (part.leaves ? [[part.leaves, part]] : [])),
      );
      const coming = new Map(to.parts.flatMap((part) => (part.comes ? [[part.comes, part]] : [])));
      for (const meeting of findMeetings([...leaving.keys()], [...coming.keys()])) {
        const ends = { from: leaving.get(meeting.near), to: coming.get(meeting.far) };
        if (!ends.from || !ends.to) continue;
        const packets =
          isSteady(ends.from, hosts) && isSteady(ends.to, hosts) ? meeting.packets : [];
        found.push({ ...meeting, packets, from: ends.from, to: ends.to });
      }
    }
  }
  return found;
}

/**
 * Whether a part may be used to compare clocks. Where packets may be missing, a retransmission could be taken for the
 * original, so parts with retransmissions are left out.
 */
function isSteady({ host, traced }: Part, hosts: readonly HostTrace[]): boolean {
  const coverage = hosts[host]?.coverage;
  if (coverage === undefined || isLossless(coverage)) return true;
  return !traced.leg.events.some(({ kind }) => kind === 'retransmit');
}

/** Judges each connection of a host by the part of its trace that it lies in, by the host's own clock. */
function judgeParts(
  host: HostTrace,
  { correlation, parts }: HostParts,
  limit: number | null,
): [Part, JudgedPart][] {
  const { header } = host.trace;
  const context = { header, places: namePlaces(header.topology), functions: null, limit };
  const lives = findLives(host.trace, correlation);
  return parts.map((part) => {
    const sketch = sketchTraced(part.traced, context);
    const { facts } = sketch;
    const coverage = lives.coverageOf(part.traced, facts, host.coverage);
    const connection = settleSketch(1, sketch, coverage);
    return [part, { part, host, facts, coverage, judged: judge(facts, coverage), connection }];
  });
}

function startOf([first]: readonly JudgedPart[]): number {
  return first?.part.traced.leg.events[0]?.time ?? 0;
}

function tell(
  id: number,
  { meetings }: Chain,
  parts: readonly JudgedPart[],
  hosts: readonly HostTrace[],
): Connection | null {
  const last = parts.at(-1);
  const out = last ? findWayOut(last, hosts) : null;
  const [only] = parts;
  if (parts.length < 2) return only ? tellAlone(id, only, out) : null;
  const crossings = meetings.map((meeting) => describeCrossing(meeting, hosts));
  const joint = judgeJoint(parts);
  return stitch({ id, parts, meetings, joint, crossings: [...crossings, ...(out ? [out] : [])] });
}

/** Describes a connection that only one host saw. */
function tellAlone(id: number, alone: JudgedPart, out: Crossing | null): Connection {
  const { host, connection } = alone;
  const { path, proof, outcome, reason } = connection;
  const lost = out?.reached === false && outcome === 'unanswered';
  const more = out === null ? '' : writeWayOut(out);
  return {
    ...connection,
    id,
    container: findContainer([alone]),
    reason: more === '' ? reason : `${reason}; ${more}`,
    ...(lost && { end: { ...connection.end, by: 'network', how: 'drop' } }),
    evidence: connection.evidence.map((one) => ({ ...one, host: host.name })),
    hops: connection.hops.map((hop) => ({ ...hop, host: host.name })),
    parts: [{ host: host.name, path, proof, outcome, reason }],
    ...(out && { crossings: [out] }),
  };
}

function namePlaceHosts(report: Report, hosts: readonly HostTrace[]): Report['places'] {
  const owners = new Map(
    hosts.flatMap(({ name, trace }) => {
      const places = namePlaces(trace.header.topology);
      return trace.header.topology.namespaces.map(({ inode }) => [places.namespace(inode), name]);
    }),
  );
  return report.places.map((place) => {
    const host = owners.get(place.namespace);
    return host === undefined ? place : { ...place, host };
  });
}

function describeHost({ name, clock, coverage }: HostTrace): HostSeen {
  const { lostEvents, skippedRuns, truncated, sealed, notes } = coverage;
  return {
    name,
    clock: { offset: clock?.offset ?? null, error: clock?.error ?? null },
    coverage: {
      lostEvents,
      truncated,
      sealed,
      notes: [...notes],
      ...(skippedRuns !== undefined && { skippedRuns }),
    },
  };
}
