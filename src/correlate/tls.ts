/**
 * Recognises a relay that encrypts or decrypts: one leg carries TLS, and its pieces are a little longer than those of
 * the other leg.
 */
import type { CopyEvent } from '../model/event.js';

/**
 * Fewest and most bytes that TLS adds to a piece of at most one record: type and tag, header, explicit nonce, padding.
 */
const LEAST = 16;
const MOST = 96;
/** The factor with which probes digest eight bytes into the upper half of the product (see relay-copy.bt). */
const FACTOR = 0x5851f42d4c957f2dn;

/** A relay's calls on the client's leg and on the upstream leg. */
export interface TwoLegs {
  readonly client: readonly CopyEvent[];
  readonly upstream: readonly CopyEvent[];
}

/**
 * True where one leg begins with a TLS handshake and, in both directions, has a longer piece for every piece of the
 * other leg.
 */
export function isTlsRelay({ client, upstream }: TwoLegs): boolean {
  if (greets(client, 'read')) return isSealed(upstream, client);
  return greets(upstream, 'write') && isSealed(client, upstream);
}

/**
 * Whether each piece of the plain leg has its own piece on the sealed leg, longer by as much as TLS adds. Between
 * those, the sealed leg may have handshakes, alerts and headers that are read separately. Pieces after the last listed
 * call of the sealed leg have nothing to be compared with, so they are left out.
 */
function isSealed(plain: readonly CopyEvent[], sealed: readonly CopyEvent[]): boolean {
  const sent = sealed.filter(({ operation }) => operation === 'write');
  const got = sealed.filter(({ operation }) => operation === 'read');
  const lastSent = sent.at(-1)?.time ?? 0;
  const lastGot = got.at(-1)?.time ?? 0;
  const there = plain.filter(({ operation, time }) => operation === 'read' && time < lastSent);
  const written = plain.filter(({ operation }) => operation === 'write');
  const behind = written.findIndex(({ time }) => time > lastGot);
  const back = behind < 0 ? written : written.slice(0, behind + 1);
  return (
    havePartners(there, sent, (piece, partner) => partner.time > piece.time) &&
    havePartners(back, got, (piece, partner) => partner.time < piece.time)
  );
}

/** Whether there are pieces, and each has its own partner, in the same order. */
function havePartners(
  pieces: readonly CopyEvent[],
  partners: readonly CopyEvent[],
  mayBe: (piece: CopyEvent, partner: CopyEvent) => boolean,
): boolean {
  let next = 0;
  for (const piece of pieces) {
    const at = partners.findIndex((partner, index) => {
      const more = partner.bytes - piece.bytes;
      return index >= next && more >= LEAST && more <= MOST && mayBe(piece, partner);
    });
    if (at < 0) return false;
    next = at + 1;
  }
  return pieces.length > 0;
}

/** Whether the first bytes are a ClientHello: type, version, length, and the same length again inside. */
function greets(calls: readonly CopyEvent[], operation: CopyEvent['operation']): boolean {
  const [first, second] = calls.filter((call) => call.operation === operation);
  if (!first) return false;
  // A process that reads the record header first learns from it how much follows.
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
