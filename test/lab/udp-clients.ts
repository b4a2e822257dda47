/** Clients that each send their own datagrams and print what came back to which port: the truth for a test. */
import { createSocket } from 'node:dgram';

export interface DatagramResult {
  readonly port: number;
  readonly payload: string;
  /** What came back, null when nothing did. */
  readonly answer: string | null;
  /** `ECONNREFUSED` when ICMP said that nothing listens. */
  readonly error: string | null;
}

/** Sends a payload twice, the second time when the first was answered or given up. */
async function talk(
  host: string,
  port: number,
  payload: string,
  patience: number,
  source: number,
): Promise<DatagramResult> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  let answer: string | null = null;
  let error: string | null = null;
  await new Promise<void>((resolve) => socket.bind(source, resolve));
  await new Promise<void>((resolve) => socket.connect(port, host, resolve));
  for (let round = 0; round < 2; round += 1) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience);
      const over = (): void => {
        clearTimeout(timer);
        resolve();
      };
      socket.once('message', (message) => {
        answer = message.toString().trim();
        over();
      });
      socket.once('error', (reason: NodeJS.ErrnoException) => {
        error = reason.code ?? String(reason);
        over();
      });
      socket.send(`${payload}\n`);
    });
    socket.removeAllListeners('message').removeAllListeners('error');
    socket.on('error', () => undefined);
  }
  const { port: local } = socket.address();
  socket.close();
  return { port: local, payload, answer, error };
}

/** Arguments: host, port, how many, name, milliseconds to wait for an answer, source port (0 for any). */
async function main([
  host = '',
  port = '',
  count = '',
  name = '',
  patience = '',
  source = '0',
]: string[]): Promise<void> {
  const clients = Array.from({ length: Number(count) }, (_, index) =>
    talk(
      host,
      Number(port),
      `${name}-${index}-${'x'.repeat(index)}`,
      Number(patience),
      Number(source),
    ),
  );
  for (const result of await Promise.all(clients))
    process.stdout.write(`${JSON.stringify(result)}\n`);
}

await main(process.argv.slice(2));
