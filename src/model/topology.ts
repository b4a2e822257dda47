/** Names for what a trace sees: namespaces, devices, containers, relays and listeners of one host. */
import type { Told } from './address-schemas.js';
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

// What each type holds is told where it is declared: in topology-schemas.ts.

export type Device = Told<typeof deviceSchema>;
export type NamespaceInfo = Told<typeof namespaceSchema>;
export type PublishedPort = Told<typeof publishedSchema>;
export type Container = Told<typeof containerSchema>;
export type RelayProcess = Told<typeof relaySchema>;
export type PortDriver = Told<typeof driverSchema>;
export type OtherEngine = Told<typeof otherEngineSchema>;
export type Listener = Told<typeof listenerSchema>;
export type Topology = Told<typeof topologySchema>;
export type Engine = NonNullable<Topology['engine']>;
