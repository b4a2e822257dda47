/** Datagrams of many clients at once, with a payload each, and a flow that conntrack keeps on its old path. */
import type { Play, Truth } from '../scenario.js';
import { dnat, relayed } from '../truths.js';

const PORT = 5300;

function many(name: string, from: string, to: string, count: number, truth: Truth): Play {
  return {
    name: `UDP, ${count} clients at once, ${name}`,
    truth,
    play: (stage) => async () => {
      const order = (): ReturnType<typeof stage.order> =>
        stage.order(stage.fill(to), PORT, truth, 'udp');
      return stage.send(from, Array.from({ length: count }, order));
    },
  };
}

/** While the rule was missing the flow went to docker-proxy; its entry in conntrack outlives that. */
const PINNED: Play = {
  name: 'UDP, a conntrack entry older than the rule, from outside',
  truth: relayed('udp'),
  unpredictable: true,
  told: 'docker-proxy, answered, though a DNAT rule stands',
  play: async (stage) => {
    const order = stage.order(stage.lab.host.ipv4, PORT, relayed('udp'), 'udp');
    const match = ['!', '-i', 'docker0', '-p', 'udp', '--dport', String(PORT)];
    const target = `${stage.container('udp').ipv4}:${PORT}`;
    const rule = ['DOCKER', ...match, '-j', 'DNAT', '--to-destination', target];
    await stage.lab.exec('host', ['iptables', '-t', 'nat', '-D', ...rule]);
    const [before] = await stage.send('client', [order]);
    await stage.lab.exec('host', ['iptables', '-t', 'nat', '-A', ...rule]);
    if (!before?.answered) throw new Error('docker-proxy does not answer');
    // The server opens its socket anew for the next.
    const listens = `until ss -Hlnu sport = :${PORT} | grep -q .; do sleep 0.1; done`;
    await stage.lab.exec(stage.container('udp'), ['sh', '-c', listens]);
    return async () => stage.send('client', [{ ...order, payload: `${order.payload}-again` }]);
  },
};

/** docker-proxy has a socket of its own for each client. */
export const DATAGRAMS: readonly Play[] = [
  many('by 127.0.0.1', 'host', '127.0.0.1', 17, relayed('udp')),
  many('from outside', 'client', '{host}', 7, dnat('PREROUTING', '{client}', 'udp')),
  many('same bridge → gateway', 'near', '{near.gateway}', 5, relayed('udp')),
  PINNED,
];
