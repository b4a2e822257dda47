/** A hypothetical packet: the first one of a connection, or one that follows it. */
import { canonicalAddress } from '../../model/address.js';
import type { Protocol } from '../../model/event.js';
import { parseAddressNumber } from '../../model/range.js';
import type { Question } from '../../model/question.js';
import { TCP_FLAGS, type Discovery, type PortRange } from '../../model/rules.js';
import type { Zones } from './zones.js';

/** An exact address, or one known only to be a client's elsewhere or the host's own. */
export type PacketAddress =
  | { readonly kind: 'exact'; readonly text: string; readonly value: bigint }
  | {
      readonly kind: 'elsewhere';
      /** Addresses that stand for it in route lookups, as the host in between has found them. */
      readonly places?: readonly StandIn[];
    }
  | { readonly kind: 'own' };

/** An address that stands for a client whose own is not known. */
export interface StandIn {
  readonly address: string;
  /** The question to ask if a client at this address is treated differently from the first stand-in. */
  readonly about: Question | null;
}

/** The request, the server's answer, a refusal of the request, and the client's next packet. */
export type Turn = 'first' | 'answer' | 'refusal' | 'later';

export interface TrialPacket {
  readonly family: 4 | 6;
  readonly protocol: Protocol;
  /** Whether it is an ICMP message about the connection, which has no ports. */
  readonly icmp: boolean;
  /** Which neighbour discovery message it is; null for all other packets. */
  readonly discovery: Discovery | null;
  source: PacketAddress;
  destination: PacketAddress;
  /** The server's port, which is the source port of an answer. */
  destinationPort: number;
  /**
   * Null for a packet that the host sends itself; {@link UNNAMED} for the outer device of a host that was not measured.
   */
  inDevice: string | typeof UNNAMED | typeof PORT | null;
  outDevice: string | typeof UNNAMED | typeof PORT | null;
  /** The client's address before any rule changed it. */
  client: PacketAddress;
  /** The ports that the client may have on this side of NAT; null if unknown. */
  clientPorts: PortRange | null;
  /** The device by which a client elsewhere comes in. */
  readonly clientDevice: string | null;
  readonly turn: Turn;
  /** TCP flags as the header has them; 0 for other protocols. */
  readonly flags: number;
  /** What the client dialled. */
  readonly dialled: { readonly address: PacketAddress; readonly port: number };
  /** Null once a rule has set it to an unknown value. */
  mark: number | null;
  connectionMark: number | null;
  /** The conntrack state; `none` before the lookup. */
  tracking: 'none' | 'untracked' | 'invalid' | 'new' | 'established' | 'related';
  /** The conntrack zone that rules gave to this packet. */
  zone: Zones;
  /** The conntrack entry's zones, and whether it has seen an answer; null if no packet has created it. */
  entry: { readonly zones: Zones; readonly answered: boolean } | null;
  /** The addresses and port that conntrack expects of an answer. */
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
  /** The mark with which OUTPUT made the host look up the route again; null if it did not. */
  rerouted: { readonly mark: number | null } | null;
}

/** The conntrack zone of packets to which no rule gives one. */
export const UNZONED: Zones = { original: 0, reply: 0 };

export const UNNAMED = Symbol('unnamed-device');
/** Some port of a bridge: which one is unknown. */
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

/** Whether conntrack takes a packet in the middle of a connection for the first packet of another one. */
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
