/** The record that the decoders fill: one packet's headers as numbers and offsets, reused from packet to packet. */

/** IP protocol numbers that are looked into. */
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
  /** VXLAN's and Geneve's network, GRE's key; null without one. */
  readonly id: number | null;
  /** The UDP port that the outer packet went to; null of GRE and IP in IP. */
  readonly port: number | null;
  readonly version: number;
  readonly sourceAt: number;
  readonly destinationAt: number;
  /** Where the outer IP header begins. */
  readonly networkAt: number;
}

/**
 * What a decoder says of a packet. `ok`: a TCP or UDP packet with ports; `error`: an ICMP error with the packet that it
 * is about; `other`: sound, but of a protocol without ports; `fragment`: a later fragment, without ports;
 * `malformed`: cut off or contradicting itself; `unknown-link`: of a link type that is not decoded.
 */
export type Decoded = 'ok' | 'error' | 'other' | 'fragment' | 'malformed' | 'unknown-link';

/** What a fragment is of its packet; offsets named `…At` are of the bytes that it stands in. */
export interface FragmentFacts {
  /** Where the IP header begins, where the field with offset and flag stands, and where the fragment's own bytes begin. */
  readonly networkAt: number;
  readonly fieldAt: number;
  readonly at: number;
  /** Bytes of it on the wire, and how many of the packet come before them. */
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

/** Mutable on purpose: a capture has millions of packets, and one record serves them all. */
export class Packet implements Ends {
  /** What the frame stands in, often with others, and where it ends there. All offsets are of `bytes`. */
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
  /** The tunnels that it was found in, the outermost first; nearly always none. */
  readonly tunnels: Tunnel[] = [];
  /** A first fragment: its later ones come without ports. */
  fragmented = false;
  /** Of any fragment, the first included; null for whole packets. */
  piece: FragmentFacts | null = null;
  seq = 0;
  ack = 0;
  flags = 0;
  /** TCP timestamp value; -1 without the option. */
  timestamp = -1;
  /** Where the TCP or UDP header begins. */
  transportAt = 0;
  /** Where the payload begins, how much of it is there, and how much there was on the wire. */
  payloadAt = 0;
  payloadCaptured = 0;
  payloadLength = 0;
  /** From the link layer: the device's index (0 unknown), whether it left (`out`) or came in, and is a loopback. */
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

  /** Forgets the tunnel whose outer header is there, and all inside it. */
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
