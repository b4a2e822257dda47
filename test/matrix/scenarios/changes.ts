/** Changes while tracing: connections before a change are judged by the old state, those after it by the new one. */
import type { Play, Sent } from '../scenario.js';
import { restartEngine } from '../restart-engine.js';
import type { Stage } from '../stage.js';
import { dnat, relayed } from '../truths.js';

const RULED_PORT = 8083;
const MOVED_PORT = 8090;

async function sendRow(stage: Stage, count: number): Promise<Sent[]> {
  const truth = dnat('PREROUTING', '{client}', 'second');
  const orders = Array.from({ length: count }, () => {
    return stage.order(stage.lab.host.ipv4, RULED_PORT, truth);
  });
  return stage.send('client', orders, true);
}

/** By a DNAT rule and by docker-proxy. */
async function sendBothWays(stage: Stage, port: number, container: string): Promise<Sent[]> {
  const outside = dnat('PREROUTING', '{client}', container);
  const loopback = relayed(container);
  const relays = await stage.findRelays(port);
  const [first, second] = await Promise.all([
    stage.send('client', [stage.order(stage.lab.host.ipv4, port, outside)]),
    stage.send('host', [stage.order('127.0.0.1', port, loopback)]),
  ]);
  return [
    ...first.map((sent) => ({ ...sent, truth: outside })),
    ...second.map((sent) => ({ ...sent, truth: loopback, relays })),
  ];
}

/** The rule goes and comes back while one client connects again and again; the server tells which took which way. */
const ruleRemoved: Play = {
  name: 'DNAT rule removed and added again, from outside',
  truth: dnat('PREROUTING', '{client}', 'second'),
  unpredictable: true,
  told: 'dnat while the rule stands, docker-proxy while it does not',
  play: (stage) => {
    const { ipv4, gateway } = stage.container('second');
    const match = ['!', '-i', 'docker0', '-p', 'tcp', '--dport', String(RULED_PORT)];
    const rule = ['DOCKER', ...match, '-j', 'DNAT', '--to-destination', `${ipv4}:6379`];
    const change = async (how: string): Promise<unknown> =>
      stage.lab.exec('host', ['iptables', '-t', 'nat', how, ...rule]);
    return async () => {
      const before = await sendRow(stage, 5);
      const changes = change('-D').then(async () => {
        const without = await sendRow(stage, 5);
        await change('-A');
        return without;
      });
      const [meanwhile, without] = await Promise.all([sendRow(stage, 150), changes]);
      const after = await sendRow(stage, 5);
      const isRelayed = ({ seen }: Sent): boolean => seen?.startsWith(`${gateway}:`) === true;
      if (before.some(isRelayed) || !without.every(isRelayed) || after.some(isRelayed)) {
        throw new Error('the change of the rule did not show at the server');
      }
      return [...before, ...meanwhile, ...without, ...after].map((sent) =>
        isRelayed(sent) ? { ...sent, truth: relayed('second') } : sent,
      );
    };
  },
};

/** Its old address is given to another container meanwhile, and its docker-proxy is another process. */
const moved: Play = {
  name: 'container restarted with another address, from outside and by 127.0.0.1',
  truth: dnat('PREROUTING', '{client}', 'moving'),
  unpredictable: true,
  told: 'dnat, docker-proxy; each to where the container then was',
  play: (stage) => {
    const { lab } = stage;
    const both = async (): Promise<Sent[]> => sendBothWays(stage, MOVED_PORT, 'moving');
    return async () => {
      const before = await both();
      await lab.docker(['stop', '--time', '2', 'moving']);
      await lab.run({ name: 'squatter', command: ['sleep', '1000'] });
      await lab.docker(['start', 'moving']);
      const now = await lab.inspect('moving');
      if (now.ipv4 === stage.container('moving').ipv4) throw new Error('it has its old address');
      await lab.exec(now, ['redis-cli', 'ping']);
      const after = await both();
      await lab.docker(['rm', '--force', 'squatter']);
      return [...before, ...after];
    };
  },
};

/** Rules, docker-proxies and the container's namespace are others afterwards. */
const restarted: Play = {
  name: 'engine restarted, from outside and by 127.0.0.1',
  truth: dnat('PREROUTING', '{client}'),
  unpredictable: true,
  told: 'dnat, docker-proxy; before and after',
  play: (stage) => async () => {
    const before = await sendBothWays(stage, 8080, 'redis');
    await restartEngine(stage.lab);
    await stage.lab.docker(['start', 'redis']);
    await stage.lab.exec(await stage.lab.inspect('redis'), ['redis-cli', 'ping']);
    return [...before, ...(await sendBothWays(stage, 8080, 'redis'))];
  },
};

export const RESTART: readonly Play[] = [restarted];
export const CHANGES: readonly Play[] = [ruleRemoved, moved];
