/** The settings of a network namespace that decide about routing and forwarding, apart from its rules. */
import type { Routing } from './routing.js';

export interface HostSettings {
  /** Value by name, `ipv4/ip_forward` → `1`; null when they could not be read. */
  readonly values: ReadonlyMap<string, string> | null;
  /** Of the main table. */
  readonly routes: readonly HostRoute[];
  /** Policy rules, all tables, links and neighbours; null or left out where they were not read. */
  readonly routing?: Routing | null;
}

export interface HostRoute {
  /** With prefix length; the default is 0.0.0.0/0 or ::/0. */
  readonly destination: string;
  readonly device: string;
  readonly gateway: string | null;
  readonly source: string | null;
}
