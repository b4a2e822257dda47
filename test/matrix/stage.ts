// A lab that is set up for scenarios: its places by name, and traffic from them.

import { fileURLToPath } from 'node:url';
import type { Lab, LabContainer, Where } from '../../src/lab/index.js';
import type { Sent } from './scenario.js';
import type { Order, Told } from './traffic.js';

const TRAFFIC = fileURLToPath(new URL('traffic.js', import.meta.url));
/** Client ports are the scenario's name in a trace: never used twice, and below those that the kernel gives out. */
const FIRST_PORT = 10_000;

export class Stage {
  #port = FIRST_PORT;
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

  nextPort(): number {
    return this.#port++;
  }

  /** Sends all of a place's traffic at once. */
  async send(from: string, orders: readonly Order[]): Promise<Sent[]> {
    const { lab } = this;
    const command = [process.execPath, TRAFFIC];
    const { stdout } = await lab.exec(this.where(from), command, { input: JSON.stringify(orders) });
    const told = JSON.parse(stdout) as Told[];
    return told.map((one, index) => {
      const { protocol } = orders[index] as Order;
      return { ...one, protocol };
    });
  }
}
