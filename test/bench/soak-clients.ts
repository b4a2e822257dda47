/** Redis clients at a steady pace, each with a connection of its own: what a soak is made of. */
import { connect } from 'node:net';

/** Arguments: host, port, connections a second, seconds. Prints how many were answered and how many were not. */
async function main([host = '', port = '', rate = '', seconds = '']: string[]): Promise<void> {
  const began = performance.now();
  const count = Math.round(Number(rate) * Number(seconds));
  const results: Promise<boolean>[] = [];
  for (let sent = 0; sent < count;) {
    const due = Math.min(count, ((performance.now() - began) / 1000) * Number(rate));
    for (; sent < due; sent += 1) results.push(ping(host, Number(port)));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const answered = (await Promise.all(results)).filter(Boolean).length;
  process.stdout.write(`${JSON.stringify({ answered, failed: count - answered })}\n`);
}

async function ping(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, host, () => socket.write('*1\r\n$4\r\nPING\r\n'));
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.endsWith('+PONG\r\n')) socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer !== ''));
  });
}

await main(process.argv.slice(2));
