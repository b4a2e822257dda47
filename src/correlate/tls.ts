/** Recognises a relay that encrypts or decrypts: TLS on one leg only, and each piece a little longer there. */
import type { CopyEvent } from '../model/event.js';

/** Bytes that TLS adds to a piece of at most one record: type and tag, header, explicit nonce, padding. */
const LEAST = 16;
const MOST = 96;
/** The factor by which probes digest eight bytes into the upper half of the product (see relay-copy.bt). */
const FACTOR = 0x5851f42d4c957f2dn;

/** A relay's calls on the client's leg and on its own. */
export interface TwoLegs {
  readonly client: readonly CopyEvent[];
  readonly upstream: readonly CopyEvent[];
}

/** True where both directions have pieces that differ by what TLS adds, and one leg begins with its handshake. */
export function isTlsRelay({ client, upstream }: TwoLegs): boolean {
  if (greets(client, 'read')) return grows(client, upstream, -1);
  return greets(upstream, 'write') && grows(client, upstream, 1);
}

/** Whether every piece that went on upstream, and every answer, is as much longer (`sign` 1) or shorter there as TLS makes it. */
function grows(
  client: readonly CopyEvent[],
  upstream: readonly CopyEvent[],
  sign: 1 | -1,
): boolean {
  const there = comparePieces(client, upstream, sign);
  const back = comparePieces(upstream, client, sign === 1 ? -1 : 1);
  return there > 0 && back > 0;
}

/** How many pieces read from one leg were written to the other next, longer or shorter by what TLS adds. */
function comparePieces(from: readonly CopyEvent[], to: readonly CopyEvent[], sign: 1 | -1): number {
  const reads = from.filter(({ operation }) => operation === 'read');
  const writes = to.filter(({ operation }) => operation === 'write');
  let found = 0;
  for (const read of reads) {
    const next = writes.find(({ time }) => time > read.time);
    if (next === undefined) continue;
    const more = sign * (next.bytes - read.bytes);
    if (more >= LEAST && more <= MOST) found += 1;
  }
  return found;
}

/** Whether the first bytes are a ClientHello: type, version, length, and the same length again inside. */
function greets(calls: readonly CopyEvent[], operation: CopyEvent['operation']): boolean {
  const [first, second] = calls.filter((call) => call.operation === operation);
  if (!first) return false;
  // Who reads the record's header first learns from it how much follows.
  const split = first.bytes === 5 && second !== undefined;
  const length = split ? second.bytes : first.bytes - 5;
  if (length < 40) return false;
  const inner = split ? [0, 0, 0] : [1, 0, (length - 4) >> 8];
  return [1, 2, 3].some(
    (minor) => first.mark === digest([0x16, 3, minor, length >> 8, length & 255, ...inner]),
  );
}

function digest(bytes: readonly number[]): number {
  const word = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return Number((BigInt.asUintN(64, word * FACTOR) >> 32n) & 0xffffffffn);
}
