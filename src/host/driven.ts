/** Names the namespace of a rootless engine, which has no name of its own, after the driver that leads to it. */
import type { Container, PortDriver } from '../model/topology.js';

/** @returns namespace → name; without those of containers, which have names */
export function nameDriven(
  drivers: readonly PortDriver[],
  containers: readonly Container[],
): [number, string][] {
  const owned = new Set(containers.map(({ namespace }) => namespace));
  return drivers.flatMap(({ command, namespaces }) =>
    namespaces
      .filter((inode) => !owned.has(inode))
      .map((inode): [number, string] => [inode, command.replace(/\..*/, '')]),
  );
}
