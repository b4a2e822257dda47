/** Where a connection starts that is sent through the rules. */
import type { Protocol } from '../../model/event.js';
import type { Place } from './packet.js';

export interface Start {
  readonly protocol: Protocol;
  readonly port: number;
  readonly family: 4 | 6;
  /** Null for the host's own address where that is not known. */
  readonly to: string | null;
  readonly by:
    | { readonly kind: 'host' }
    /** From elsewhere by a device of the host. */
    | {
        readonly kind: 'outside';
        readonly device: string | null;
        readonly source: string | null;
        /** Where a client may be whose address is not known; found by the device when left out. */
        readonly places?: readonly Place[];
      }
    /** From a container by its bridge. */
    | { readonly kind: 'container'; readonly bridge: string; readonly address: string };
}
