/** Parses and writes ranges of IP addresses as numbers, for comparison with firewall rules. */
import ipaddr from 'ipaddr.js';

export interface AddressRange {
  readonly family: 4 | 6;
  readonly low: bigint;
  readonly high: bigint;
}

/** IPv4 addresses bypass the general parser, because rule sets hold tens of thousands of them. */
const DOTTED = /^(\d|[1-9]\d{1,2})\.(\d|[1-9]\d{1,2})\.(\d|[1-9]\d{1,2})\.(\d|[1-9]\d{1,2})$/;

/** An address as a number with its family; null for text that is no address. */
export function parseAddressNumber(text: string): { family: 4 | 6; value: bigint } | null {
  const dotted = DOTTED.exec(text);
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(1).map(Number);
    if (a > 255 || b > 255 || c > 255 || d > 255) return null;
    return { family: 4, value: BigInt(((a * 256 + b) * 256 + c) * 256 + d) };
  }
  if (!ipaddr.isValid(text) || (!text.includes(':') && text.split('.').length !== 4)) return null;
  const bytes = ipaddr.parse(text).toByteArray();
  return {
    family: bytes.length === 4 ? 4 : 6,
    value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
  };
}

/**
 * Reads `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0` and `10.0.0.1-10.0.0.9`, and the same for IPv6. Null for other
 * text, and for a mask with holes, which is no range.
 */
export function parseRange(text: string): AddressRange | null {
  const dash = text.indexOf('-');
  if (dash > 0) {
    const low = parseAddressNumber(text.slice(0, dash));
    const high = parseAddressNumber(text.slice(dash + 1));
    if (!low || low.family !== high?.family || low.value > high.value) return null;
    return { family: low.family, low: low.value, high: high.value };
  }
  const [address = '', mask] = text.split('/');
  const base = parseAddressNumber(address);
  if (!base) return null;
  const bits = base.family === 4 ? 32 : 128;
  const length = mask === undefined ? bits : parseMask(mask, base.family);
  if (length === null || length > bits) return null;
  const hosts = (1n << BigInt(bits - length)) - 1n;
  const low = base.value & ~hosts;
  return { family: base.family, low, high: low | hosts };
}

function parseMask(text: string, family: 4 | 6): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const mask = parseAddressNumber(text);
  if (mask?.family !== family) return null;
  const bits = mask.value.toString(2).padStart(family === 4 ? 32 : 128, '0');
  return /^1*0*$/.test(bits) ? countOnes(bits) : null;
}

function countOnes(bits: string): number {
  return [...bits].filter((bit) => bit === '1').length;
}

export function isInRange(range: AddressRange, family: 4 | 6, value: bigint): boolean {
  return range.family === family && value >= range.low && value <= range.high;
}

/** Whether the range is all addresses of its family. */
export function isEverything(range: AddressRange): boolean {
  const size = range.family === 4 ? 32n : 128n;
  return range.low === 0n && range.high === (1n << size) - 1n;
}

/** Whether an address such as `172.17.0.2` lies in a network such as `172.17.0.1/16`. */
export function isInNetwork(address: string, network: string): boolean {
  const number = parseAddressNumber(address);
  const range = parseRange(network);
  return number !== null && range !== null && isInRange(range, number.family, number.value);
}

/** Writes a range as a single address, a network, or from–to. */
export function writeRange({ family, low, high }: AddressRange): string {
  const first = writeAddress(family, low);
  if (low === high) return first;
  const size = high - low + 1n;
  const bits = size.toString(2).length - 1;
  const isNetwork = size === 1n << BigInt(bits) && low % size === 0n;
  return isNetwork
    ? `${first}/${(family === 4 ? 32 : 128) - bits}`
    : `${first}-${writeAddress(family, high)}`;
}

function writeAddress(family: 4 | 6, value: bigint): string {
  const length = family === 4 ? 4 : 16;
  const bytes = Array.from({ length }, (_, i) =>
    Number((value >> BigInt(8 * (length - 1 - i))) & 255n),
  );
  return ipaddr.fromByteArray(bytes).toString();
}
