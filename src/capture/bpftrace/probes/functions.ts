/** Reads the functions that a flow's first packets pass: routing and delivery, bridges, netfilter hooks. */
import { NETFILTER_HOOKS, type FunctionEvent, type Unnumbered } from '../../../model/event.js';
import { PACKET_FIELDS } from '../field-reader.js';
import { hex } from '../line-fields.js';
import { defineLine, type ProbeSlice } from './slice.js';

const functionLine = defineLine<Unnumbered<FunctionEvent>>({
  letter: 'K',
  kind: 'function',
  fields: [PACKET_FIELDS + 3],
  numbers: [1, -1],
  named: false,
  read: (f, reader) => ({
    kind: 'function',
    ...reader.packet(f, 2),
    hook: NETFILTER_HOOKS[hex(f[1])] ?? null,
    function: f.at(-1) ?? '',
  }),
  seal: ({ source, destination }) => ({ ends: [source, destination], sign: null }),
});

export const functions: ProbeSlice = {
  file: 'functions.bt',
  lines: [functionLine],
  signs: [],
  when: 'functions',
  witnesses: [],
  guard: 'flow',
};

export const functionsBridge: ProbeSlice = { ...functions, file: 'functions-bridge.bt' };

export const functionsHooks: ProbeSlice = { ...functions, file: 'functions-hooks.bt' };
