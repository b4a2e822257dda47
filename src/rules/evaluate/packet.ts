/** A hypothetical packet: the first one of a connection, or one that follows it. */
import { canonicalAddress } from '../../model/address.js';
import type { Protocol } from '../../model/event.js';
import { parseAddressNumber } from '../../model/range.js';
import type { Question } from '../../model/question.js';
import { TCP_FLAGS, type Discovery, type PortRange } from '../../model/rules.js';
import type { Zones } from './zones.js';

/** An address, or one that is only known to be a client's elsewhere or the host's own. */
export type PacketAddress =
  | { readonly kind: 'exact'; readonly text: string; readonly value: bigint }
  | {
      readonly kind: 'elsewhere';
      /** Addresses that stand for it where routes are looked up, as the host in between has found them. */
      readonly places?: readonly StandIn[];
    }
  | { readonly kind: 'own' };

/** An address that stands for a client whose own is not known. */
export interface StandIn {
  readonly address: string;
  /** What is asked where a client there is treated otherwise than the first. */
  readonly about: Question | null;
}

/** The request, what the server says to it, that something refuses it, and what the client says next. */
export type Turn = 'first' | 'answer' | 'refusal' | 'later';

export interface TrialPacket {
  readonly family: 4 | 6;
  readonly protocol: Protocol;
  /** Whether it is a message of ICMP about the connection: that has no ports. */
  readonly icmp: boolean;
  /** Which message of neighbour discovery it is; null for all others. */
  readonly discovery: Discovery | null;
  source: PacketAddress;
  destination: PacketAddress;
  /** The server's: an answer comes from it. */
  destinationPort: number;
  /** Null for one that the host makes itself; `unnamed` for the outer device of a host that is not at hand. */
  inDevice: string | typeof UNNAMED | typeof PORT | null;
  outDevice: string | typeof UNNAMED | typeof PORT | null;
  /** The client's address before any rule gave it another one. */
  client: PacketAddress;
  /** The ports that the client may have on this side of NAT; null where nobody knows which it takes. */
  clientPorts: PortRange | null;
  /** The device that a client elsewhere comes by. */
  readonly clientDevice: string | null;
  readonly turn: Turn;
  /** TCP flags as the header has them; 0 for other protocols. */
  readonly flags: number;
  /** What the client dialled. */
  readonly dialled: { readonly address: PacketAddress; readonly port: number };
  /** Null once a rule has set it to something that is not known here. */
  mark: number | null;
  connectionMark: number | null;
  /** What connection tracking says of it; `none` before it has looked. */
  tracking: 'none' | 'untracked' | 'invalid' | 'new' | 'established' | 'related';
  /** The zone that rules gave to this packet. */
  zone: Zones;
  /** The connection's entry and whether it has seen an answer; null when no packet has made one. */
  entry: { readonly zones: Zones; readonly answered: boolean } | null;
  /** What conntrack expects of an answer: from where to where. */
  expected: {
    readonly source: PacketAddress;
    readonly port: number;
    readonly destination: PacketAddress;
  } | null;
  /** Whether a rule has given the connection a helper. */
  helped: boolean;
  /** Whether a rule has handed the connection to a flow table. */
  offloaded: boolean;
  dnat: boolean;
  snat: boolean;
  /** Whether OUTPUT has made the host look for its route again, and the mark that it did so with. */
  rerouted: { readonly mark: number | null } | null;
}

/** Where connection tracking keeps what no rule gives a zone. */
export const UNZONED: Zones = { original: 0, reply: 0 };

export const UNNAMED = Symbol('unnamed-device');
/** A port of a bridge: which one is not known. */
export const PORT = Symbol('bridge-port');

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

/** Whether it goes from the server's side to the client's. */
export function isAnswer({ turn }: TrialPacket): boolean {
  return turn === 'answer' || turn === 'refusal';
}

/** Whether connection tracking takes a packet in the middle of a connection for the first one of another. */
export function beginsAnew({ turn, tracking }: TrialPacket): boolean {
  return turn !== 'first' && tracking === 'new';
}

export function createPacket(
  fields: Pick<TrialPacket, 'family' | 'protocol' | 'source' | 'destination' | 'destinationPort'> &
    Partial<TrialPacket>,
): TrialPacket {
  return {
    inDevice: null,
    outDevice: null,
    mark: 0,
    connectionMark: 0,
    tracking: 'none',
    zone: UNZONED,
    entry: null,
    expected: null,
    helped: false,
    offloaded: false,
    dnat: false,
    snat: false,
    rerouted: null,
    turn: 'first',
    icmp: false,
    discovery: null,
    flags: fields.protocol === 'tcp' ? TCP_FLAGS.syn : 0,
    client: fields.source,
    clientPorts: null,
    clientDevice: typeof fields.inDevice === 'string' ? fields.inDevice : null,
    dialled: { address: fields.destination, port: fields.destinationPort },
    ...fields,
  };
}
