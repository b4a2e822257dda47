/** Reads the bytes and datagrams that a relay copies by read and write, and its reads and writes elsewhere. */
import type { AsideEvent, CopyEvent, TotalEvent, Unnumbered } from '../../../model/event.js';
import { nameAside } from '../asides.js';
import { escapeCommand, hex, hexWord, highHalf, lowHalf } from '../line-fields.js';
import { readTotalKey } from '../map-keys.js';
import { SOCKET_FIELDS } from '../field-reader.js';
import { defineLine, type ProbeSlice } from './slice.js';

/** SOCK_DGRAM */
const DATAGRAM = 2;

const OPERATIONS = new Map([
  ['r', 'read'],
  ['w', 'write'],
] as const);

function readOperation(field: string | undefined): 'read' | 'write' | null {
  return OPERATIONS.get(field as 'r' | 'w') ?? null;
}

const copyLine = defineLine<Unnumbered<CopyEvent>>({
  letter: 'Y',
  kind: 'copy',
  fields: [11 + SOCKET_FIELDS + 1],
  numbers: [2, -1],
  named: true,
  read(f, reader) {
    const operation = readOperation(f[1]);
    if (operation === null) return null;
    return {
      kind: 'copy',
      operation,
      time: reader.time(f[2]),
      namespace: highHalf(f[3]),
      pid: highHalf(f[4]),
      tid: lowHalf(f[4]),
      fd: lowHalf(f[3]),
      bytes: hex(f[5]),
      total: hex(f[6]),
      calls: hex(f[7]),
      protocol: (lowHalf(f[8]) & 0xff) === DATAGRAM ? 'udp' : 'tcp',
      buffer: f[9] ?? '',
      mark: highHalf(f[10]),
      tail: lowHalf(f[10]),
      life: hex(f[8]?.slice(0, -2) || '0'),
      ...reader.socketEnds(f, 11),
      command: escapeCommand(f.at(-1)),
    };
  },
  seal: ({ local, remote, operation }) => ({ ends: [local, remote], sign: operation }),
});

const asideLine = defineLine<Unnumbered<AsideEvent>>({
  letter: 'O',
  kind: 'aside',
  fields: [15],
  numbers: [2, -1],
  named: true,
  read(f, reader) {
    const what = nameAside(lowHalf(f[3]) & 0xff);
    const operation = readOperation(f[1]);
    if (what === null || operation === null) return null;
    const isSocket = what === 'socket';
    // The socket at the other end is between this socket's address and its ends.
    const { socket, local, remote } = reader.socketEnds([f[7] ?? '', ...f.slice(9)], 0);
    return {
      kind: 'aside',
      what,
      operation,
      time: reader.time(f[2]),
      pid: highHalf(f[4]),
      tid: lowHalf(f[4]),
      fd: hex(f[3]?.slice(0, -2) || '0'),
      bytes: hex(f[5]),
      calls: hex(f[6]),
      object: socket,
      peer: f[8] ?? '0',
      local: isSocket ? local : null,
      remote: isSocket ? remote : null,
      command: escapeCommand(f.at(-1)),
    };
  },
  seal: null,
});

const sumLine = defineLine<Unnumbered<TotalEvent>>({
  letter: 'V',
  kind: 'total',
  fields: [7],
  numbers: [2],
  named: false,
  read(f, reader) {
    const operation = readOperation(f[1]);
    if (operation === null) return null;
    const [socket, ports, life] = f.slice(3, 6).map(hexWord);
    const map = operation === 'read' ? 'read' : 'written';
    const total = readTotalKey(map, [socket ?? 0n, ports ?? 0n, 0n, life ?? 0n]);
    return total && { kind: 'total', time: reader.time(f[2]), ...total, bytes: hex(f[6]) };
  },
  seal: null,
});

export const relayCopy: ProbeSlice = {
  file: 'relay-copy.bt',
  lines: [copyLine, asideLine, sumLine],
  signs: ['read', 'write'],
  when: 'copying-relays',
  witnesses: ['copies', 'asides'],
  guard: 'flow',
};
