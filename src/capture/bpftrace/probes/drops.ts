/** Reads packets that the kernel drops, with reason and function. */
import type { DropEvent, Unnumbered } from '../../../model/event.js';
import { CONNTRACK_FIELDS, PACKET_FIELDS } from '../field-reader.js';
import { highHalf, lowHalf } from '../line-fields.js';
import { defineLine, type ProbeSlice } from './slice.js';

/** After the packet: MTU and reason, conntrack entry if there is one, function. */
const BARE = PACKET_FIELDS + 3;

const dropLine = defineLine<Unnumbered<DropEvent>>({
  letter: 'D',
  kind: 'drop',
  fields: [BARE, BARE + CONNTRACK_FIELDS],
  numbers: [1, -1],
  named: false,
  read(f, reader) {
    const mtu = highHalf(f[PACKET_FIELDS + 1]);
    return {
      kind: 'drop',
      ...reader.packet(f, 1),
      mtu: mtu === 0 ? null : mtu,
      reason: reader.dropReason(lowHalf(f[PACKET_FIELDS + 1])),
      function: (f.at(-1) ?? '').replace(/\+\d+$/, ''),
      conntrack: f.length === BARE ? null : reader.conntrack(f, PACKET_FIELDS + 2, 1),
    };
  },
  seal: ({ source, destination }) => ({ ends: [source, destination], sign: 'drop' }),
});

export const drops: ProbeSlice = {
  file: 'drops.bt',
  lines: [dropLine],
  signs: ['drop'],
  when: 'always',
  witnesses: [],
  guard: 'flow',
};
