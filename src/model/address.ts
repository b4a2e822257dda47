/** Addresses and endpoints in one canonical text form, so that equal addresses are equal strings. */
import ipaddr from 'ipaddr.js';

/** One end of a flow; `address` is canonical (see {@link canonicalAddress}). */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * Canonical text of an IP address: dotted quad for IPv4 and for IPv4-mapped IPv6, RFC 5952 for IPv6.
 * Returns null for anything that is not an address.
 */
export function canonicalAddress(text: string): string | null {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return null;
  const parsed = ipaddr.process(bare);
  return parsed.kind() === 'ipv6' ? (parsed as ipaddr.IPv6).toRFC5952String() : parsed.toString();
}

/** Canonical text of 4 or 16 address bytes in network order. Throws RangeError for another length. */
export function addressFromBytes(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16)
    throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  const mapped = bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (mapped) return bytes.slice(12).join('.');
  return (ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6).toRFC5952String();
}

/** 127.0.0.0/8 and ::1: addresses that mean something else in every namespace. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** `address:port`, with brackets around IPv6. */
export function formatEndpoint(endpoint: Endpoint): string {
  const { address, port } = endpoint;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}
