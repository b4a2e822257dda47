/** Applies what rules do to the mark of a packet and of its connection. */
import type { Step } from '../../model/rules.js';
import type { TrialPacket } from './packet.js';

type Marking = Extract<
  Step,
  { kind: 'set-mark' | 'set-connection-mark' | 'save-mark' | 'restore-mark' }
>;

export function mark(step: Marking, packet: TrialPacket): void {
  const mix = (old: number | null, bits: number | null, mask: number): number | null =>
    old === null || bits === null ? null : ((old & ~mask) ^ bits) >>> 0;
  const part = (value: number | null, bits: number): number | null =>
    value === null ? null : value & bits;
  switch (step.kind) {
    case 'set-mark':
      packet.mark = mix(packet.mark, step.value, step.mask);
      break;
    case 'set-connection-mark':
      packet.connectionMark = mix(packet.connectionMark, step.value, step.mask);
      break;
    case 'save-mark':
      packet.connectionMark = mix(packet.connectionMark, part(packet.mark, step.from), step.to);
      break;
    case 'restore-mark':
      packet.mark = mix(packet.mark, part(packet.connectionMark, step.from), step.to);
      break;
  }
}
