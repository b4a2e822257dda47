/** Reads packets that enter the stack from a device, with their conntrack entry. */
import { outerLine, packetLine } from './packet-line.js';
import type { ProbeSlice } from './slice.js';

export const hopsIn: ProbeSlice = {
  file: 'hops-in.bt',
  lines: [packetLine, outerLine],
  signs: ['in'],
  when: 'always',
  witnesses: [],
  guard: 'flow',
};
