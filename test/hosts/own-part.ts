/** Cuts a recording to what one host alone would have recorded: both hosts of the lab share a kernel. */

import type { TraceEvent } from '../../src/model/event.js';
import type { Topology } from '../../src/model/topology.js';
import type { Trace } from '../../src/model/trace.js';

/** The part of a trace that happened in the host's namespace, its containers' and those of its overlays. */
export function keepOwnPart(trace: Trace): Trace {
  const { topology } = trace.header;
  const isOwn = findOwn(topology);
  return {
    ...trace,
    source: 'recording',
    header: { ...trace.header, topology: cutTopology(topology) },
    events: trace.events.filter(isOwn),
  };
}

/** Tells of each event, one after the other in their order, whether it is the host's own. */
export function findOwn(topology: Topology): (event: TraceEvent) => boolean {
  const own = listOwn(topology);
  const sockets = new Set<string | null>();
  return (event) => {
    // Bytes that were moved tell their sockets, not their namespace.
    if (event.kind === 'move')
      return sockets.has(event.from.socket) || sockets.has(event.to.socket);
    if ('namespace' in event && (event.namespace === null || !own.has(event.namespace)))
      return false;
    if ('socket' in event) sockets.add(event.socket);
    return true;
  };
}

export function cutTopology(topology: Topology): Topology {
  const own = listOwn(topology);
  const isOwn = (inode: number | null): boolean => inode !== null && own.has(inode);
  const namespaces = topology.namespaces
    .filter(({ inode }) => isOwn(inode))
    .map((namespace) => ({
      ...namespace,
      devices: namespace.devices.map((device) =>
        isOwn(device.peerNamespace) ? device : { ...device, peerNamespace: null },
      ),
    }));
  return { ...topology, namespaces };
}

function listOwn({ host, namespaces, containers }: Topology): Set<number> {
  return new Set([
    host,
    ...containers.flatMap(({ namespace }) => namespace ?? []),
    ...namespaces
      .filter(({ devices }) => devices.some(({ tunnel }) => tunnel))
      .filter(({ devices }) => devices.some(({ kind }) => kind === 'bridge'))
      .map(({ inode }) => inode),
  ]);
}
