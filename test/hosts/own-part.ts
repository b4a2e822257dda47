/** Cuts a recording to what one host alone would have recorded: both hosts of the lab share a kernel. */

import type { TraceEvent } from '../../src/model/event.js';
import type { Topology } from '../../src/model/topology.js';
import type { Trace } from '../../src/model/trace.js';

/** The part of a trace that happened in the host's namespace, its containers' and those of its overlays. */
export function keepOwnPart(trace: Trace): Trace {
  const { topology } = trace.header;
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
  const kept = trace.events.filter((event) => !('namespace' in event) || isOwn(event.namespace));
  const sockets = new Set(kept.flatMap((event) => ('socket' in event ? [event.socket] : [])));
  return {
    ...trace,
    source: 'recording',
    header: { ...trace.header, topology: { ...topology, namespaces } },
    events: kept.filter((event) => belongs(event, sockets)),
  };
}

/** Bytes that were moved tell their sockets, not their namespace. */
function belongs(event: TraceEvent, sockets: ReadonlySet<string | null>): boolean {
  return event.kind !== 'move' || sockets.has(event.from.socket) || sockets.has(event.to.socket);
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
