/** Creates the first packet of a hypothetical connection, with the ports that its client may have. */
import type { Protocol } from '../../model/event.js';
import type { PortRange } from '../../model/rules.js';
import { findContainerAt } from './deliver.js';
import { createPacket, exactAddress, UNNAMED, type TrialPacket, type StandIn } from './packet.js';
import { readClientPorts } from './routing/sysctl.js';
import type { World } from './world.js';

/** Where a connection starts. */
export interface Start {
  readonly protocol: Protocol;
  readonly port: number;
  readonly family: 4 | 6;
  /** Null for the host's own address if that is unknown. */
  readonly to: string | null;
  readonly by:
    | {
        readonly kind: 'host';
        /** The process that dials, if it is known. */
        readonly pid?: number;
      }
    /** From elsewhere, by a device of the host. */
    | {
        readonly kind: 'outside';
        readonly device: string | null;
        readonly source: string | null;
        /** Addresses that stand for a client of unknown address; found by the device if left out. */
        readonly places?: readonly StandIn[];
        /** The ports that the client may have, if known. */
        readonly ports?: PortRange | null;
      }
    /** From a container, by its bridge. */
    | { readonly kind: 'container'; readonly bridge: string; readonly address: string };
}

/** The ports that a namespace gives to its clients. */
function listPorts({ routing }: World): PortRange | null {
  return routing ? readClientPorts(routing.values) : null;
}

/** Creates the packet that begins the connection. */
export function createFirst(world: World, { by, protocol, family, port, to }: Start): TrialPacket {
  const destination = to === null ? ({ kind: 'own' } as const) : exactAddress(to);
  const fields = { family, protocol, destination, destinationPort: port };
  switch (by.kind) {
    case 'host':
      return createPacket({ ...fields, source: destination, clientPorts: listPorts(world) });
    case 'container': {
      const inside = findContainerAt(world, by.address)?.inside;
      const clientPorts = inside ? listPorts(inside) : null;
      const source = exactAddress(by.address);
      return createPacket({ ...fields, source, inDevice: by.bridge, clientPorts });
    }
    case 'outside': {
      const elsewhere = { kind: 'elsewhere', ...(by.places && { places: by.places }) } as const;
      const source = by.source === null ? elsewhere : exactAddress(by.source);
      const clientPorts = by.ports ?? null;
      return createPacket({ ...fields, source, inDevice: by.device ?? UNNAMED, clientPorts });
    }
  }
}
