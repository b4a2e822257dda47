/**
 * Relabels one host's trace as a part of several: makes its namespaces and event numbers distinct, and shifts its
 * times.
 */
import type { TraceEvent } from '../../model/event.js';
import { nameUnnamed, type Topology } from '../../model/topology.js';
import { withHeader, type Trace, type TraceTail } from '../../model/trace.js';

export interface Label {
  /** Name of the host. */
  readonly name: string;
  /** 0 for the first. */
  readonly index: number;
  /** Offset that is added to its event numbers. */
  readonly before: number;
  /** The epoch that its times then count from, and the offset in nanoseconds that is added to them. */
  readonly epoch: bigint;
  readonly shift: number;
}

/** Greater than any namespace inode, which has 32 bits. */
const HOST_STEP = 2 ** 40;

export function relabel(trace: Trace, label: Label): Trace {
  const { header, events } = trace;
  const topology = relabelTopology(header.topology, label);
  const named = withHeader(trace, { ...header, epoch: label.epoch, topology });
  const own = events.map((event) => relabelEvent(event, label));
  return { ...named, tail: shiftSpan(trace.tail, label.shift), events: own };
}

/** @param by nanoseconds that are added to all times */
export function shiftTimes(trace: Trace, by: number): Trace {
  const events = trace.events.map((event) => ({ ...event, time: event.time + by }));
  return { ...trace, tail: shiftSpan(trace.tail, by), events };
}

function shiftSpan(tail: TraceTail, by: number): TraceTail {
  const shift = <T extends { from: number; to: number }>(one: T): T => ({
    ...one,
    from: one.from + by,
    to: one.to + by,
  });
  const { span, complete } = tail;
  return {
    ...tail,
    ...(span && { span: shift(span) }),
    ...(complete && { complete: complete.map(shift) }),
  };
}

function relabelEvent(event: TraceEvent, { index, before, shift }: Label): TraceEvent {
  const placed = { ...event, id: event.id + before, time: event.time + shift };
  if (!('namespace' in placed) || placed.namespace === null) return placed;
  return { ...placed, namespace: placed.namespace + index * HOST_STEP };
}

function relabelTopology(topology: Topology, { name, index }: Label): Topology {
  const move = (inode: number): number => inode + index * HOST_STEP;
  const moveOrNull = (inode: number | null): number | null => (inode === null ? null : move(inode));
  const { drivers, unheard } = topology;
  const unnamed = nameUnnamed(topology.namespaces);
  return {
    ...topology,
    host: move(topology.host),
    namespaces: topology.namespaces.map((namespace) => ({
      ...namespace,
      inode: move(namespace.inode),
      name: `${name}/${unnamed.get(namespace.inode) ?? namespace.name}`,
      devices: namespace.devices.map((device) => ({
        ...device,
        peerNamespace: moveOrNull(device.peerNamespace),
      })),
    })),
    containers: topology.containers.map((container) => ({
      ...container,
      namespace: moveOrNull(container.namespace),
    })),
    relays: topology.relays.map((relay) =>
      relay.namespace === undefined ? relay : { ...relay, namespace: move(relay.namespace) },
    ),
    listeners: topology.listeners.map((listener) => ({
      ...listener,
      namespace: move(listener.namespace),
    })),
    ...(unheard && { unheard: unheard.map(move) }),
    ...(drivers && {
      drivers: drivers.map((driver) => ({ ...driver, namespaces: driver.namespaces.map(move) })),
    }),
  };
}
