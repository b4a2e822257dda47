/** Reads state changes of TCP sockets: who connects and listens, and what a closing socket has counted. */
import {
  TCP_STATE,
  type SocketSums,
  type StateEvent,
  type Unnumbered,
} from '../../../model/event.js';
import { hex } from '../line-fields.js';
import { defineLine, type ProbeSlice, type SealView } from './slice.js';
import { readSocketFields, SOCKET_LINE_FIELDS } from './socket-fields.js';

type State = Unnumbered<StateEvent>;

const SUMS = 8;

const changeLine = defineLine<State>({
  letter: 'S',
  kind: 'state',
  fields: [SOCKET_LINE_FIELDS + 1],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({
    kind: 'state',
    ...readSocketFields(f, reader),
    from: hex(f[5]),
    to: hex(f[17]),
  }),
  seal: viewState,
});

const closeLine = defineLine<State>({
  letter: 'Z',
  kind: 'state',
  fields: [SOCKET_LINE_FIELDS + SUMS],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({
    kind: 'state',
    ...readSocketFields(f, reader),
    from: hex(f[5]),
    to: TCP_STATE.CLOSE,
    sums: readSums(f.slice(17, 17 + SUMS).map(hex)),
  }),
  seal: viewState,
});

function viewState({ local, remote }: State): SealView {
  return { ends: [local, remote], sign: 'state' };
}

/** The kernel counts retransmissions as sent, and a FIN as a received byte. */
function readSums(fields: readonly number[]): SocketSums {
  const [sent = 0, sentAgain = 0, acknowledged = 0, received = 0, finCame = 0, ...segments] =
    fields;
  const [segmentsSent = 0, segmentsReceived = 0, retransmits = 0] = segments;
  return {
    sent: sent - sentAgain,
    sentAgain,
    acknowledged,
    received: received - finCame,
    segmentsSent,
    segmentsReceived,
    retransmits,
  };
}

export const tcpStates: ProbeSlice = {
  file: 'tcp-states.bt',
  lines: [changeLine, closeLine],
  signs: ['state'],
  when: 'always',
  witnesses: ['accepts'],
  guard: 'flow',
  freezes: true,
};
