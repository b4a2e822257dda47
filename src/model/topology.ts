/** The types for what a trace sees of one host: namespaces, devices, containers, relays and listeners. */
import type { ReadonlyOf } from './address-schemas.js';
import type {
  containerSchema,
  deviceSchema,
  driverSchema,
  listenerSchema,
  namespaceSchema,
  otherEngineSchema,
  publishedSchema,
  relaySchema,
  topologySchema,
} from './topology-schemas.js';

// The fields of each type are described in topology-schemas.ts.

export type Device = ReadonlyOf<typeof deviceSchema>;
export type NamespaceInfo = ReadonlyOf<typeof namespaceSchema>;
export type PublishedPort = ReadonlyOf<typeof publishedSchema>;
export type Container = ReadonlyOf<typeof containerSchema>;
export type RelayProcess = ReadonlyOf<typeof relaySchema>;
export type PortDriver = ReadonlyOf<typeof driverSchema>;
export type OtherEngine = ReadonlyOf<typeof otherEngineSchema>;
export type Listener = ReadonlyOf<typeof listenerSchema>;
export type Topology = ReadonlyOf<typeof topologySchema>;
export type Engine = NonNullable<Topology['engine']>;

/** Whether a namespace has no name of its own, so that it counts as outside the host. */
function isUnnamed({ role, name }: Pick<NamespaceInfo, 'role' | 'name'>): boolean {
  return role === 'other' && name.startsWith('netns-');
}

/** @returns names by inode for the namespaces without one of their own: `outside`, numbered where there are several */
export function nameUnnamed(namespaces: readonly NamespaceInfo[]): ReadonlyMap<number, string> {
  const unnamed = namespaces.filter(isUnnamed);
  return new Map(
    unnamed.map(({ inode }, index) => [
      inode,
      unnamed.length === 1 ? 'outside' : `outside-${index + 1}`,
    ]),
  );
}
