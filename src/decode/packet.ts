/** The record that the decoders fill: one packet's headers as numbers and offsets, reused for every packet. */

/** IP protocol numbers that are decoded. */
export const IP_PROTOCOL = {
  ICMP: 1,
  IPV4: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  GRE: 47,
  ICMPV6: 58,
} as const;

/** A tunnel that a packet was found in, with the ends of the outer packet: offsets of their bytes. */
export interface Tunnel {
  readonly kind: 'vxlan' | 'geneve' | 'gre' | 'ipip';
  /** The network identifier of VXLAN and Geneve, or the key of GRE; null without one. */
  readonly id: number | null;
  /** The UDP destination port of the outer packet; null for GRE and IP in IP. */
  readonly port: number | null;
  readonly version: number;
  readonly sourceAt: number;
  readonly destinationAt: number;
  /** Where the outer IP header begins. */
  readonly networkAt: number;
}

/**
 * The result of decoding a packet. `ok`: a TCP or UDP packet with ports. `error`: an ICMP error with the packet that it
 * is about. `other`: valid, but of a protocol without ports. `fragment`: a later fragment, without ports. `malformed`:
 * cut off or contradictory. `unknown-link`: of a link type that is not decoded.
 */
export type Decoded = 'ok' | 'error' | 'other' | 'fragment' | 'malformed' | 'unknown-link';

/** How a fragment fits into its packet; offsets named `…At` refer to the bytes that contain the fragment. */
export interface FragmentFacts {
  /** Offsets of the IP header, of the field with offset and flag, and of the fragment's own bytes. */
  readonly networkAt: number;
  readonly fieldAt: number;
  readonly at: number;
  /** Bytes of the fragment on the wire, and bytes of the packet before it. */
  readonly length: number;
  readonly offset: number;
  readonly more: boolean;
  /** IP identification: the same for all pieces of a packet. */
  readonly id: number;
}

/** Addresses and ports inside `bytes`: offsets of the address bytes. */
export interface Ends {
  /** 4 or 6. */
  version: number;
  protocol: number;
  sourceAt: number;
  destinationAt: number;
  sourcePort: number;
  destinationPort: number;
}

/** A decoded packet. Mutable on purpose: a capture has millions of packets, and one record serves them all. */
export class Packet implements Ends {
  /** The buffer that contains the frame, often with others, and the frame's end in it. All offsets refer to `bytes`. */
  bytes: Uint8Array = new Uint8Array(0);
  end = 0;
  version = 0;
  protocol = 0;
  sourceAt = 0;
  destinationAt = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** IPv4 TTL or IPv6 hop limit. */
  ttl = 0;
  /** IPv4 identification; -1 in IPv6. */
  ipId = -1;
  /** Where the innermost IP header begins. */
  networkAt = 0;
  /** The tunnels around it, outermost first; nearly always none. */
  readonly tunnels: Tunnel[] = [];
  /** Whether it is a first fragment: the later ones have no ports. */
  fragmented = false;
  /** Facts of any fragment, including the first; null for packets that are not fragments. */
  piece: FragmentFacts | null = null;
  seq = 0;
  ack = 0;
  flags = 0;
  /** TCP timestamp value; -1 without the option. */
  timestamp = -1;
  /** Where the TCP or UDP header begins. */
  transportAt = 0;
  /** Where the payload begins, how many bytes of it were captured, and how many were on the wire. */
  payloadAt = 0;
  payloadCaptured = 0;
  payloadLength = 0;
  /**
   * From the link layer: the device's index (0 if unknown), whether the packet left (`out`) or came in, and whether the
   * device is a loopback.
   */
  ifindex = 0;
  direction: 'in' | 'out' | null = null;
  loopback = false;
  /** Offset of the six bytes of the sender's hardware address; -1 when the link layer has none. */
  hardwareAt = -1;
  icmpType = 0;
  icmpCode = 0;
  /** The packet that an ICMP error is about. */
  readonly about: Ends = {
    version: 0,
    protocol: 0,
    sourceAt: 0,
    destinationAt: 0,
    sourcePort: 0,
    destinationPort: 0,
  };

  reset(bytes: Uint8Array, end: number): void {
    this.bytes = bytes;
    this.end = end;
    this.version = 0;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.ipId = -1;
    this.fragmented = false;
    this.piece = null;
    this.seq = 0;
    this.ack = 0;
    this.flags = 0;
    this.timestamp = -1;
    this.transportAt = 0;
    this.payloadAt = 0;
    this.payloadCaptured = 0;
    this.payloadLength = 0;
    this.ifindex = 0;
    this.direction = null;
    this.loopback = false;
    this.hardwareAt = -1;
    this.tunnels.length = 0;
  }

  /** Forgets the tunnel whose outer IP header is at `networkAt`, and all tunnels inside it. */
  leaveTunnel(networkAt: number): void {
    const index = this.tunnels.findIndex((tunnel) => tunnel.networkAt === networkAt);
    if (index >= 0) this.tunnels.length = index;
    this.fragmented = false;
    this.piece = null;
    this.seq = 0;
    this.ack = 0;
    this.flags = 0;
    this.timestamp = -1;
  }
}
