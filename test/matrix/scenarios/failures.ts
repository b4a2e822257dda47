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
  raw: 9013,
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

async function dialOutside(stage: Stage, container: Name, truth: Truth): Promise<Sent[]> {
  return stage.send('client', [stage.order(stage.lab.host.ipv4, PORTS[container], truth)]);
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

const REJECTED = /the rule ".*" in chain DOCKER-USER .* rejects it in FORWARD/;

export const FAILURES: readonly (Dial | Play)[] = [
  outside('nothing listens in the container, from outside', 'silent', {
    ...from('silent', 'refused'),
    says: /nothing listens on port 6379 in silent/,
  }),
  loopback('nothing listens in the container, by 127.0.0.1', 'silent', proxied('silent', 'reset')),
  outside('listens on 127.0.0.1 inside only, from outside', 'inside', {
    ...from('inside', 'refused'),
    says: /inside listens on 127\.0\.0\.1:6379 only/,
  }),
  loopback('listens on 127.0.0.1 inside only, by 127.0.0.1', 'inside', proxied('inside', 'reset')),
  outside('dropped by DOCKER-USER, from outside', 'barred', dropped(from('barred'))),
  // The client's kernel hears "port unreachable"; the packet itself dies in the rule.
  outside(
    'rejected by DOCKER-USER with ICMP, from outside',
    'refusing',
    dropped(from('refusing'), { reason: 'NETFILTER_DROP' }, REJECTED),
  ),
  outside('rejected by DOCKER-USER with a reset, from outside', 'resetting', {
    ...from('resetting', 'refused'),
    says: REJECTED,
  }),
  outside('no route back from the container, from outside', 'lost', from('lost', 'unanswered')),
  { ...loopback('docker-proxy killed, by 127.0.0.1', 'unproxied', REFUSED), atLeast: NO_PATH },
  outside('docker-proxy killed, from outside', 'unproxied', from('unproxied')),
  { ...outside('container stopped, from outside', 'stopped', REFUSED), atLeast: NO_PATH },
  {
    ...outside('dropped in raw PREROUTING, from outside', 'raw', {
      path: 'unknown',
      outcome: 'dropped',
      container: null,
      drop: { reason: 'NETFILTER_DROP' },
    }),
    atLeast: {
      proof: 'inconclusive',
      because: 'it died before any rule could choose its path',
    },
  },
  copies,
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
