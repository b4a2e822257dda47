/** Describes hops of the report in a few words: rewritings, and what processes did. */
import { formatEndpoint } from '../model/address.js';
import type { NatEvent } from '../model/event.js';
import type { Hop } from '../model/report.js';
import { describePacket } from './packets.js';

export function writeRewriting(event: NatEvent): string {
  const { hook, field, becomes } = event;
  const where = hook === null ? 'NAT' : `NAT in ${hook}`;
  const change = `${field} ${formatEndpoint(event[field])} → ${formatEndpoint(becomes)}`;
  return `${where}: ${describePacket(event)}, ${change}`;
}

/** @param bytes how many it read or moved; null where it moved none */
export function writeAct(
  { what, descriptor }: NonNullable<Hop['act']>,
  bytes: number | null,
): string {
  const amount = bytes === null ? '' : ` ${bytes} B`;
  return `${what}${amount}${descriptor === null ? '' : `, descriptor ${descriptor}`}`;
}
