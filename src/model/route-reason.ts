/** The reasons why routes, bridges and neighbours stop a predicted packet, or leave open where it goes. */
import type { GroupPoint } from './bpf-programs.js';

/** The way back to a source. */
export type WayBack =
  | { readonly kind: 'none' }
  | { readonly kind: 'refused' | 'leads'; readonly route: string }
  | { readonly kind: 'ruled-out'; readonly rule: string };

/** Routes and routing rules are as `ip` writes them. */
export type RouteReason =
  | { readonly code: 'no-route' | 'route-without-device'; readonly to: string }
  | { readonly code: 'route-refuses'; readonly route: string; readonly to: string }
  | { readonly code: 'routing-rule-refuses'; readonly rule: string; readonly to: string }
  | { readonly code: 'odd-route'; readonly to: string; readonly type: string }
  | { readonly code: 'no-carrier'; readonly device: string; readonly to: string }
  | { readonly code: 'own-source'; readonly device: string; readonly from: string | null }
  | {
      readonly code: 'odd-source';
      readonly device: string;
      readonly from: string | null;
      readonly back: WayBack;
    }
  | {
      readonly code: 'reverse-path';
      readonly device: string;
      readonly from: string | null;
      readonly mode: 1 | 2;
      readonly back: WayBack;
    }
  | {
      readonly code: 'reverse-path-elsewhere';
      readonly device: string;
      readonly from: string | null;
      readonly mode: 1 | 2;
    }
  | {
      readonly code: 'loopback-barred';
      readonly device: string;
      /** Whether its destination is the loopback address, or its source. */
      readonly end: 'to' | 'from';
    }
  /** `device` is null where the setting is named without one. */
  | { readonly code: 'setting-unknown'; readonly setting: string; readonly device: string | null }
  | {
      readonly code: 'not-forwarded';
      readonly to: string | null;
      readonly setting: string;
      readonly known: boolean;
    }
  | {
      readonly code: 'forwarding-off';
      readonly setting: string;
      /** What the setting holds for. */
      readonly of: 'host' | 'device';
    };

/** `bridge` is null where a port's bridge is not known. */
export type WireReason =
  | {
      readonly code: 'by-gateway';
      readonly to: string;
      readonly device: string;
      readonly gateway: string;
      readonly container: string;
    }
  | {
      readonly code: 'stacked';
      readonly container: string;
      readonly kind: string;
      readonly on: string;
      readonly problem:
        | { readonly kind: 'vepa' | 'own-host' }
        | { readonly kind: 'routed-elsewhere'; readonly to: string; readonly device: string };
    }
  | {
      readonly code: 'other-bridge';
      readonly to: string;
      readonly device: string;
      readonly container: string;
      readonly bridge: string;
    }
  /** No device of the container has the address that the engine gave it. */
  | { readonly code: 'address-gone'; readonly container: string; readonly address: string }
  | { readonly code: 'inner-down'; readonly device: string; readonly container: string }
  | { readonly code: 'leaves-by-another'; readonly device: string }
  /** Null where the name of the device is not known. */
  | {
      readonly code: 'leaves-by';
      readonly device: string | null;
      readonly cameBy: string | null;
    }
  | { readonly code: 'from-own-address'; readonly address: string }
  | { readonly code: 'own-port-unmasked' }
  | { readonly code: 'straight-reply'; readonly bridge: string; readonly dialled: string | null }
  | { readonly code: 'replies-untranslated'; readonly bridge: string; readonly family: 4 | 6 }
  | { readonly code: 'no-hairpin'; readonly port: string }
  | { readonly code: 'hairpin-unknown' }
  | { readonly code: 'xdp-program'; readonly device: string }
  | {
      readonly code: 'traffic-filter';
      readonly device: string;
      readonly kind: string;
      readonly direction: 'ingress' | 'egress';
    }
  | {
      readonly code: 'tcx-program';
      readonly device: string;
      readonly direction: 'ingress' | 'egress';
    }
  | {
      readonly code: 'group-program';
      readonly group: string;
      /** Where in the life of a socket it is asked. */
      readonly points: readonly GroupPoint[];
    }
  | { readonly code: 'vlan-filter'; readonly bridge: string }
  | {
      readonly code: 'port-down' | 'port-blocked';
      readonly port: string;
      readonly bridge: string | null;
    }
  /** Of an answer to a client on the link. */
  | { readonly code: 'strange-gateway'; readonly gateway: string; readonly device: string }
  | {
      readonly code: 'forwarded-elsewhere';
      readonly port: string;
      readonly bridge: string;
      readonly lladdr: string;
    }
  | { readonly code: 'port-locked' | 'port-floods-not'; readonly port: string }
  | {
      readonly code: 'isolated';
      /** One port, or two. */
      readonly ports: readonly string[];
      readonly bridge: string | null;
    }
  | {
      readonly code: 'fixed-neighbour';
      readonly address: string;
      readonly device: string;
      readonly lladdr: string | null;
      /** The neighbour's own hardware address; null where it is not known. */
      readonly own: string | null;
    };
