/** A hypothetical packet: the first one of a connection, or one that follows it. */
import { canonicalAddress } from '../../model/address.js';
import type { Protocol } from '../../model/event.js';
import { parseAddressNumber } from '../../model/range.js';

/** An address, or one that is only known to be a client's elsewhere or the host's own. */
export type PacketAddress =
  | { readonly kind: 'exact'; readonly text: string; readonly value: bigint }
  | {
      readonly kind: 'elsewhere';
      /** Addresses that stand for it where routes are looked up, as the host in between has found them. */
      readonly places?: readonly Place[];
    }
  | { readonly kind: 'own' };

/** An address that stands for a client whose own is not known. */
export interface Place {
  readonly address: string;
  readonly beyond: boolean;
  /** What is asked where a client beyond a gateway is treated otherwise than one on the link. */
  readonly about: string | null;
}

export interface Packet {
  readonly family: 4 | 6;
  readonly protocol: Protocol;
  source: PacketAddress;
  destination: PacketAddress;
  /** The server's: an answer comes from it. */
  destinationPort: number;
  /** Null for one that the host makes itself; `unnamed` for the outer device of a host that is not at hand. */
  inDevice: string | typeof UNNAMED | null;
  outDevice: string | typeof UNNAMED | null;
  /** The client's address before any rule gave it another one. */
  client: PacketAddress;
  /** The device that a client elsewhere comes by. */
  readonly clientDevice: string | null;
  /** The request, what the server says to it (or that it refuses), and what the client says next. */
  readonly turn: 'first' | 'answer' | 'refusal' | 'later';
  /** What the client dialled. */
  readonly dialled: { readonly address: PacketAddress; readonly port: number };
  /** Null once a rule has set it to something that is not known here. */
  mark: number | null;
  connectionMark: number | null;
  untracked: boolean;
  /** Whether connection tracking has not looked at it yet: so it is in chains of the priority of raw. */
  early: boolean;
  dnat: boolean;
  snat: boolean;
}

export const UNNAMED = Symbol('a device whose name is not known');

/** @throws RangeError for text that is no address. */
export function exactAddress(text: string): PacketAddress {
  const canonical = canonicalAddress(text);
  const number = canonical === null ? null : parseAddressNumber(canonical);
  if (canonical === null || number === null) throw new RangeError(`${text} is no address`);
  return { kind: 'exact', text: canonical, value: number.value };
}

export function addressText(address: PacketAddress): string | null {
  return address.kind === 'exact' ? address.text : null;
}

export function createPacket(
  fields: Pick<Packet, 'family' | 'protocol' | 'source' | 'destination' | 'destinationPort'> &
    Partial<Packet>,
): Packet {
  return {
    ...{ inDevice: null, outDevice: null, mark: 0, connectionMark: 0 },
    ...{
      untracked: false,
      early: false,
      dnat: false,
      snat: false,
      turn: 'first',
      client: fields.source,
      clientDevice: typeof fields.inDevice === 'string' ? fields.inDevice : null,
    },
    dialled: { address: fields.destination, port: fields.destinationPort },
    ...fields,
  };
}
