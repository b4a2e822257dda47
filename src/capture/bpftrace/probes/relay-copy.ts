/** Reads the bytes and datagrams that a relay copies by read and write, and its reads and writes elsewhere. */
import type { AsideEvent, CopyEvent, TotalEvent, Unnumbered } from '../../../model/event.js';
import { nameAside } from '../asides.js';
import { hex, hexWord, unescapeCommand } from '../line-fields.js';
import { readTotalKey } from '../map-keys.js';
import { defineLine, type ProbeSlice } from './slice.js';

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
  fields: [27],
  numbers: [2, -1],
  named: true,
  read(f, reader) {
    const operation = readOperation(f[1]);
    if (operation === null) return null;
    return {
      kind: 'copy',
      operation,
      time: reader.time(f[2]),
      namespace: hex(f[3]),
      pid: hex(f[4]),
      tid: hex(f[5]),
      fd: hex(f[6]),
      bytes: hex(f[7]),
      total: hex(f[8]),
      calls: hex(f[9]),
      protocol: f[10] === '2' ? 'udp' : 'tcp',
      buffer: f[11] ?? '',
      mark: hex(f[12]),
      tail: hex(f[13]),
      life: hex(f[14]),
      ...reader.socketEnds(f, 15),
      command: unescapeCommand(f[26]),
    };
  },
  seal: ({ local, remote, operation }) => ({ ends: [local, remote], sign: operation }),
});

const asideLine = defineLine<Unnumbered<AsideEvent>>({
  letter: 'O',
  kind: 'aside',
  fields: [22],
  numbers: [2, -1],
  named: true,
  read(f, reader) {
    const what = nameAside(hex(f[6]));
    const operation = readOperation(f[1]);
    if (what === null || operation === null) return null;
    const isSocket = what === 'socket';
    // The socket at the other end is between this socket's address and its ends.
    const { socket, local, remote } = reader.socketEnds([f[9] ?? '', ...f.slice(11)], 0);
    return {
      kind: 'aside',
      what,
      operation,
      time: reader.time(f[2]),
      pid: hex(f[3]),
      tid: hex(f[4]),
      fd: hex(f[5]),
      bytes: hex(f[7]),
      calls: hex(f[8]),
      object: socket,
      peer: f[10] ?? '0',
      local: isSocket ? local : null,
      remote: isSocket ? remote : null,
      command: unescapeCommand(f[21]),
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
