/** A lab that is set up for scenarios: its places by name, and traffic from them. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Lab, LabContainer, Where } from '../../src/lab/index.js';
import type { Sent, Truth } from './scenario.js';
import type { Order, Orders, Told } from './traffic.js';

const COMMAND = [process.execPath, fileURLToPath(new URL('traffic.js', import.meta.url))];
/** Client ports are the scenario's name in a trace: never used twice, and below those that the kernel gives out. */
const FIRST_PORT = 10_000;

export class Stage {
  #port = FIRST_PORT;
  /** What pauses between connections are multiplied by; over 1, connections at once begin that many milliseconds apart, less one. */
  slowness = 1;
  readonly containers: ReadonlyMap<string, LabContainer>;

  constructor(
    readonly lab: Lab,
    containers: readonly LabContainer[],
  ) {
    this.containers = new Map(containers.map((one) => [one.name, one]));
  }

  container(name: string): LabContainer {
    const found = this.containers.get(name);
    if (!found) throw new Error(`the stage has no container ${name}`);
    return found;
  }

  where(name: string): Where {
    return name === 'host' || name === 'client' ? name : this.container(name);
  }

  /** Puts addresses for `{host}`, `{client.ipv6}`, `{redis}`, `{redis.gateway}`, `{redis.gateway6}`. */
  fill(text: string): string {
    return text.replace(/\{(\w+)(?:\.(\w+))?\}/g, (_all, name: string, what = 'ipv4') => {
      if (name === 'host' || name === 'client') {
        return this.lab[name][what === 'ipv6' ? 'ipv6' : 'ipv4'];
      }
      const { ipv4, ipv6, gateway } = this.container(name);
      // Docker gives the bridge a network's first address.
      const gateway6 = ipv6.replace(/[^:]*$/, '1');
      return { ipv4, ipv6, gateway, gateway6 }[what as 'ipv4'];
    });
  }

  /** A connection from a port of its own, with a payload of its own. */
  order(host: string, port: number, { outcome }: Truth, talk: Order['talk'] = 'redis'): Order {
    const localPort = this.#port++;
    const payload = `payload-${localPort}-${'x'.repeat(localPort % 97)}`;
    const timeoutMs = outcome === 'answered' ? 8_000 : 1_000;
    return { talk, host, port, localPort, payload, timeoutMs };
  }

  /** Pids of the docker-proxies that listen on a port of the lab's host. */
  async findRelays(port: number): Promise<number[]> {
    const inode = this.lab.state.namespaces['host.net'];
    const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = names.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const ours = /docker-proxy\0/.test(command) && command.includes(`-host-port\0${port}\0`);
      if (!ours) return [];
      const namespace = await readlink(`/proc/${pid}/ns/net`).catch(() => '');
      return namespace === `net:[${inode}]` ? [Number(pid)] : [];
    });
    return (await Promise.all(found)).flat();
  }

  /** One process sends all of a place's traffic, at once or one after the other with a pause between two. */
  async send(from: string, orders: readonly Order[], inRow = false, pauseMs = 0): Promise<Sent[]> {
    const pause = inRow ? pauseMs * this.slowness : this.slowness - 1;
    const input = formatOrders({ orders, inRow, pauseMs: pause, hold: false });
    const options = { input, timeoutMs: 180_000 };
    const { stdout } = await this.lab.exec(this.where(from), COMMAND, options);
    return parseTold(stdout, orders);
  }

  /** Connects and exchanges something now; what it returns goes on with the same connection, to its end. */
  async hold(from: string, order: Order): Promise<() => Promise<Sent[]>> {
    const [file, ...args] = this.lab.commandIn(this.where(from), COMMAND);
    const client = execa(file, args, {
      timeout: 60_000,
      buffer: { stdout: true },
    });
    client.stdin.write(formatOrders({ orders: [order], inRow: false, pauseMs: 0, hold: true }));
    await new Promise<void>((resolve, reject) => {
      client.stdout.once('data', () => resolve());
      client.catch(reject);
    });
    return async () => {
      client.stdin.end('\n');
      const { stdout } = await client;
      return parseTold(stdout.replace('held\n', ''), [order]);
    };
  }
}

function formatOrders(orders: Orders): string {
  return `${JSON.stringify(orders)}\n`;
}

function parseTold(stdout: string, orders: readonly Order[]): Sent[] {
  return (JSON.parse(stdout) as Told[]).map((told, index) => ({
    ...told,
    protocol: orders[index]?.talk === 'udp' ? 'udp' : 'tcp',
  }));
}
