/** Processes that are relays by what they are: docker-proxy by its arguments, port drivers of rootless engines by name. */
import { isPortDriver } from '../model/port-drivers.js';
import type { RelayProcess, Topology } from '../model/topology.js';

interface NamedProcess {
  readonly pid: number;
  readonly command: string;
}

/** The relay with this pid whose arguments were read; a process that was given the number later has another command. */
export function findRelay(
  { relays }: Topology,
  { pid, command }: NamedProcess,
): RelayProcess | null {
  // A thread of it may have a name of its own; the kernel cuts names to fifteen characters.
  return relays.find((relay) => relay.pid === pid && relay.command.startsWith(command)) ?? null;
}

/** docker-proxy by its arguments (read before the trace) or by its name; port drivers by theirs. */
export function isRelayProcess(process: NamedProcess, topology: Topology): boolean {
  return (
    process.command === 'docker-proxy' ||
    isPortDriver(process) ||
    findRelay(topology, process) !== null
  );
}
