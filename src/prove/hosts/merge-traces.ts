/** Merges the traces of several hosts into one, for outputs that list events. */
import type { Connection } from '../../model/report.js';
import type { Trace, TraceHeader, TraceTail } from '../../model/trace.js';
import { DATAGRAMS_APART, writeClockNote, writeHostNote } from '../../words/hosts.js';
import type { HostTrace } from './host-trace.js';

export function mergeTraces(
  hosts: readonly HostTrace[],
  connections: readonly Connection[],
): Trace {
  const [first] = hosts;
  if (first === undefined) throw new Error('no host is given');
  const traces = hosts.map(({ trace }) => trace);
  const { program, epoch, client, topology } = first.trace.header;
  return {
    source: first.trace.source,
    // Analysed again as the trace of one host, it would give another result.
    partial: true,
    header: {
      program,
      epoch,
      client,
      target: mergeTargets(traces.map((one) => one.header.target)),
      topology: {
        ...topology,
        namespaces: traces.flatMap((one) => one.header.topology.namespaces),
        containers: traces.flatMap((one) => one.header.topology.containers),
        relays: traces.flatMap((one) => one.header.topology.relays),
        listeners: traces.flatMap((one) => one.header.topology.listeners),
      },
      probes: mergeProbes(traces.map((one) => one.header.probes)),
    },
    events: traces.flatMap(({ events }) => events).sort((a, b) => a.time - b.time || a.id - b.id),
    tail: mergeTails(hosts, connections),
  };
}

function mergeTargets(targets: readonly TraceHeader['target'][]): TraceHeader['target'] {
  const [first] = targets;
  if (first === undefined) throw new Error('no host is given');
  const protocols = new Set(targets.map(({ protocol }) => protocol));
  const unite = <T>(list: readonly (readonly T[])[]): T[] => [...new Set(list.flat())];
  return {
    protocol: protocols.size === 1 ? first.protocol : 'all',
    asked: unite(targets.map(({ asked }) => asked)).sort((a, b) => a - b),
    ports: unite(targets.map(({ ports }) => ports)).sort((a, b) => a - b),
    containers: unite(targets.map(({ containers }) => containers)).sort(),
    addresses: unite(targets.map(({ addresses }) => addresses)),
    mappings: targets.flatMap(({ mappings }) => mappings),
  };
}

/** Attached are only the probes that every host had; missing are those that any host lacked. */
function mergeProbes(probes: readonly TraceHeader['probes'][]): TraceHeader['probes'] {
  const [first, ...others] = probes;
  if (first === undefined) throw new Error('no host is given');
  return {
    ...first,
    attached: first.attached.filter((one) =>
      others.every(({ attached }) => attached.includes(one)),
    ),
    missing: [...new Set(probes.flatMap(({ missing }) => missing))],
  };
}

function mergeTails(hosts: readonly HostTrace[], connections: readonly Connection[]): TraceTail {
  const tails = hosts.map(({ trace }) => trace.tail);
  const skipped = tails.reduce((sum, { skippedRuns = 0 }) => sum + skippedRuns, 0);
  const first = hosts[0]?.name ?? '';
  const notes = hosts.flatMap(({ name, trace, clock }) => [
    ...trace.tail.notes.map((note) => writeHostNote(name, note)),
    ...(clock?.error == null
      ? [writeClockNote({ name, first, apart: clock?.apart ?? null, alone: clock === null })]
      : []),
  ]);
  const datagrams = new Set(
    connections.flatMap(({ protocol, parts }) =>
      protocol === 'udp' ? (parts?.[0]?.host ?? []) : [],
    ),
  );
  return {
    lostEvents: tails.reduce((sum, { lostEvents }) => sum + lostEvents, 0),
    ...(skipped > 0 && { skippedRuns: skipped }),
    unparsedPackets: tails.reduce((sum, { unparsedPackets }) => sum + unparsedPackets, 0),
    truncated: tails.some(({ truncated }) => truncated),
    sealed: tails.every(({ sealed }) => sealed),
    notes: [...notes, ...(datagrams.size > 1 ? [DATAGRAMS_APART] : [])],
  };
}
