/** Recognises relay processes: docker-proxy by its arguments, port drivers of rootless engines by name. */
import { isPortDriver } from '../model/port-drivers.js';
import type { RelayProcess, Topology } from '../model/topology.js';

interface NamedProcess {
  readonly pid: number;
  readonly command: string;
}

/** The relay with this pid whose arguments were read; a later process with a reused pid has another command. */
export function findRelay(
  { relays }: Topology,
  { pid, command }: NamedProcess,
): RelayProcess | null {
  // A thread may have its own name, and the kernel cuts names to fifteen characters.
  return relays.find((relay) => relay.pid === pid && relay.command.startsWith(command)) ?? null;
}

/**
 * Whether a process is docker-proxy, by its arguments (read before the trace) or its name, or a port driver by its
 * name.
 */
export function isRelayProcess(process: NamedProcess, topology: Topology): boolean {
  return (
    process.command === 'docker-proxy' ||
    isPortDriver(process) ||
    findRelay(topology, process) !== null
  );
}
