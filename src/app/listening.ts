/** Finds processes that listen on the traced ports and so may be relays that the probes must follow. */
import type { Target } from '../model/target.js';
import type { Listener, Topology } from '../model/topology.js';

/** Process IDs of possible relays: known ones such as docker-proxy, and host processes that listen on a traced port. */
export function listRelays(topology: Topology, target: Target): number[] {
  const listening = listListeners(topology, target).flatMap(({ pid }) => pid ?? []);
  return [...new Set([...topology.relays.map(({ pid }) => pid), ...listening])];
}

/** Whether a relay may forward bytes by read and write. docker-proxy does so only for datagrams; others may always. */
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
