/** The faults that a host's rules, sockets and settings show, as codes with fields; src/words writes the findings. */
import type { Runtime } from './runtime.js';
import type { Endpoint } from './address.js';
import type { Protocol } from './event.js';
import type { Finding, Vantage } from './explain.js';
import type { Forecast } from './forecast.js';
import type { Reason } from './reason.js';

export type Fault = EngineFault | FirewallFault | RoutingFault | Stopping;

/** Faults of the engine's own rules, relays and containers. */
export type EngineFault =
  | Told<'docker-chains-missing', 'error', { readonly unused: boolean }>
  | Told<
      'two-backends',
      'warning',
      /** Names of tables; `legacy` is empty where legacy tables are loaded but were not read. */
      { readonly legacy: readonly string[]; readonly nft: readonly string[] }
    >
  | Told<
      'stale-relay',
      'error',
      {
        readonly command: string;
        readonly listens: Endpoint;
        readonly target: Endpoint;
        readonly about: { readonly pid: number };
      }
    >
  | Told<'listens-on-loopback' | 'nothing-listens', 'error', Silent>
  | Told<'ip-forward-off', 'error'>
  | Told<'bridge-nf-off', 'warning'>
  | Told<'source-lost', 'warning', { readonly dialled: readonly string[]; readonly seen: string }>
  | Told<
      'published-on-loopback',
      'warning' | 'note',
      {
        readonly listens: Endpoint;
        /** The prediction for a packet that a neighbour on the link sends to it. */
        readonly neighbour: Pick<Forecast, 'path' | 'why' | 'rule' | 'target'>;
      }
    >;

/** Firewalls that add their rules to those of the engine. */
export type Firewall = 'ufw' | 'firewalld';

/** Faults of rules that are not the engine's. */
export type FirewallFault =
  | Told<
      'firewall-drop',
      'error',
      Dialled & {
        /** Whose rule stops it: a firewall's, a chain's policy, or another. */
        readonly owner: Firewall | 'policy' | 'other';
        readonly about: { readonly rule: string };
      }
    >
  | Told<
      'inside-container',
      'error',
      Dialled & { readonly about: { readonly container: string; readonly rule: string } }
    >
  | Told<
      'source-masqueraded',
      'warning',
      {
        readonly to: string;
        readonly seen: string;
        readonly firewall: Firewall | null;
        readonly about: { readonly rule: string };
      }
    >
  | Told<
      'firewall-bypassed',
      'note',
      {
        readonly firewall: Firewall;
        readonly ports: readonly number[];
        readonly about: { readonly rule: string };
      }
    >
  | Told<
      'bans-bypassed',
      'warning',
      {
        readonly chain: string;
        readonly ports: readonly number[];
        readonly about: { readonly rule: string };
      }
    >;

/** Faults of routing, the link or the container's own side that stop a packet. */
export type StopFault =
  | ('route-missing' | 'route-refuses' | 'no-carrier' | 'forwarding-off' | 'rp-filter')
  | ('own-source' | 'answer-elsewhere' | 'gateway-elsewhere' | 'neighbour-fixed')
  | 'neighbours-stopped'
  | ('bridge-port' | 'macvlan-host' | 'traffic-program' | 'inside-container');

/** A packet that is stopped, and what stops it. */
export interface Stopping extends Dialled {
  readonly code: StopFault;
  readonly severity: 'error' | 'warning';
  readonly stop: Reason;
}

/** Faults of the host's settings and devices. */
export type RoutingFault =
  | Told<'conntrack-full', 'error' | 'warning', { readonly count: number; readonly most: number }>
  | Told<
      'mtu-smaller',
      'warning',
      {
        readonly bridge: string;
        readonly mtu: number;
        readonly ways: readonly { readonly device: string; readonly mtu: number }[];
      }
    >
  /** Rules as `ip rule` writes them. */
  | Told<'policy-routing', 'note', { readonly rules: readonly string[] }>;

interface Silent {
  readonly protocol: Protocol;
  /** Which engine runs the container. */
  readonly runtime?: Runtime;
  readonly about: { readonly container: string; readonly port: number };
}

/** Where a packet came from and what it was sent to. */
interface Dialled {
  readonly vantage: Vantage;
  readonly to: string;
}

type Told<
  Code extends string,
  Severity extends Finding['severity'],
  Fields extends object = object,
> = { readonly code: Code; readonly severity: Severity } & Fields;
