/** Reads resets that TCP sends; older kernels do not report those without a socket, so they are no sign of a seal. */
import type { ResetEvent, Unnumbered } from '../../../model/event.js';
import { PACKET_FIELDS } from '../field-reader.js';
import { defineLine, type ProbeSlice } from './slice.js';

const resetLine = defineLine<Unnumbered<ResetEvent>>({
  letter: 'R',
  kind: 'reset',
  fields: [PACKET_FIELDS + 1],
  numbers: [1],
  named: false,
  read: (f, reader) => ({ kind: 'reset', ...reader.packet(f, 1) }),
  seal: ({ source, destination }) => ({ ends: [source, destination], sign: null }),
});

export const tcpResets: ProbeSlice = {
  file: 'tcp-resets.bt',
  lines: [resetLine],
  signs: [],
  when: 'always',
  witnesses: [],
  guard: 'flow',
};
