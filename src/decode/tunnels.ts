/**
 * Reads the headers of VXLAN, Geneve and GRE: what is inside, and its network or key. Total: any bytes give an answer.
 */
import { byteAt, uint16, uint32 } from './bytes.js';
import type { Tunnel } from './packet.js';

/** UDP ports: the one that IANA assigned to VXLAN, the one that Linux used before, and Geneve's. */
const PORTS = { VXLAN: 4789, VXLAN_LINUX: 8472, GENEVE: 6081 } as const;
/** The type of an inner Ethernet frame; other types are Ethertypes of inner packets. */
export const ETHERNET = 0x6558;
const GRE = { CHECKSUM: 0x8000, ROUTING: 0x4000, KEY: 0x2000, SEQUENCE: 0x1000, VERSION: 0x0007 };

export interface Inner {
  readonly kind: Tunnel['kind'];
  /** The network identifier of VXLAN and Geneve, or the key of GRE; null without one. */
  readonly id: number | null;
  readonly at: number;
  /** `ETHERNET`, or an Ethertype. */
  readonly type: number;
}

/** Reads the tunnel header of a datagram to this port; null where it is no tunnel. */
export function readDatagram(
  bytes: Uint8Array,
  port: number,
  at: number,
  end: number,
): Inner | null {
  if (at + 8 > end) return null;
  if (port === PORTS.VXLAN || port === PORTS.VXLAN_LINUX) return readVxlan(bytes, at);
  return port === PORTS.GENEVE ? readGeneve(bytes, at, end) : null;
}

/** RFC 7348; bits of the group policy extension are accepted. */
function readVxlan(bytes: Uint8Array, at: number): Inner | null {
  const flags = byteAt(bytes, at);
  const isPlain = (flags & 0x7f) === 0x08 && byteAt(bytes, at + 7) === 0;
  if (!isPlain || (flags === 0x08 && (uint32(bytes, at) & 0xffffff) !== 0)) return null;
  return { kind: 'vxlan', id: uint32(bytes, at + 4) >>> 8, at: at + 8, type: ETHERNET };
}

/** RFC 8926. */
function readGeneve(bytes: Uint8Array, at: number, end: number): Inner | null {
  const first = byteAt(bytes, at);
  const inner = at + 8 + (first & 0x3f) * 4;
  if (first >> 6 !== 0 || inner > end || byteAt(bytes, at + 7) !== 0) return null;
  const type = uint16(bytes, at + 2);
  return { kind: 'geneve', id: uint32(bytes, at + 4) >>> 8, at: inner, type };
}

/** RFC 2784 and 2890; source routes and version 1 (PPTP) are not read. */
export function readGre(bytes: Uint8Array, at: number, end: number): Inner | null {
  if (at + 4 > end) return null;
  const flags = uint16(bytes, at);
  if ((flags & (GRE.ROUTING | GRE.VERSION)) !== 0) return null;
  const keyAt = at + 4 + ((flags & GRE.CHECKSUM) !== 0 ? 4 : 0);
  const hasKey = (flags & GRE.KEY) !== 0;
  const inner = keyAt + (hasKey ? 4 : 0) + ((flags & GRE.SEQUENCE) !== 0 ? 4 : 0);
  if (inner > end) return null;
  const id = hasKey ? uint32(bytes, keyAt) : null;
  return { kind: 'gre', id, at: inner, type: uint16(bytes, at + 2) };
}
