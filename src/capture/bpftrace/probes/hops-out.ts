/** Reads packets that leave a device, with their conntrack entry. */
import { outerLine, packetLine } from './packet-line.js';
import type { ProbeSlice } from './slice.js';

export const hopsOut: ProbeSlice = {
  file: 'hops-out.bt',
  lines: [packetLine, outerLine],
  signs: ['out'],
  when: 'always',
  witnesses: [],
  guard: 'flow',
};
