// What fails, and where: truths by construction of test/matrix/failing.ts, whose containers each fail in one way.

import type { Dial, Play, Sent, Truth } from '../scenario.js';
import type { Stage } from '../stage.js';
import { dnat, dropped, NO_PATH, REFUSED, relayed } from '../truths.js';

/** Port on the lab's host, by container. */
export const PORTS = {
  fine: 9000,
  silent: 9001,
  inside: 9002,
  barred: 9004,
  refusing: 9005,
  resetting: 9006,
  lost: 9007,
  unproxied: 9008,
  stopped: 9009,
  thin: 9011,
  curt: 9012,
  raw: 9013,
  dead: 9014,
} as const;

type Name = keyof typeof PORTS;

function from(name: Name, outcome: Truth['outcome'] = 'answered'): Truth {
  const way = dnat('PREROUTING', '{client}', name);
  return outcome === 'answered' ? way : { ...way, outcome, source: undefined };
}

function proxied(name: Name, outcome: Truth['outcome']): Truth {
  return { ...relayed(name), outcome, source: undefined };
}

function outside(name: string, container: Name, truth: Truth): Dial {
  return { name, from: 'client', to: '{host}', port: PORTS[container], truth };
}

function loopback(name: string, container: Name, truth: Truth): Dial {
  return { name, from: 'host', to: '127.0.0.1', port: PORTS[container], truth };
}

/** Some dials with what they need beside a Dial: more time, more bytes, something done just before. */
async function dialOutside(
  stage: Stage,
  container: Name,
  truth: Truth,
  more: { timeoutMs?: number; pad?: number } = {},
): Promise<Sent[]> {
  const order = stage.order(stage.lab.host.ipv4, PORTS[container], truth);
  return stage.send('client', [{ ...order, ...more }]);
}

const flooded = from('fine');
/** A bridge that has forgotten who is where floods to every container: their kernels drop what is not theirs. */
const copies: Play = {
  name: 'copies flooded to other containers (forgotten by the bridge), from outside',
  truth: flooded,
  play: (stage) => async () => {
    const sent: Sent[] = [];
    for (let times = 0; times < 3; times += 1) {
      await stage.lab.exec('host', ['ip', 'link', 'set', 'docker0', 'type', 'bridge', 'fdb_flush']);
      sent.push(...(await dialOutside(stage, 'fine', flooded)));
    }
    return sent;
  },
};

/** No neighbour answers for the address: its packets wait three seconds for ARP, then die. */
const deadTruth: Truth = { ...dropped(from('dead'), { reason: 'NEIGH_FAILED' }), container: null };
const dead: Play = {
  name: 'DNAT rule to a dead address, from outside',
  truth: deadTruth,
  play: (stage) => async () => dialOutside(stage, 'dead', deadTruth, { timeoutMs: 4_500 }),
};

/** The client never hears of the smaller MTU: its own rules drop that ICMP. */
const thinTruth = dropped(from('thin'), { reason: 'PKT_TOO_BIG', function: /ip_forward/ });
const thin: Play = {
  name: 'MTU of the bridge too small, from outside',
  truth: thinTruth,
  play: (stage) => async () =>
    dialOutside(stage, 'thin', thinTruth, { pad: 4_000, timeoutMs: 2_000 }),
};

export const FAILURES = [
  outside('nothing listens in the container, from outside', 'silent', from('silent', 'refused')),
  loopback('nothing listens in the container, by 127.0.0.1', 'silent', proxied('silent', 'reset')),
  outside('listens on 127.0.0.1 inside only, from outside', 'inside', from('inside', 'refused')),
  loopback('listens on 127.0.0.1 inside only, by 127.0.0.1', 'inside', proxied('inside', 'reset')),
  outside('dropped by DOCKER-USER, from outside', 'barred', dropped(from('barred'))),
  outside(
    'rejected by DOCKER-USER with ICMP, from outside',
    'refusing',
    from('refusing', 'refused'),
  ),
  outside(
    'rejected by DOCKER-USER with a reset, from outside',
    'resetting',
    from('resetting', 'refused'),
  ),
  outside('no route back from the container, from outside', 'lost', from('lost', 'unanswered')),
  { ...loopback('docker-proxy killed, by 127.0.0.1', 'unproxied', REFUSED), atLeast: NO_PATH },
  outside('docker-proxy killed, from outside', 'unproxied', from('unproxied')),
  { ...outside('container stopped, from outside', 'stopped', REFUSED), atLeast: NO_PATH },
  outside('reset by the server, from outside', 'curt', from('curt', 'reset')),
  outside('dropped in raw PREROUTING, from outside', 'raw', {
    path: 'unknown',
    outcome: 'dropped',
    container: null,
    drop: { reason: 'NETFILTER_DROP' },
  }),
  copies,
  dead,
  thin,
];

const off = dropped(from('fine'), { reason: 'IP_INADDRERRORS' });
/** Of the lab's own host, and back on afterwards. */
const forwardOff: Play = {
  name: 'ip_forward off, from outside',
  truth: off,
  play: async (stage) => {
    const set = async (value: string): Promise<unknown> =>
      stage.lab.exec('host', ['sysctl', '-qw', `net.ipv4.ip_forward=${value}`]);
    await set('0');
    return async () => {
      const sent = await dialOutside(stage, 'fine', off);
      await set('1');
      return sent;
    };
  },
};
export const FORWARD_OFF = [forwardOff];

const flushed = relayed('fine');
const natFlushed: Play = {
  name: 'nat chains flushed, from outside',
  truth: flushed,
  play: async (stage) => {
    await stage.lab.exec('host', ['iptables', '-t', 'nat', '-F']);
    return async () => dialOutside(stage, 'fine', flushed);
  },
};
export const FLUSHED = [natFlushed];
