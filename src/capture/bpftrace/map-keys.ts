/** Reads the keys of the maps that the probe programs print at their end. */
import { addressFromBytes, type Endpoint } from '../../model/address.js';
import type { SocketPorts, TotalEvent } from '../../model/event.js';

/** Reads ports, addresses and place from one key of @packets and @bytes (see hops-out.bt). */
export function readHopKey(
  keys: readonly bigint[],
  littleEndian: boolean,
): {
  namespace: number;
  ifindex: number;
  direction: 'in' | 'out';
  protocol: 'tcp' | 'udp';
  source: Endpoint;
  destination: Endpoint;
} | null {
  const [hop, s0, s1, d0, d1, ports] = keys;
  if (ports === undefined || d1 === undefined || d0 === undefined) return null;
  if (hop === undefined || s0 === undefined || s1 === undefined) return null;
  const family = (ports >> 12n) & 15n;
  const address = (first: bigint, second: bigint): string => {
    const words = [first, second].map((word) => word.toString(16));
    const bytes = words.flatMap((word) => bytesOf(word, 8, littleEndian));
    return addressFromBytes(family === 4n ? bytesOfIpv4(bytes, 8, littleEndian) : bytes);
  };
  return {
    namespace: Number(hop >> 32n),
    ifindex: Number(hop & 0xffffffffn),
    direction: (ports & 0x100n) === 0n ? 'out' : 'in',
    protocol: (ports & 0xffn) === 17n ? 'udp' : 'tcp',
    source: { address: address(s0, s1), port: Number((ports >> 32n) & 0xffffn) },
    destination: { address: address(d0, d1), port: Number((ports >> 16n) & 0xffffn) },
  };
}

/** Reads the sockets from one key of @total, @read and @written (see relay.bt and relay-copy.bt). */
export function readTotalKey(
  map: string,
  keys: readonly bigint[],
): Pick<TotalEvent, 'operation' | 'from' | 'to'> | null {
  const [first, second, third, life] = keys;
  const socket = (address: bigint, ports: bigint): SocketPorts => ({
    socket: address.toString(16),
    localPort: Number((ports >> 16n) & 0xffffn),
    remotePort: Number(ports & 0xffffn),
    ...(life !== undefined && { life: Number(life) }),
  });
  if (first === undefined || second === undefined) return null;
  if (map === 'total' && third !== undefined) {
    return { operation: 'move', from: socket(first, third >> 32n), to: socket(second, third) };
  }
  if (map !== 'read' && map !== 'written') return null;
  return { operation: map === 'read' ? 'read' : 'write', from: socket(first, second), to: null };
}

/** Number of low bits in a value of @total that count the calls (see relay.bt); the bytes are in the bits above. */
const CALL_BITS = 20;

/** The bytes and calls that a value of @total holds. */
export function splitTotal(value: bigint): { total: number; calls: number } {
  const whole = BigInt.asUintN(64, value);
  return {
    total: Number(whole >> BigInt(CALL_BITS)),
    calls: Number(BigInt.asUintN(CALL_BITS, whole)),
  };
}

/** Bytes of a machine word, printed as a hexadecimal number, in the order in which they lie in memory. */
export function bytesOf(word: string, size: 4 | 8, littleEndian: boolean): number[] {
  const digits = word.padStart(size * 2, '0').slice(-size * 2);
  const bytes = (digits.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  return littleEndian ? bytes.reverse() : bytes;
}

/** The four bytes of an IPv4 address: the low half of a 64-bit word, or the first of four words. */
export function bytesOfIpv4(
  bytes: readonly number[],
  wordBytes: 4 | 8,
  littleEndian: boolean,
): number[] {
  return wordBytes === 4 || littleEndian ? bytes.slice(0, 4) : bytes.slice(4, 8);
}
