/** Two hosts with an engine each, a wire between them, and a real swarm over it, to test overlay networks. */

import { up, REDIS, type Lab, type LabContainer } from '../../src/lab/index.js';
import { runChecked } from '../../src/lab/enter.js';

export interface SwarmHost {
  readonly lab: Lab;
  /** Its address on the wire between both hosts. */
  readonly address: string;
}

export interface Swarm {
  readonly a: SwarmHost;
  readonly b: SwarmHost;
  down(): Promise<void>;
}

/** The wire between the hosts; a range for benchmarks, which no real network has. */
const WIRE = { a: '198.18.0.1', b: '198.18.0.2' };
const OVERLAY = 'ov';

/** Two engines that can reach each other, and nothing more. */
export async function upPair(): Promise<Swarm> {
  const labs = await Promise.allSettled([up(), up()]);
  const made = labs.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const down = async (): Promise<void> => {
    await Promise.all(made.map((lab) => lab.down()));
  };
  const [a, b] = made;
  try {
    for (const one of labs) if (one.status === 'rejected') throw one.reason as Error;
    if (a === undefined || b === undefined) throw new Error('two labs were asked for');
    await wire(a, b);
    return { a: { lab: a, address: WIRE.a }, b: { lab: b, address: WIRE.b }, down };
  } catch (error) {
    await down();
    throw error;
  }
}

async function wire(a: Lab, b: Lab): Promise<void> {
  const pid = pidOf(b.host.netns);
  const add = ['link', 'add', 'wire0', 'type', 'veth', 'peer', 'name', 'wire0', 'netns', pid];
  await a.exec('host', ['ip', ...add]);
  for (const [lab, address] of [
    [a, WIRE.a],
    [b, WIRE.b],
  ] as const) {
    await lab.exec('host', ['ip', 'address', 'add', `${address}/24`, 'dev', 'wire0']);
    await lab.exec('host', ['ip', 'link', 'set', 'wire0', 'up']);
  }
}

/** Makes a swarm of both, with an attachable overlay network. */
export async function upSwarm(): Promise<Swarm> {
  const pair = await upPair();
  try {
    const { a, b } = pair;
    await Promise.all([a, b].map(({ lab }) => makeRoom(lab)));
    await a.lab.docker(['swarm', 'init', '--advertise-addr', a.address]);
    const token = await a.lab.docker(['swarm', 'join-token', '-q', 'worker']);
    const join = ['--token', token.trim(), '--advertise-addr', b.address, `${a.address}:2377`];
    await b.lab.docker(['swarm', 'join', ...join]);
    await a.lab.docker(['network', 'create', '-d', 'overlay', '--attachable', OVERLAY]);
    return pair;
  } catch (error) {
    await pair.down();
    throw error;
  }
}

/** An engine of a swarm keeps what it knows of attached networks below /var/lib, which its view of the machine may not write. */
async function makeRoom({ host }: Lab): Promise<void> {
  const pid = pidOf(host.netns);
  const mount = ['mount', '-t', 'tmpfs', 'tmpfs', '/var/lib'];
  await runChecked(['nsenter', `--target=${pid}`, '--mount', '--', ...mount]);
}

export function pidOf(netns: string): string {
  return /\d+/.exec(netns)?.[0] ?? '';
}

/** A Redis on the overlay. */
export async function runRedis({ lab }: SwarmHost, name: string): Promise<LabContainer> {
  return lab.run({ name, command: REDIS, network: OVERLAY });
}

/** A container on the overlay from which requests are sent. */
export async function runIdle({ lab }: SwarmHost, name: string): Promise<LabContainer> {
  return lab.run({ name, command: ['sleep', 'infinity'], network: OVERLAY });
}
