/** Reads packets that leave a device, with their conntrack entry. */
import { packetLine } from './packet-line.js';
import type { ProbeSlice } from './slice.js';

export const hopsOut: ProbeSlice = {
  file: 'hops-out.bt',
  lines: [packetLine],
  signs: ['out'],
  when: 'always',
  witnesses: [],
  guard: 'flow',
};
