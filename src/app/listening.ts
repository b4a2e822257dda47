/** Who listens on the traced ports, and so may be a relay that the probes must follow. */
import type { Target } from '../model/target.js';
import type { Listener, Topology } from '../model/topology.js';

/** Processes that may hand bytes on: docker-proxy, and whatever else of the host listens on a port. */
export function listRelays(topology: Topology, target: Target): number[] {
  const listening = listListeners(topology, target).flatMap(({ pid }) => pid ?? []);
  return [...new Set([...topology.relays.map(({ pid }) => pid), ...listening])];
}

/** Whether bytes may be handed on by read and write: docker-proxy does so with datagrams, other relays with all. */
export function hasCopyingRelay(topology: Topology, target: Target): boolean {
  const spliced = new Set(
    topology.relays.filter(({ protocol }) => protocol === 'tcp').map(({ pid }) => pid),
  );
  return listListeners(topology, target).some(
    ({ protocol, pid, command }) =>
      protocol === 'udp' || (command !== 'docker-proxy' && (pid === null || !spliced.has(pid))),
  );
}

function listListeners({ listeners, host }: Topology, { ports, protocol }: Target): Listener[] {
  return listeners.filter(
    (listener) =>
      listener.namespace === host &&
      ports.includes(listener.local.port) &&
      (protocol === 'all' || listener.protocol === protocol),
  );
}
