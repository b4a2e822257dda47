/** Reads IP headers: IPv4 with options and fragments, IPv6 with extension headers. Total: any bytes give an answer. */
import { byteAt, uint16, uint32 } from './bytes.js';
import type { Ends, FragmentFacts } from './packet.js';

/** Extension headers. All but AH and the fragment header count their length in units of eight bytes. */
const EXTENSION = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, AUTHENTICATION: 51, OPTIONS: 60 };
const SKIPPED = new Set([
  EXTENSION.HOP_BY_HOP,
  EXTENSION.ROUTING,
  EXTENSION.OPTIONS,
  135,
  139,
  140,
]);
const MAX_EXTENSIONS = 16;

/** What a header says: where it ends, what follows, and whether this is a fragment. */
export interface Network {
  readonly next: number;
  readonly at: number;
  /** Bytes of the transport layer on the wire. */
  readonly length: number;
  readonly later: boolean;
  readonly first: boolean;
  /** Null for packets that are not fragments. */
  readonly piece: FragmentFacts | null;
}

/**
 * Reads an IP header of either version into `ends`, captured up to `limit`; null if it is none. Also for the packet
 * inside an ICMP error.
 */
export function readNetwork(
  bytes: Uint8Array,
  at: number,
  limit: number,
  length: number,
  ends: Ends,
): Network | null {
  const version = at < limit ? byteAt(bytes, at) >> 4 : 0;
  ends.version = version;
  if (version === 4) return readV4(bytes, at, limit, length, ends);
  return version === 6 ? readV6(bytes, at, limit, length, ends) : null;
}

function readV4(
  bytes: Uint8Array,
  at: number,
  limit: number,
  length: number,
  ends: Ends,
): Network | null {
  const header = (byteAt(bytes, at) & 0x0f) * 4;
  if (header < 20 || at + header > limit) return null;
  // Segmentation offload leaves the length at 0 when it does not fit; then the length on the wire is used.
  const total = uint16(bytes, at + 2) || length;
  if (total < header) return null;
  const fragment = uint16(bytes, at + 6);
  ends.protocol = byteAt(bytes, at + 9);
  ends.sourceAt = at + 12;
  ends.destinationAt = at + 16;
  return {
    next: ends.protocol,
    at: at + header,
    length: total - header,
    later: (fragment & 0x1fff) !== 0,
    first: (fragment & 0x3fff) === 0x2000,
    piece:
      (fragment & 0x3fff) === 0
        ? null
        : {
            networkAt: at,
            fieldAt: at + 6,
            at: at + header,
            length: total - header,
            offset: (fragment & 0x1fff) * 8,
            more: (fragment & 0x2000) !== 0,
            id: uint16(bytes, at + 4),
          },
  };
}

function readV6(
  bytes: Uint8Array,
  at: number,
  limit: number,
  length: number,
  ends: Ends,
): Network | null {
  if (at + 40 > limit) return null;
  ends.sourceAt = at + 8;
  ends.destinationAt = at + 24;
  let next = byteAt(bytes, at + 6);
  let offset = at + 40;
  const end = at + 40 + (uint16(bytes, at + 4) || Math.max(0, length - 40));
  let first = false;
  let piece: FragmentFacts | null = null;
  for (let count = 0; count < MAX_EXTENSIONS; count++) {
    const skipped = SKIPPED.has(next);
    if (!skipped && next !== EXTENSION.FRAGMENT && next !== EXTENSION.AUTHENTICATION) {
      ends.protocol = next;
      if (offset > end) return null;
      return { next, at: offset, length: end - offset, later: false, first, piece };
    }
    if (offset + 8 > limit) return null;
    const units = byteAt(bytes, offset + 1);
    if (next === EXTENSION.FRAGMENT) {
      const field = uint32(bytes, offset) & 0xffff;
      first = (field & 0xfff9) === 1;
      if ((field & 0xfff9) !== 0) {
        piece = {
          networkAt: at,
          fieldAt: offset + 2,
          at: offset + 8,
          length: Math.max(0, end - offset - 8),
          offset: field & 0xfff8,
          more: (field & 1) === 1,
          id: uint32(bytes, offset + 4),
        };
      }
      if ((field & 0xfff8) !== 0) {
        ends.protocol = byteAt(bytes, offset);
        return { next: ends.protocol, at: offset + 8, length: 0, later: true, first: false, piece };
      }
    }
    const authenticates = next === EXTENSION.AUTHENTICATION;
    next = byteAt(bytes, offset);
    offset += skipped ? (units + 1) * 8 : authenticates ? (units + 2) * 4 : 8;
  }
  return null;
}
