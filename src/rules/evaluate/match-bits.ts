/** Tests whether bits of a packet field match a rule, even if only some of them are known. */
import type { Match } from '../../model/rules.js';
import { wonder, type Answer } from './doubt.js';
import type { TrialPacket } from './packet.js';
import { stateBits, statusBits } from './tracking.js';

type Bits = Extract<Match, { on: 'bits' }>;

const ALL = 0xffffffff;

export function testBits(match: Bits, packet: TrialPacket): Answer {
  if (match.field === 'tcp-flags' && (packet.protocol !== 'tcp' || packet.icmp)) return false;
  const value = readField(match, packet);
  const { mask, flip, ranges, text } = match;
  const doubt = wonder({ code: 'as-written', text });
  if (value === null) return doubt;
  const asked = (value.bits & mask) ^ flip;
  if ((mask & ~value.known) === 0) {
    return ranges.some(({ low, high }) => asked >>> 0 >= low && asked >>> 0 <= high);
  }
  // A single value cannot match if a known bit differs.
  const possible = ranges.some(
    ({ low, high }) => low !== high || ((low ^ asked) & (value.known | ~mask)) === 0,
  );
  return possible ? doubt : false;
}

function readField(
  { field }: Bits,
  packet: TrialPacket,
): { readonly known: number; readonly bits: number } | null {
  const whole = (bits: number | null): { known: number; bits: number } | null =>
    bits === null ? null : { known: ALL, bits };
  switch (field) {
    case 'state':
      return whole(stateBits(packet));
    case 'status':
      return statusBits(packet);
    case 'tcp-flags':
      return whole(packet.flags);
    case 'mark':
      return whole(packet.mark);
    case 'connection-mark':
      return whole(packet.connectionMark);
    case 'zone':
      return whole(packet.entry?.zones.original ?? 0);
  }
}
