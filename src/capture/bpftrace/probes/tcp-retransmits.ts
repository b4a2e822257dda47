/** Reads segments that TCP retransmits. */
import type { RetransmitEvent, Unnumbered } from '../../../model/event.js';
import { defineLine, type ProbeSlice } from './slice.js';
import { readDetail, readSocketFields, SOCKET_LINE_FIELDS } from './socket-fields.js';

const retransmitLine = defineLine<Unnumbered<RetransmitEvent>>({
  letter: 'T',
  kind: 'retransmit',
  fields: [SOCKET_LINE_FIELDS],
  numbers: [1, -1],
  named: true,
  read(f, reader) {
    // The task is left out: it is whichever one a timer interrupted.
    const { time, namespace, socket, local, remote } = readSocketFields(f, reader);
    return { kind: 'retransmit', time, namespace, socket, local, remote, state: readDetail(f) };
  },
  seal: ({ local, remote }) => ({ ends: [local, remote], sign: null }),
});

export const tcpRetransmits: ProbeSlice = {
  file: 'tcp-retransmits.bt',
  lines: [retransmitLine],
  signs: [],
  when: 'always',
  witnesses: [],
  guard: 'flow',
};
