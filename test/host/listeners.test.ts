/** Who listens: rows of the kernel's tables with the processes that hold the sockets. */
import * as assert from 'uvu/assert';
import { readListeners, type ListenerReader } from '../../src/host/listeners.js';
import { listProcesses } from '../../src/host/procfs.js';
import { readRelays } from '../../src/host/relays.js';
import type { Listener } from '../../src/model/topology.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc, type FakeProcess } from './fake-proc.js';

const test = suite('listeners');

const HOST = 100;
const row = (port: number, inode: number): string =>
  `   0: 00000000:${port.toString(16).padStart(4, '0').toUpperCase()} 00000000:0000 0A 0:0 0:0 0 0 0 ${inode} 1 0\n`;

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue\n';
const UDP = `   ${HEADER.trimStart()}`;

const PROXY = [
  ...['docker-proxy', '-proto', 'tcp', '-host-ip', '0.0.0.0', '-host-port', '80'],
  ...['-container-ip', '172.17.0.2', '-container-port', '80', '-use-listen-fd'],
];
const PROCESSES: FakeProcess[] = [
  {
    pid: 1,
    namespace: HOST,
    tables: { tcp: HEADER + row(80, 7) + row(22, 8) + row(9, 9), udp: UDP },
  },
  // The engine bound the socket and handed it to the relay.
  { pid: 5, namespace: HOST, command: 'dockerd', sockets: [7] },
  { pid: 6, namespace: HOST, command: 'docker-proxy', arguments: PROXY, sockets: [7] },
  { pid: 7, namespace: 999, command: 'docker-proxy', arguments: PROXY, sockets: [70] },
  // Its socket was made in the host's namespace, the process lives in another.
  { pid: 8, namespace: 300, command: 'sshd', sockets: [8] },
];

async function read(
  processes: FakeProcess[],
  deadline: number,
): Promise<{ lines: string[]; unheard: number[]; complete: boolean; relays: number[] }> {
  const proc = makeFakeProc(processes);
  try {
    const list = listProcesses(proc);
    const relays = readRelays(proc, list, HOST).map(({ pid }) => pid);
    const reader: ListenerReader = {
      proc,
      processes: list,
      relays: new Set(relays),
      deadline,
      run: () => Promise.reject(new Error('not used')),
    };
    const { listeners, unheard, complete } = await readListeners(reader, [
      { inode: HOST, pid: 1, path: '' },
    ]);
    return { lines: listeners.map(describe), unheard, complete, relays };
  } finally {
    removeFakeProc(proc);
  }
}

function describe({ protocol, local, pid, command }: Listener): string {
  return `${protocol} ${local.port} ${pid ?? '-'} ${command ?? '-'}`;
}

test('the relay before the engine, then processes elsewhere, then nobody', async () => {
  const { lines, complete, relays } = await read(PROCESSES, Infinity);
  assert.equal(lines, ['tcp 80 6 docker-proxy', 'tcp 22 8 sshd', 'tcp 9 - -']);
  assert.ok(complete);
  assert.equal(relays, [6], 'only the relay in the host namespace');
});

test('says when the time was too short', async () => {
  const { lines, unheard, complete } = await read(PROCESSES, 0);
  assert.equal([lines, unheard, complete], [[], [HOST], false]);
});

test('a namespace whose tables cannot be read is no namespace in which nobody listens', async () => {
  const listen = (tables: Record<string, string>) =>
    read([{ pid: 1, namespace: HOST, tables }], Infinity);
  for (const tables of [{}, { tcp: HEADER }, { tcp: '', udp: UDP }]) {
    const { unheard, complete } = await listen(tables);
    assert.equal([unheard, complete], [[HOST], true], JSON.stringify(tables));
  }
  const { unheard, complete } = await listen({ tcp: HEADER, udp: UDP });
  assert.equal([unheard, complete], [[], true]);
});

test.run();
