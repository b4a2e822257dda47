/** Waits for the servers of containers, and starts what answers datagrams. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { poll } from '../../src/lab/poll.js';
import type { EngineHost, From } from './host.js';

const NAMES = fileURLToPath(new URL('../lab/name-peers.js', import.meta.url));

/** Starts a server that tells each sender its address; it ends with the host. */
export async function answerDatagrams(host: EngineHost, at: From, port: number): Promise<void> {
  const [file, ...args] = host.commandIn(at, [process.execPath, NAMES, String(port)]);
  const server = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
}

/** How the kernel's lists show a socket that waits for clients. */
const WAITING = { tcp: '0A', udp: '07' } as const;

/** @param at as {@link EngineHost.namespaceOf} gives it */
export async function awaitListener(
  host: EngineHost,
  at: From,
  port: number,
  protocol: keyof typeof WAITING = 'tcp',
): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const listens = new RegExp(`:${hex} [0-9A-F:]+ ${WAITING[protocol]} `);
  await poll(
    async () => {
      const [file, ...args] = host.commandIn(at, [
        'cat',
        `/proc/self/net/${protocol}`,
        `/proc/self/net/${protocol}6`,
      ]);
      const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(child, 'close');
      return listens.test(text) ? true : null;
    },
    { timeoutMs: 30_000, what: `a server on port ${port}`, intervalMs: 50 },
  );
}
