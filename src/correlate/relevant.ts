/** Drops events from elsewhere on the machine: the probes see every namespace, but the trace is about one host. */
import type { TraceEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import { gatherFlows } from './flows.js';
import { packetKey, pairKey } from './leg.js';

/** Keeps the events of flows that touch a namespace of the topology, with their order and numbers. */
export function keepRelevant(events: readonly TraceEvent[], topology: Topology): TraceEvent[] {
  const known = new Set(topology.namespaces.map(({ inode }) => inode));
  const kept = new Set<number>();
  const pairs = new Set<string>();
  const sockets = new Set<string>();
  const packets = new Set<string>();
  for (const flow of gatherFlows(events)) {
    if (!flow.events.some(({ namespace }) => namespace !== null && known.has(namespace))) continue;
    for (const event of flow.events) {
      kept.add(event.id);
      if ('remote' in event) {
        pairs.add(pairKey('tcp', event.local, event.remote));
        sockets.add(event.socket);
      } else {
        pairs.add(pairKey(event.protocol, event.source, event.destination));
        if ('skb' in event) packets.add(packetKey(event));
      }
    }
  }
  for (const event of events) {
    if (event.kind === 'copy' && event.namespace !== null && known.has(event.namespace)) {
      sockets.add(event.socket);
    }
  }
  return events.filter((event) => {
    switch (event.kind) {
      case 'move':
        return [event.from, event.to].some(({ local, remote }) =>
          pairs.has(pairKey('tcp', local, remote)),
        );
      case 'copy':
        return event.namespace === null
          ? pairs.has(pairKey('tcp', event.local, event.remote))
          : known.has(event.namespace);
      case 'total':
        return sockets.has(event.from.socket);
      case 'function':
        return packets.has(packetKey(event));
      case 'aside':
      case 'fork':
      case 'budget':
        return true;
      default:
        return kept.has(event.id);
    }
  });
}
