/** The functions in a report: what each way must have gone through on the host, in its order, and what it cannot have. */
import type { Connection, Report } from '../../src/model/report.js';

type Passed = NonNullable<Connection['functions']>[number];

interface Way {
  readonly leg: Passed['leg'];
  readonly flow: Passed['flow'];
  /** In this order among others; hooks of netfilter by their names. A bridge that floods calls no br_forward. */
  readonly through: readonly string[];
  readonly never: readonly string[];
}

const DIALLED: Pick<Way, 'through' | 'never'> = {
  through: ['OUTPUT', 'POSTROUTING', 'veth_xmit'],
  never: ['ip_forward', 'tcp_v4_rcv'],
};

const client = { leg: 'client', flow: 'request' } as const;
const answer = { leg: 'client', flow: 'reply' } as const;

/** By how the connection went, see `nameWay`. */
const WAYS: Readonly<Record<string, readonly Way[]>> = {
  'dnat in PREROUTING': [
    {
      ...client,
      through: ['ip_rcv', 'PREROUTING', 'ip_forward', 'FORWARD', 'POSTROUTING', 'veth_xmit'],
      never: ['ip_local_deliver', 'OUTPUT', 'tcp_v4_rcv'],
    },
    {
      ...answer,
      through: [
        'br_handle_frame_finish',
        'ip_rcv',
        'ip_forward',
        'FORWARD',
        'POSTROUTING',
        'veth_xmit',
      ],
      never: ['ip_local_deliver', 'tcp_v4_rcv'],
    },
  ],
  'dnat in OUTPUT': [
    { ...client, ...DIALLED },
    {
      ...answer,
      through: ['br_handle_frame_finish', 'ip_rcv', 'ip_local_deliver', 'INPUT', 'tcp_v4_rcv'],
      never: ['ip_forward'],
    },
  ],
  'docker-proxy': [
    { ...client, through: ['ip_rcv', 'ip_local_deliver', 'tcp_v4_rcv'], never: ['ip_forward'] },
    { leg: 'container', flow: 'request', ...DIALLED },
  ],
  'docker-proxy, IPv6': [
    { ...client, through: ['ipv6_rcv', 'ip6_input', 'tcp_v6_rcv'], never: ['ip6_forward'] },
    { leg: 'container', flow: 'request', ...DIALLED },
  ],
};

/** What is told otherwise than the way of the connection says, one sentence each. */
export function checkFunctions({ connections }: Report): string[] {
  const faults = connections.flatMap((one) => {
    if (one.outcome === 'dropped') return checkDrop(one);
    return one.outcome === 'answered' ? checkConnection(one) : [];
  });
  const ways = new Set(connections.map(nameWay));
  const unseen = Object.keys(WAYS).filter((way) => !ways.has(way));
  return [...faults, ...unseen.map((way) => `no connection went by ${way}`)];
}

function nameWay({ path, nat, client: { address } }: Connection): string {
  if (path === 'dnat') return `dnat in ${nat?.hook}`;
  return path === 'docker-proxy' && address.includes(':') ? 'docker-proxy, IPv6' : path;
}

function checkConnection(one: Connection): string[] {
  return (WAYS[nameWay(one)] ?? []).flatMap(({ leg, flow, through, never }) => {
    const names = (one.functions ?? [])
      .filter((passed) => passed.leg === leg && passed.flow === flow && passed.namespace === 'host')
      .map((passed) => passed.hook ?? passed.function);
    const right = isInOrder(through, names) && !never.some((name) => names.includes(name));
    const what = `${nameWay(one)}, ${flow} on the ${leg}'s leg`;
    return right ? [] : [`${what} went through ${names.join(' ')}`];
  });
}

/** The lab's firewall drops in DOCKER-USER, which FORWARD asks. */
function checkDrop({ drop }: Connection): string[] {
  return drop?.hook === 'FORWARD' ? [] : [`the hook of a drop is ${drop?.hook}, not FORWARD`];
}

function isInOrder(wanted: readonly string[], names: readonly string[]): boolean {
  let at = 0;
  for (const name of names) if (name === wanted[at]) at += 1;
  return at === wanted.length;
}
