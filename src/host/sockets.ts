/** Reads the listening sockets of a network namespace from the kernel's socket tables. */
import { addressFromBytes } from '../model/address.js';
import type { Endpoint } from '../model/address.js';
import type { Protocol } from '../model/event.js';

export interface SocketRow {
  readonly protocol: Protocol;
  readonly local: Endpoint;
  readonly inode: number;
}

/** The kernel's files, below /proc/PID/net. */
export const SOCKET_TABLES = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
export type SocketTable = (typeof SOCKET_TABLES)[number];

const TCP_LISTEN = 0x0a;
/** UDP sockets without a peer are in the state the kernel calls CLOSE. */
const UDP_UNCONNECTED = 0x07;

/**
 * The sockets in one of these tables that wait for clients: TCP in LISTEN, UDP without a peer.
 * Lines of another form than the kernel's are ignored.
 */
export function parseListeners(table: SocketTable, text: string): SocketRow[] {
  const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
  const wanted = protocol === 'tcp' ? TCP_LISTEN : UDP_UNCONNECTED;
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const local = parseHexEndpoint(fields[1] ?? '');
    const inode = Number(fields[9]);
    if (local === null || local.port === 0 || parseInt(fields[3] ?? '', 16) !== wanted) return [];
    return Number.isInteger(inode) ? [{ protocol, local, inode }] : [];
  });
}

/**
 * `0100007F:1B58` is 127.0.0.1:7000. The address is printed as 32-bit words in the machine's byte order (little-endian on
 * every platform that Node 20 and BTF share but s390x), the port as a plain number. Null for other text.
 */
export function parseHexEndpoint(text: string, bigEndian = isBigEndian()): Endpoint | null {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/i.exec(text);
  if (!match) return null;
  const bytes = (match[1] ?? '').match(/.{8}/g)?.flatMap((word) => {
    const octets = word.match(/../g)?.map((octet) => parseInt(octet, 16)) ?? [];
    return bigEndian ? octets : octets.reverse();
  });
  return { address: addressFromBytes(bytes ?? []), port: parseInt(match[2] ?? '', 16) };
}

function isBigEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;
}
