/** What fails, and where: truths by construction of test/matrix/failing.ts, whose containers each fail in one way. */
import type { Dial, Play, Sent, Truth } from '../scenario.js';
import type { Stage } from '../stage.js';
import { dnat, dropped, REFUSED, relayed } from '../truths.js';

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
  dead: 9012,
  raw: 9013,
  paused: 9014,
  full: 9015,
  snapping: 9016,
  narrow: 9017,
  wide: 9018,
} as const;

type Name = keyof typeof PORTS;

/** A rule that stops what came in from outside. */
const BY_FILTER = { reason: 'NETFILTER_DROP', function: /^nft_do_chain/, after: 'ext0' };

/** Of docker0's network, and nobody's. */
export const DEAD_ADDRESS = '172.17.3.3';

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

/** Longer than the kernel looks for a neighbour. */
const PATIENCE_MS = 5_000;

const NO_NEIGHBOUR = { reason: 'NEIGH_FAILED', function: /^neigh_/, after: 'ext0' };
const astray: Truth = { ...dropped(from('fine'), NO_NEIGHBOUR), container: null };
const dead: Play = {
  name: 'DNAT rule to an address that nobody has, from outside',
  truth: astray,
  play: (stage) => {
    const order = {
      ...stage.order(stage.lab.host.ipv4, PORTS.dead, astray),
      timeoutMs: PATIENCE_MS,
    };
    return async () => stage.send('client', [order]);
  },
};

/** Rules lead there, and what becomes of it there is not theirs to say. */
const INSIDE: Pick<Dial, 'beyondRules'> = {
  beyondRules: { agrees: null, because: 'the container does not answer, whatever the rules say' },
};

/** Some of them shake hands, and none is answered. */
const overflow: Play = {
  ...INSIDE,
  name: 'backlog of a paused container overflows, from outside',
  truth: from('full', 'unanswered'),
  play: (stage) => {
    const { host } = stage.lab;
    const orders = Array.from({ length: 6 }, () =>
      stage.order(host.ipv4, PORTS.full, from('full', 'unanswered')),
    );
    return async () => stage.send('client', orders);
  },
};

function leaving(name: string, place: string, to: string, truth: Truth): Play {
  return {
    name,
    truth: { ...truth, source: undefined },
    play: (stage) => {
      const order = stage.order(stage.fill(to), PORTS.fine, truth);
      return async () => stage.send(place, [{ ...order, leaves: true, pad: 3_000_000 }]);
    },
  };
}

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
  outside('dropped by DOCKER-USER, from outside', 'barred', dropped(from('barred'), BY_FILTER)),
  // The client's kernel hears "port unreachable"; the packet itself dies in the rule.
  outside(
    'rejected by DOCKER-USER with ICMP, from outside',
    'refusing',
    dropped(from('refusing'), BY_FILTER, REJECTED),
  ),
  outside('rejected by DOCKER-USER with a reset, from outside', 'resetting', {
    ...from('resetting', 'refused'),
    says: REJECTED,
  }),
  {
    ...INSIDE,
    ...outside(
      'no route back from the container, from outside',
      'lost',
      from('lost', 'unanswered'),
    ),
  },
  loopback('docker-proxy killed, by 127.0.0.1', 'unproxied', REFUSED),
  outside('docker-proxy killed, from outside', 'unproxied', from('unproxied')),
  outside('container stopped, from outside', 'stopped', REFUSED),
  {
    ...outside('dropped in raw PREROUTING, from outside', 'raw', {
      path: 'unknown',
      outcome: 'dropped',
      container: null,
      drop: BY_FILTER,
    }),
    atLeast: {
      proof: 'inconclusive',
      because: 'it died before any rule could choose its path',
    },
  },
  copies,
  {
    ...INSIDE,
    ...outside('container paused, from outside', 'paused', from('paused', 'unanswered')),
  },
  {
    ...INSIDE,
    ...loopback('container paused, by 127.0.0.1', 'paused', proxied('paused', 'unanswered')),
  },
  overflow,
  dead,
  outside('reset by the server, from outside', 'snapping', from('snapping', 'reset')),
  loopback('reset by the server, by 127.0.0.1', 'snapping', proxied('snapping', 'reset')),
];

/** A trace of its own: megabytes in a burst cost all that share it some of their packets. */
export const LEAVING = [
  leaving('client gone mid-way, from outside', 'client', '{host}', from('fine')),
  leaving('client gone mid-way, by 127.0.0.1', 'host', '127.0.0.1', relayed('fine')),
];

const NARROW = 900;
/** A rule for each scenario: they run at once, and each takes its own away. */
const mute = (name: string): readonly string[] => [
  ...'OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP -m comment --comment'.split(' '),
  name,
];

/** What is longer than a way of the host takes dies there; its sender is told by ICMP, or not. */
function tooBig(
  name: string,
  container: Name,
  place: (stage: Stage) => readonly [address: string, device: string],
  told: boolean,
): Play {
  const whole = from(container);
  const died = dropped(whole, { reason: 'PKT_TOO_BIG', function: /^ip_forward/ });
  const truth: Truth = told ? whole : { ...died, outcome: 'stalled' };
  return {
    name,
    truth,
    play: async (stage) => {
      const { lab } = stage;
      const on = async (...words: string[]): Promise<unknown> => lab.exec('host', words);
      const [address, device] = place(stage);
      await on('ip', 'route', 'add', address, 'dev', device, 'mtu', String(NARROW));
      if (!told) await on('iptables', '-w', '-I', ...mute(name));
      const ends = told ? {} : { resets: true as const };
      const order = { ...stage.order(lab.host.ipv4, PORTS[container], truth), pad: 5_000, ...ends };
      return async () => {
        const sent = await stage.send('client', [order]);
        await on('ip', 'route', 'del', address);
        if (!told) await on('iptables', '-w', '-D', ...mute(name));
        return sent;
      };
    },
  };
}

const toContainer = (stage: Stage): [string, string] => [stage.container('narrow').ipv4, 'docker0'];
const toClient = ({ lab }: Stage): [string, string] => [lab.client.ipv4, 'ext0'];

export const TOO_BIG = [
  tooBig(
    'request too big for the MTU and the ICMP lost, from outside',
    'narrow',
    toContainer,
    false,
  ),
  tooBig('answer too big for the MTU and the ICMP lost, from outside', 'wide', toClient, false),
];
/** The sender learns the way's MTU and sends again. */
export const TOLD = [
  tooBig('request too big for the MTU, told by ICMP, from outside', 'narrow', toContainer, true),
];

const off = dropped(from('fine'), { reason: 'IP_INADDRERRORS', after: 'ext0' });
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
