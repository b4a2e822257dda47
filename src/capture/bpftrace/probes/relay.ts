/** Reads who accepts a connection, bytes that are spliced from socket to socket, and forks of children that serve. */
import type {
  AcceptEvent,
  ForkEvent,
  MoveEvent,
  TotalEvent,
  Unnumbered,
} from '../../../model/event.js';
import { hex, hexWord, unescapeCommand } from '../line-fields.js';
import { readTotalKey } from '../map-keys.js';
import { defineLine, type ProbeSlice } from './slice.js';
import { readSocketFields, SOCKET_LINE_FIELDS } from './socket-fields.js';

const acceptLine = defineLine<Unnumbered<AcceptEvent>>({
  letter: 'A',
  kind: 'accept',
  fields: [SOCKET_LINE_FIELDS],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({ kind: 'accept', ...readSocketFields(f, reader), fd: hex(f[5]) }),
  seal: ({ local, remote }) => ({ ends: [local, remote], sign: 'accept' }),
});

const moveLine = defineLine<Unnumbered<MoveEvent>>({
  letter: 'M',
  kind: 'move',
  fields: [32],
  numbers: [1, -1],
  named: true,
  read: (f, reader) => ({
    kind: 'move',
    time: reader.time(f[1]),
    pid: hex(f[2]),
    tid: hex(f[3]),
    fds: [hex(f[4]), hex(f[5])],
    bytes: hex(f[6]),
    total: hex(f[7]),
    calls: hex(f[8]),
    from: reader.socketEnds(f, 9),
    to: reader.socketEnds(f, 20),
    command: unescapeCommand(f[31]),
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
    command: unescapeCommand(f[4]),
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
