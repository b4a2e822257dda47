/** Reads state changes of TCP sockets: who connects and listens, and what a closing socket has counted. */
import {
  TCP_STATE,
  type SocketSums,
  type StateEvent,
  type Unnumbered,
} from '../../../model/event.js';
import { hex, highHalf, lowHalf } from '../line-fields.js';
import { defineLine, type ProbeSlice, type SealView } from './slice.js';
import { readDetail, readSocketFields, SOCKET_LINE_FIELDS } from './socket-fields.js';

type State = Unnumbered<StateEvent>;

const SUMS = 6;

const changeLine = defineLine<State>({
  letter: 'S',
  kind: 'state',
  fields: [SOCKET_LINE_FIELDS],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({
    kind: 'state',
    ...readSocketFields(f, reader),
    from: readDetail(f) >>> 8,
    to: readDetail(f) & 0xff,
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
    from: readDetail(f) >>> 8,
    to: TCP_STATE.CLOSE,
    sums: readSums(f.slice(-1 - SUMS, -1)),
  }),
  seal: viewState,
});

function viewState({ local, remote }: State): SealView {
  return { ends: [local, remote], sign: 'state' };
}

/** The kernel counts retransmissions as sent, and a FIN as a received byte. */
function readSums(fields: readonly string[]): SocketSums {
  const [sent = 0, sentAgain = 0, acknowledged = 0, received = 0] = fields.map(hex);
  const [segments, retransmitsAndFin] = fields.slice(4);
  const last = hex(retransmitsAndFin);
  const finCame = last & 1;
  return {
    sent: sent - sentAgain,
    sentAgain,
    acknowledged,
    received: received - finCame,
    segmentsSent: highHalf(segments),
    segmentsReceived: lowHalf(segments),
    retransmits: Math.floor(last / 2),
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
