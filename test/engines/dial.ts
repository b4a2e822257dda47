/** Sends the traffic of the vantages: each from a port of its own, by which the report is asked for it. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import type { Sent } from '../matrix/scenario.js';
import type { Order, Orders, Told } from '../matrix/traffic.js';
import type { Vantage } from './engine.js';
import type { EngineHost } from './host.js';

const TRAFFIC = fileURLToPath(new URL('../matrix/traffic.js', import.meta.url));
const FIRST_PORT = 10_000;

/** One after the other; in order of the vantages. */
export async function dialAll(host: EngineHost, vantages: readonly Vantage[]): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (const [index, vantage] of vantages.entries()) {
    const { talk, to, port, truth } = vantage;
    const localPort = FIRST_PORT + index;
    const timeoutMs = truth.outcome === 'answered' ? 5_000 : 1_000;
    const payload = `payload-${localPort}`;
    const order: Order = { talk, host: to, port, localPort, payload, timeoutMs };
    const orders: Orders = { orders: [order], inRow: true, pauseMs: 0, hold: false };
    const [file, ...args] = host.commandIn(vantage.from, [process.execPath, TRAFFIC]);
    const { stdout } = await execa(file, args, { input: `${JSON.stringify(orders)}\n` });
    const [told] = JSON.parse(stdout) as Told[];
    if (told) sent.push({ ...told, protocol: talk === 'udp' ? 'udp' : 'tcp' });
  }
  return sent;
}
