/** Decodes TCP with its options, and UDP. Total: any bytes give an answer. */
import { byteAt, uint16, uint32 } from './bytes.js';
import type { Decoded, Packet } from './packet.js';

const OPTION = { END: 0, NOP: 1, TIMESTAMP: 8 } as const;

/** Decodes a TCP segment; `length` is its length on the wire, header included. */
export function decodeTcp(packet: Packet, at: number, length: number): Decoded {
  const { bytes, end } = packet;
  // The bytes up to the flags are enough to identify the packet; a short snaplen may cut the rest.
  if (at + 14 > end) return 'malformed';
  const header = (byteAt(bytes, at + 12) >> 4) * 4;
  if (header < 20 || header > length) return 'malformed';
  packet.transportAt = at;
  packet.sourcePort = uint16(bytes, at);
  packet.destinationPort = uint16(bytes, at + 2);
  packet.seq = uint32(bytes, at + 4);
  packet.ack = uint32(bytes, at + 8);
  packet.flags = byteAt(bytes, at + 13);
  packet.timestamp = readTimestamp(bytes, at + 20, Math.min(at + header, end));
  setPayload(packet, at + header, length - header);
  return 'ok';
}

export function decodeUdp(packet: Packet, at: number, length: number): Decoded {
  const { bytes, end } = packet;
  if (at + 8 > end) return 'malformed';
  // A length of 0 is allowed for jumbograms. A first fragment carries less than the datagram's length.
  const declared = uint16(bytes, at + 4) || length;
  if (declared < 8) return 'malformed';
  packet.transportAt = at;
  packet.sourcePort = uint16(bytes, at);
  packet.destinationPort = uint16(bytes, at + 2);
  if (!packet.fragmented && declared > length) return 'malformed';
  setPayload(packet, at + 8, declared - 8);
  return 'ok';
}

function setPayload(packet: Packet, at: number, length: number): void {
  const there = Math.max(0, packet.end - at);
  packet.payloadAt = Math.min(at, packet.end);
  packet.payloadLength = length;
  packet.payloadCaptured = Math.min(there, length);
}

/** The sender's timestamp option; -1 without one. An option of length 0 or beyond the end ends the search. */
function readTimestamp(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const kind = byteAt(bytes, at);
    if (kind === OPTION.END) return -1;
    if (kind === OPTION.NOP) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? byteAt(bytes, at + 1) : 0;
    if (length < 2 || at + length > end) return -1;
    if (kind === OPTION.TIMESTAMP && length === 10) return uint32(bytes, at + 2);
    at += length;
  }
  return -1;
}
