/** What set-ups are made of: engines' rule sets, and changes of routing, of bridges, of the container's side and of rules. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FAR_BRIDGE } from './engine.js';
import type { Place } from './host.js';

const FIXTURES = fileURLToPath(new URL('../../../test/rules/fixtures/', import.meta.url));

export interface EngineRules {
  readonly name: string;
  readonly proxy: boolean;
  readonly nft: boolean;
  readonly text: string;
}

/** Addresses of the set-ups by those of the same place in IPv6. */
const SIX: readonly (readonly [RegExp, string])[] = [
  [/127\.0\.0\.0\/8/g, '::1/128'],
  [/127\.0\.0\.1(\/32)?/g, '::1'],
  [/172\.17\.0\.(\d+):(\d+)/g, '[fd00:17::$1]:$2'],
  [/172\.17\.0\.0\/16/g, 'fd00:17::/64'],
  [/172\.30\.0\.0\/16/g, 'fd00:30::/64'],
  [/172\.17\.0\.(\d+)(\/32)?/g, 'fd00:17::$1'],
  [/\bip (saddr|daddr)\b/g, 'ip6 $1'],
  [/^table ip /gm, 'table ip6 '],
];

/** The rules as the engine writes them for a port of this protocol, and for networks of both families. */
export function writeRules(
  { text, nft }: EngineRules,
  protocol: 'tcp' | 'udp',
  six: boolean,
): { readonly load: string; readonly text: string }[] {
  const own =
    protocol === 'tcp'
      ? text
      : text.replaceAll('-p tcp -m tcp', '-p udp -m udp').replaceAll('tcp dport', 'udp dport');
  const load = nft ? ['nft -f -', 'nft -f -'] : ['iptables-restore', 'ip6tables-restore'];
  const other = SIX.reduce((all, [of, by]) => all.replace(of, by), own);
  return [own, ...(six ? [other] : [])].map((rules, i) => ({ load: load[i] ?? '', text: rules }));
}

/** Each is written for redis at 172.17.0.2:6379, published on every address. */
export function listEngines(): EngineRules[] {
  const read = (name: string): string => readFileSync(FIXTURES + name, 'utf8');
  return [
    'docker-20.10-proxy.iptables',
    'docker-20.10-no-proxy.iptables',
    'docker-28-proxy.iptables',
    'docker-28-no-proxy.iptables',
    'docker-29-proxy.iptables',
    'docker-29-no-proxy.iptables',
    'docker-29-proxy.nft',
    'docker-29-no-proxy.nft',
  ].map((name) => ({
    name,
    nft: name.endsWith('.nft'),
    proxy: !name.includes('no-proxy'),
    text: read(name),
  }));
}

export type Dice = (below: number) => number;

export interface Change {
  readonly name: string;
  /** What makes it a rare one, of which explain may well not know how it ends. */
  readonly exotic?: Exotic | null;
  readonly steps: readonly { readonly at: Place; readonly script: string }[];
  readonly listens?: readonly string[];
  /** redis is a macvlan on ext0, and not on docker0. */
  readonly macvlan?: boolean;
}

/** All that counts as exotic. */
export const EXOTIC = {
  device:
    'a route or a routing table that takes the request, its answer or the client away by another device',
  multipath: 'a multipath route over two devices',
  user: 'a routing rule for users',
  gateway: 'a container whose gateway is not the host, or that has two networks',
  neighbour: 'a neighbour entry made by hand for an address outside the host',
  filter: 'a traffic filter (tc), or a program of BPF on a device or a control group',
  silent:
    'a device without ARP, one that answers no neighbour (arp_ignore), or a bridge port that neither floods nor learns',
  layer: 'rules of a bridge or of a single device (families bridge and netdev)',
} as const;
export type Exotic = keyof typeof EXOTIC;

/** @param protocol of the set-up. */
export type Maker = (dice: Dice, protocol: 'tcp' | 'udp') => Change;

export const pick = <T>(dice: Dice, list: readonly T[]): T => {
  const one = list[dice(list.length)];
  if (one === undefined) throw new RangeError('an empty list');
  return one;
};

export const at =
  (place: Place) =>
  (name: string, script: string, exotic: Exotic | null = null): Change => ({
    name,
    exotic,
    steps: [{ at: place, script }],
  });
const host = at('host');
const redis = at('redis');

const DEVICES = ['ext0', 'docker0', FAR_BRIDGE, 'vpn0'] as const;
export const VIA_VPN = 'via 203.0.113.2 dev vpn0';
const ENDS = ['198.51.100.2/32', '198.51.100.0/24', '172.17.0.2/32', '172.30.0.0/16'] as const;

export const ROUTING: readonly Maker[] = [
  (dice) => {
    const [device, mode] = [pick(dice, [...DEVICES, 'all']), 1 + dice(2)];
    return host(
      `rp_filter ${mode} on ${device}`,
      `sysctl -qw net.ipv4.conf.${device}.rp_filter=${mode}`,
    );
  },
  (dice) => {
    const [device, mode] = [pick(dice, DEVICES), 1 + dice(2)];
    const to = pick(dice, ['198.51.100.2/32', '172.17.0.2/32', '172.30.0.2/32']);
    return host(
      `rp_filter ${mode} on ${device}, and ${to} by another device`,
      `sysctl -qw net.ipv4.conf.${device}.rp_filter=${mode}\nip route add ${to} ${VIA_VPN}`,
      'device',
    );
  },
  (dice) => {
    const from = pick(dice, ['172.17.0.2', '172.17.0.0/16', '172.30.0.0/16', '198.51.100.1']);
    return host(
      `a VPN's table for ${from}`,
      `ip route add default ${VIA_VPN} table 100\nip rule add from ${from} lookup 100`,
      'device',
    );
  },
  (dice) => {
    const to = pick(dice, ENDS);
    return host(
      `a rule to ${to}: ${'blackhole'}`,
      `ip rule add to ${to} ${pick(dice, ['blackhole', 'unreachable', 'prohibit'])} pref ${10 + dice(3)}`,
    );
  },
  (dice) => {
    const [to, how] = [pick(dice, ENDS), pick(dice, ['blackhole', 'unreachable', 'prohibit'])];
    return host(
      `route ${how} ${to}`,
      `ip route add ${how} ${to} metric ${dice(2)} || ip route add ${how} ${to} metric 9`,
    );
  },
  (dice) => {
    const device = pick(dice, DEVICES);
    return host(`forwarding off on ${device}`, `sysctl -qw net.ipv4.conf.${device}.forwarding=0`);
  },
  () => host('ip_forward off', 'sysctl -qw net.ipv4.ip_forward=0'),
  () =>
    host(
      'WireGuard: all but its own by a table',
      [
        'ip route add default dev vpn0 table 51820',
        'ip rule add not fwmark 0xca6c lookup 51820',
        'ip rule add lookup main suppress_prefixlength 0',
      ].join('\n'),
    ),
  () =>
    host(
      'WireGuard with a default route of its own, and strict rp_filter',
      [
        'ip route add default via 198.51.100.2 dev ext0',
        'ip route add default dev vpn0 table 51820',
        'ip rule add not fwmark 0xca6c lookup 51820',
        'ip rule add lookup main suppress_prefixlength 0',
        'sysctl -qw net.ipv4.conf.all.rp_filter=1',
      ].join('\n'),
      'device',
    ),
  (dice) => {
    const [to, ours, all] = [
      pick(dice, ['203.0.113.0/24', '100.64.0.0/10']),
      dice(2) === 0,
      dice(3) === 0,
    ];
    return host(
      'Tailscale: table 52',
      [
        'ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main',
        'ip rule add pref 5230 fwmark 0x80000/0xff0000 lookup default',
        'ip rule add pref 5250 fwmark 0x80000/0xff0000 unreachable',
        'ip rule add pref 5270 lookup 52',
        `ip route add ${to} dev vpn0 table 52`,
        ...(ours ? ['ip route add throw 172.17.0.0/16 table 52'] : []),
        ...(all ? ['ip route add 172.16.0.0/12 dev vpn0 table 52'] : []),
      ].join('\n'),
      all ? 'device' : null,
    );
  },
  (dice) => {
    const [device, end] = [
      pick(dice, ['ext0', 'docker0']),
      pick(dice, ['blackhole default', `default ${VIA_VPN}`]),
    ];
    return host(
      `a mark for what comes by ${device}, and a table for it: ${end}`,
      [
        `iptables -t mangle -A PREROUTING -i ${device} -j MARK --set-mark 7`,
        `ip rule add fwmark 7 lookup 100`,
        `ip route add ${end} table 100`,
      ].join('\n'),
      end.startsWith('default') ? 'device' : null,
    );
  },
  () =>
    host(
      'marks kept for the connection, as for two providers',
      [
        'iptables -t mangle -A PREROUTING -i ext0 -m conntrack --ctstate NEW -j CONNMARK --set-mark 1',
        'iptables -t mangle -A PREROUTING -i vpn0 -m conntrack --ctstate NEW -j CONNMARK --set-mark 2',
        'iptables -t mangle -A PREROUTING -j CONNMARK --restore-mark',
        'ip route add 172.17.0.0/16 dev docker0 table 101',
        'ip route add default via 198.51.100.2 dev ext0 table 101',
        `ip route add default ${VIA_VPN} table 102`,
        'ip route add default via 198.51.100.2 dev ext0',
        'ip rule add fwmark 1 lookup 101',
        'ip rule add fwmark 2 lookup 102',
      ].join('\n'),
    ),
  (dice) => {
    const device = pick(dice, ['docker0', 'vpn0', FAR_BRIDGE]);
    return host(`the client by ${device}`, `ip route add 198.51.100.2/32 dev ${device}`, 'device');
  },
  (dice) => {
    const way = pick(dice, ['via 198.51.100.2 dev ext0', VIA_VPN]);
    return host(`default route ${way}`, `ip route add default ${way}`);
  },
  () =>
    host(
      'a multipath default route',
      'ip route add default nexthop via 198.51.100.2 dev ext0 nexthop via 203.0.113.2 dev vpn0',
      'multipath',
    ),
  () =>
    host(
      'a source hint for docker0',
      'ip route replace 172.17.0.0/16 dev docker0 src 198.51.100.1',
    ),
  () =>
    host(
      'two routes of one prefix, told apart by metric',
      'ip route add 172.17.0.2/32 dev docker0 metric 50\nip route add 172.17.0.2/32 dev vpn0 metric 60',
    ),
  () => host('the container by another device', 'ip route add 172.17.0.2/32 dev vpn0', 'device'),
  (dice) => {
    const rule = pick(dice, [
      'iif ext0',
      'iif docker0',
      'iif lo',
      'ipproto tcp dport 6379',
      'ipproto tcp sport 6379',
      'iif lo ipproto tcp dport 6379',
    ]);
    const action = pick(dice, ['blackhole', 'lookup 100', 'prohibit']);
    return host(
      `a rule for ${rule}: ${action}`,
      `ip rule add pref 50 ${rule} ${action}\nip route add blackhole default table 100`,
    );
  },
  (dice) => {
    const range = pick(dice, ['0-4294967294', '0-0', '1000-2000']);
    return host(
      `a rule for users ${range}`,
      `ip rule add uidrange ${range} blackhole pref 60`,
      'user',
    );
  },
  () =>
    host(
      'goto over a blackhole',
      'ip rule add pref 20 to 172.16.0.0/12 goto 40\nip rule add pref 30 to 172.16.0.0/12 blackhole\nip rule add pref 40 nop',
    ),
  (dice) => {
    const prefix = pick(dice, ['2001:db8:198:51::2/128', '2001:db8:198:51::/64']);
    return dice(2) === 0
      ? host(`IPv6: route ${prefix} blackhole`, `ip -6 route add blackhole ${prefix} metric 5`)
      : host(
          `IPv6: rule to ${prefix}`,
          `ip -6 rule add to ${prefix} ${pick(dice, ['blackhole', 'unreachable'])} pref 9`,
        );
  },
  (dice) => {
    const [address, device, lladdr] = pick(dice, [
      ['198.51.100.2', 'ext0', '02:aa:aa:aa:aa:aa'],
      ['172.17.0.2', 'docker0', '02:aa:aa:aa:aa:aa'],
      ['172.17.0.4', 'docker0', '02:aa:aa:aa:aa:aa'],
    ]);
    return host(
      `a wrong neighbour entry for ${address}`,
      `ip neigh replace ${address} lladdr ${lladdr} dev ${device} nud permanent`,
      address.startsWith('198') ? 'neighbour' : null,
    );
  },
  () =>
    host(
      'accept_local and src_valid_mark',
      'sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.src_valid_mark=1 net.ipv4.conf.all.rp_filter=1',
    ),
];

export const BRIDGES: readonly Maker[] = [
  (dice) => {
    const ports = pick(dice, [['veth1', 'veth2'], ['veth1'], ['veth2']]);
    return host(
      `isolated ports ${ports.join(', ')}`,
      ports.map((port) => `bridge link set dev ${port} isolated on`).join('\n'),
    );
  },
  (dice) => {
    const mode = pick(dice, ['on', 'off']);
    return host(`hairpin mode ${mode} on redis' port`, `bridge link set dev veth1 hairpin ${mode}`);
  },
  () => host('br_netfilter off', 'sysctl -qw net.bridge.bridge-nf-call-iptables=0'),
  () =>
    host(
      'br_netfilter off but for docker0',
      'sysctl -qw net.bridge.bridge-nf-call-iptables=0\nip link set docker0 type bridge nf_call_iptables 1',
    ),
  () => host("redis' port down", 'ip link set veth1 down'),
  (dice) =>
    host(
      'a traffic filter',
      `tc qdisc add dev ${pick(dice, ['ext0', 'docker0', 'veth1'])} clsact\n${['ext0', 'docker0', 'veth1'].map((device) => `tc filter add dev ${device} ingress protocol ip u32 match ip dst 172.17.0.9/32 flowid 1:1 2>/dev/null || true`).join('\n')}`,
      'filter',
    ),
];

export const INSIDE: readonly Maker[] = [
  () => redis('redis has no default route', 'ip route del default'),
  () =>
    redis(
      "redis' gateway is another container",
      'ip route replace default via 172.17.0.4',
      'gateway',
    ),
  () => redis("redis' gateway is nobody", 'ip route replace default via 172.17.0.99', 'gateway'),
  (dice) => {
    const rule = pick(dice, [
      '-A INPUT -p tcp --dport 6379 -j DROP',
      '-A INPUT -p tcp --dport 6379 -j REJECT',
      '-A INPUT -s 172.17.0.1 -j DROP',
      '-A INPUT -s 172.17.0.0/16 -p tcp -j REJECT --reject-with tcp-reset',
      '-P INPUT DROP',
      '-A OUTPUT -p tcp --sport 6379 -j DROP',
      '-A OUTPUT -d 198.51.100.0/24 -j DROP',
      '-A INPUT -i eth0 -m conntrack --ctstate NEW -j ACCEPT',
      '-t raw -A PREROUTING -p tcp --dport 6379 -j DROP',
    ]);
    return redis(`a firewall inside redis: ${rule}`, `iptables ${rule}`);
  },
  (dice) => {
    const rule = pick(dice, [
      'tcp dport 6379 drop',
      'ip saddr 172.17.0.0/16 reject',
      'tcp dport 6379 accept',
    ]);
    return redis(
      `nftables inside redis: ${rule}`,
      `nft 'table inet wall { chain in { type filter hook input priority 0; ${rule}; }; }'`,
    );
  },
  () => redis("redis' rp_filter is strict", 'sysctl -qw net.ipv4.conf.all.rp_filter=1'),
  (dice) => {
    const strict = dice(2) === 0;
    return {
      name: `redis leaves by a second network${strict ? ', with strict rp_filter' : ''}`,
      exotic: 'gateway',
      steps: [
        {
          at: 'host',
          script: `ip link add veth4 type veth peer name eth1 netns $REDIS\nip link set veth4 master ${FAR_BRIDGE} up`,
        },
        {
          at: 'redis',
          script: `ip addr add 172.30.0.9/16 dev eth1\nip link set eth1 up\nip route replace default via 172.30.0.1 dev eth1`,
        },
        ...(strict
          ? [{ at: 'host' as const, script: `sysctl -qw net.ipv4.conf.all.rp_filter=1` }]
          : []),
      ],
    };
  },
  (dice) => {
    const listens = pick(dice, [['127.0.0.1'], ['172.17.0.2'], [], ['::']]);
    return { name: `redis listens on ${listens.join(', ') || 'nothing'}`, steps: [], listens };
  },
  (dice) => {
    const to = pick(dice, ['198.51.100.0/24', '172.17.0.1/32', '172.30.0.0/16']);
    const how = pick(dice, ['blackhole', 'unreachable']);
    return redis(`inside redis: ${how} ${to}`, `ip route add ${how} ${to}`);
  },
  (dice) => {
    const rule = pick(dice, [
      'to 198.51.100.0/24 blackhole',
      'from 172.17.0.2 lookup 100',
      'ipproto tcp sport 6379 unreachable',
    ]);
    return redis(`a routing rule inside redis: ${rule}`, `ip rule add pref 5 ${rule}`);
  },
  () =>
    redis(
      'a wrong neighbour entry inside redis',
      'ip neigh replace 172.17.0.1 lladdr 02:aa:aa:aa:aa:aa dev eth0 nud permanent',
    ),
  () => at('other')('the neighbour has no default route', 'ip route del default'),
  (dice) =>
    at(pick(dice, ['other', 'far'] as const))(
      'a firewall inside a client',
      `iptables ${pick(dice, ['-A OUTPUT -p tcp --dport 6379 -j DROP', '-A INPUT -p tcp --sport 6379 -j DROP', '-P OUTPUT DROP'])}`,
    ),
  () =>
    at('far')(
      "the far client's gateway is nobody",
      'ip route replace default via 172.30.0.99',
      'gateway',
    ),
];

export const RULES: readonly Maker[] = [
  (dice) => {
    const chain = pick(dice, ['INPUT', 'FORWARD', 'OUTPUT', 'DOCKER-USER', 'INPUT', 'FORWARD']);
    const matches = [
      ['-i ext0', '-i docker0', `-i ${FAR_BRIDGE}`, '-i lo', '! -i ext0'],
      [
        '-s 198.51.100.0/24',
        '-s 172.17.0.0/16',
        '! -s 198.51.100.2',
        '-d 172.17.0.2',
        '-d 198.51.100.1',
      ],
      [
        '-p tcp --dport 6379',
        '-p tcp --sport 6379',
        '-p tcp -m multiport --dports 80,6379',
        '-p tcp --syn',
      ],
      [
        '-m conntrack --ctstate NEW',
        '-m conntrack --ctstate ESTABLISHED',
        '-m conntrack --ctstate INVALID,UNTRACKED',
        '-m conntrack --ctstate DNAT',
      ],
    ];
    const usable = chain === 'OUTPUT' ? matches.slice(1) : matches;
    const words = usable.flatMap((list) => (dice(2) === 0 ? [pick(dice, list)] : [])).join(' ');
    const target = pick(dice, ['DROP', 'DROP', 'ACCEPT', 'REJECT', 'RETURN']);
    const rule = `-I ${chain} ${words} -j ${target}`;
    return host(
      `iptables ${rule}`,
      `iptables ${rule} 2>/dev/null || iptables ${rule.replace('DOCKER-USER', 'FORWARD')}`,
    );
  },
  (dice) => {
    const rule = pick(dice, [
      '-t raw -I PREROUTING -i ext0 -p tcp --dport 6379 -j DROP',
      '-t mangle -I FORWARD -o docker0 -p tcp --dport 6379 -j DROP',
      '-t mangle -I POSTROUTING -o docker0 -j DROP',
      '-t nat -I POSTROUTING -o docker0 -p tcp --dport 6379 -j MASQUERADE',
      '-t nat -I PREROUTING -i ext0 -p tcp --dport 6379 -j ACCEPT',
      '-t nat -I PREROUTING -i ext0 -p tcp --dport 6379 -j DNAT --to-destination 172.17.0.4:6379',
      '-t mangle -I PREROUTING -i docker0 -p tcp --sport 6379 -j DROP',
      '-P INPUT DROP',
      '-P OUTPUT DROP',
    ]);
    return host(`iptables ${rule}`, `iptables ${rule}`);
  },
  (dice) => {
    const hook = pick(dice, ['prerouting', 'input', 'forward', 'output', 'postrouting']);
    const rule = pick(dice, [
      'tcp dport 6379 drop',
      'ip saddr 198.51.100.0/24 tcp dport 6379 reject with tcp reset',
      'ct state new drop',
      'meta l4proto tcp ip daddr 172.17.0.2 accept',
      'tcp sport 6379 drop',
      'tcp flags & (syn|ack) == syn | ack drop',
    ]);
    const fits = !(rule.includes('reject') && (hook === 'prerouting' || hook === 'postrouting'));
    const usable = fits ? rule : 'tcp dport 6379 drop';
    return host(
      `nft ${hook}: ${usable}`,
      `nft 'table inet wall { chain c { type filter hook ${hook} priority ${pick(dice, [-300, -150, -5, 5, 150])}; ${usable}; }; }'`,
    );
  },
];
