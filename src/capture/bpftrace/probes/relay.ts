/** Reads who accepts a connection, bytes that are spliced from socket to socket, and forks of children that serve. */
import type {
  AcceptEvent,
  ForkEvent,
  MoveEvent,
  TotalEvent,
  Unnumbered,
} from '../../../model/event.js';
import { escapeCommand, hex, hexWord, highHalf, lowHalf } from '../line-fields.js';
import { readTotalKey, splitTotal } from '../map-keys.js';
import { SOCKET_FIELDS } from '../field-reader.js';
import { defineLine, type ProbeSlice } from './slice.js';
import { readDetail, readSocketFields, SOCKET_LINE_FIELDS } from './socket-fields.js';

const acceptLine = defineLine<Unnumbered<AcceptEvent>>({
  letter: 'A',
  kind: 'accept',
  fields: [SOCKET_LINE_FIELDS],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({ kind: 'accept', ...readSocketFields(f, reader), fd: readDetail(f) }),
  seal: ({ local, remote }) => ({ ends: [local, remote], sign: 'accept' }),
});

const moveLine = defineLine<Unnumbered<MoveEvent>>({
  letter: 'M',
  kind: 'move',
  fields: [6 + 2 * SOCKET_FIELDS + 1],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({
    kind: 'move',
    time: reader.time(f[1]),
    pid: highHalf(f[2]),
    tid: lowHalf(f[2]),
    fds: [highHalf(f[3]), lowHalf(f[3])],
    bytes: hex(f[4]),
    ...splitTotal(hexWord(f[5])),
    from: reader.socketEnds(f, 6),
    to: reader.socketEnds(f, 6 + SOCKET_FIELDS),
    command: escapeCommand(f.at(-1)),
  }),
  seal: null,
});

const sumLine = defineLine<Unnumbered<TotalEvent>>({
  letter: 'U',
  kind: 'total',
  fields: [6],
  numbers: [1],
  named: false,
  read(f, reader) {
    const total = readTotalKey('total', f.slice(2, 5).map(hexWord));
    return total && { kind: 'total', time: reader.time(f[1]), ...total, bytes: hex(f[5]) };
  },
  seal: null,
});

const forkLine = defineLine<Unnumbered<ForkEvent>>({
  letter: 'F',
  kind: 'fork',
  fields: [5],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({
    kind: 'fork',
    time: reader.time(f[1]),
    pid: hex(f[2]),
    child: hex(f[3]),
    command: escapeCommand(f[4]),
  }),
  seal: null,
});

export const relay: ProbeSlice = {
  file: 'relay.bt',
  lines: [acceptLine, moveLine, sumLine, forkLine],
  signs: ['accept'],
  when: 'always',
  witnesses: ['accepts', 'asides'],
  guard: 'flow',
};
