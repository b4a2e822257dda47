/** Redis clients that each send their own payload, and print what they sent from which port: the truth for a test. */
import { connect } from 'node:net';

export interface EchoResult {
  readonly port: number;
  readonly payload: string;
  readonly answered: boolean;
}

/** One connection: ECHO payload, wait for the answer, close. */
async function echo(host: string, port: number, payload: string): Promise<EchoResult> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    let local = 0;
    let answer = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error(`${payload}: no answer`)));
    socket.on('connect', () => {
      local = socket.localPort ?? 0;
      socket.write(`*2\r\n$4\r\nECHO\r\n$${payload.length}\r\n${payload}\r\n`);
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.endsWith(`${payload}\r\n`)) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ port: local, payload, answered: answer !== '' }));
  });
}

/** Arguments: host, port, how many, name, `together` or milliseconds between two. */
async function main([
  host = '',
  port = '',
  count = '',
  name = '',
  pace = '',
]: string[]): Promise<void> {
  const payload = (index: number): string => `${name}-${index}-${'x'.repeat(index)}`;
  const results: EchoResult[] = [];
  if (pace === 'together') {
    const all = Array.from({ length: Number(count) }, (_, index) =>
      echo(host, Number(port), payload(index)),
    );
    results.push(...(await Promise.all(all)));
  } else {
    for (let index = 0; index < Number(count); index += 1) {
      results.push(await echo(host, Number(port), payload(index)));
      process.stdout.write(`${JSON.stringify(results.at(-1))}\n`);
      await new Promise((resolve) => setTimeout(resolve, Number(pace)));
    }
    return;
  }
  for (const result of results) process.stdout.write(`${JSON.stringify(result)}\n`);
}

await main(process.argv.slice(2));
