/** Writes sentences about what could not be read, each with its remedy. */
import type { EngineReading } from './docker.js';
import type { NamespaceFile } from './namespaces.js';
import type { Placement } from './placement.js';
import type { Routing } from '../model/routing.js';

/** Describes an engine that serves another host than the traced one. */
export function describeOtherHost(
  servesOther: Placement['servesOther'],
  reading: EngineReading,
  files: ReadonlyMap<number, NamespaceFile>,
): string[] {
  if (servesOther === null) return [];
  const engine = `The engine at ${reading.engine?.address ?? 'DOCKER_HOST'}`;
  const here = 'set DOCKER_HOST to the engine of this one';
  if (servesOther === 'unknown') {
    return [`${engine} runs on another machine, so its containers are left out; ${here}.`];
  }
  const file = files.get(servesOther);
  const name = file?.name ?? (file?.pid ? `pid:${file.pid}` : null);
  const there = name === null ? '' : `trace that one with --netns ${name}, or `;
  return [
    `${engine} serves another network namespace, so its containers are left out; ${there}${here}.`,
  ];
}

/** Describes running containers whose namespace could not be found by their pid. */
export function describeLost(
  readings: readonly EngineReading[],
  namespaceOf: ReadonlyMap<string, number>,
): string[] {
  const lost = readings
    .flatMap(({ containers }) => containers)
    .filter(({ id, pid }) => pid > 0 && !namespaceOf.has(id));
  if (lost.length === 0) return [];
  const names = lost.slice(0, 5).map(({ name }) => name);
  const more = lost.length > names.length ? ` and ${lost.length - names.length} more` : '';
  return [
    `The network namespace of ${names.join(', ')}${more} could not be read; run trace-flow as root, where the containers' processes are visible.`,
  ];
}

/** Says that not all sockets and owners were found in time. */
export function describeListeners(complete: boolean, budget: number): string[] {
  if (complete) return [];
  return [
    `Not all listening sockets were looked up within ${budget} ms, so some processes have no name here; try again when the machine is less busy.`,
  ];
}

/** Names the namespaces whose sockets could not be read. */
export function describeUnread(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [
    `The listening sockets of ${names.join(', ')} could not be read, so nobody knows who listens there.`,
  ];
}

/** Names the kinds of programs that decide besides the rules and could not be asked for. */
export function describeUnasked(routing: Routing | null | undefined): string[] {
  if (!routing) return [];
  const { filters, programs } = routing;
  const kinds = [
    ...(filters === null ? ['filters of tc (tc is needed)'] : []),
    ...(programs?.devices == null ? ['programs of BPF on devices by tcx (perl is needed)'] : []),
    ...(programs?.groups == null ? ['programs of BPF on control groups (perl is needed)'] : []),
  ];
  if (kinds.length === 0) return [];
  return [
    `The kernel could not be asked for ${kinds.join(', ')}: predictions hold if there are none on the way.`,
  ];
}
