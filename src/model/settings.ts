/** What of a host decides about routing and forwarding, beside its rules. */

export interface HostSettings {
  /** Value by name, `ipv4/ip_forward` → `1`; null when they could not be read. */
  readonly values: ReadonlyMap<string, string> | null;
  readonly routes: readonly HostRoute[];
}

export interface HostRoute {
  /** With prefix length; the default is 0.0.0.0/0 or ::/0. */
  readonly destination: string;
  readonly device: string;
  readonly gateway: string | null;
  readonly source: string | null;
}
