/** More of what set-ups are made of: both families and both protocols, connection tracking, refusals of every kind, macvlan. */
import { at, pick, VIA_VPN, type Change, type Maker } from './catalogue.js';

const host = at('host');
const redis = at('redis');

/** Rules of both families, where both take them. */
const both = (...rules: readonly string[]): string =>
  rules.flatMap((rule) => [`iptables ${rule}`, `ip6tables ${rule}`]).join('\n');

const REFUSALS = ['blackhole', 'unreachable', 'prohibit'] as const;

export const MORE_ROUTING: readonly Maker[] = [
  (dice, protocol) => {
    const end = pick(dice, ['blackhole default', 'unreachable default', `default ${VIA_VPN}`]);
    return host(
      `a mark in OUTPUT, and a table for it: ${end}`,
      [
        `iptables -t mangle -A OUTPUT -p ${protocol} --dport 6379 -j MARK --set-mark 9`,
        'ip rule add fwmark 9 lookup 109',
        `ip route add ${end} table 109`,
      ].join('\n'),
      end.startsWith('default') ? 'device' : null,
    );
  },
  (dice) => {
    const strict = dice(2) === 0;
    return host(
      `wg-quick with its rules of the firewall${strict ? ', and strict rp_filter' : ''}`,
      [
        'ip route add default dev vpn0 table 51820',
        'ip rule add not fwmark 51820 table 51820',
        'ip rule add table main suppress_prefixlength 0',
        'sysctl -qw net.ipv4.conf.all.src_valid_mark=1',
        'iptables -t raw -A PREROUTING ! -i vpn0 -d 203.0.113.1 -m addrtype ! --src-type LOCAL -j DROP',
        'iptables -t mangle -A POSTROUTING -p udp -m mark --mark 51820 -j CONNMARK --save-mark',
        'iptables -t mangle -A PREROUTING -p udp -j CONNMARK --restore-mark',
        ...(strict ? ['sysctl -qw net.ipv4.conf.all.rp_filter=1'] : []),
      ].join('\n'),
    );
  },
  () =>
    host(
      'WireGuard for IPv6: all but its own by a table',
      [
        'ip -6 route add default dev vpn0 table 51820',
        'ip -6 rule add not fwmark 51820 lookup 51820',
        'ip -6 rule add lookup main suppress_prefixlength 0',
      ].join('\n'),
    ),
  (dice) => {
    const to = pick(dice, [
      ...['2001:db8:198:51::2/128', '2001:db8:198:51::/64', 'fd00:17::2/128'],
      ...['fd00:17::/64', 'fd00:30::/64'],
    ]);
    const how = pick(dice, REFUSALS);
    return dice(2) === 0
      ? host(`IPv6: route ${how} ${to}`, `ip -6 route add ${how} ${to} metric 5`)
      : host(`IPv6: a rule to ${to}: ${how}`, `ip -6 rule add to ${to} ${how} pref 9`);
  },
  () => host('IPv6 forwarding off', 'sysctl -qw net.ipv6.conf.all.forwarding=0'),
  () =>
    host(
      'a multipath default route over one device',
      'ip route add default nexthop via 198.51.100.2 dev ext0 nexthop via 198.51.100.3 dev ext0',
    ),
  () => host('a second address on ext0', 'ip addr add 198.51.100.9/24 dev ext0'),
  () =>
    host(
      'two providers, by the address of the source',
      [
        'ip route add 198.51.100.0/24 dev ext0 table 201',
        'ip route add default via 198.51.100.2 dev ext0 table 201',
        'ip route add 203.0.113.0/24 dev vpn0 table 202',
        `ip route add default ${VIA_VPN} table 202`,
        'ip rule add from 198.51.100.1 lookup 201',
        'ip rule add from 203.0.113.1 lookup 202',
      ].join('\n'),
    ),
  (dice) => {
    const [from, how] = [
      pick(dice, ['172.17.0.2', '172.30.0.0/16', '198.51.100.1', '127.0.0.0/8']),
      pick(dice, REFUSALS),
    ];
    return host(`a rule from ${from}: ${how}`, `ip rule add from ${from} ${how} pref 40`);
  },
  (dice) => {
    const device = pick(dice, ['docker0', 'ext0', 'lo']);
    return host(
      `a rule for what comes by ${device}: its own table`,
      [
        `ip rule add iif ${device} lookup 120 pref 45`,
        'ip route add 172.17.0.0/16 dev docker0 table 120',
        'ip route add 198.51.100.0/24 dev ext0 table 120',
        'ip route add unreachable default table 120',
      ].join('\n'),
    );
  },
  (dice) => {
    const device = pick(dice, ['ext0', 'vpn0', 'docker0']);
    return host(
      `route_localnet on ${device}`,
      `sysctl -qw net.ipv4.conf.${device}.route_localnet=1`,
    );
  },
];

export const MORE_INSIDE: readonly Maker[] = [
  (dice, protocol) => {
    const rule = pick(dice, [
      ...[`-A INPUT -p ${protocol} --dport 6379 -j DROP`, '-P INPUT DROP', '-P OUTPUT DROP'],
      `-A INPUT -p ${protocol} --dport 6379 -j REJECT`,
      `-A OUTPUT -p ${protocol} --sport 6379 -j DROP`,
      `-A OUTPUT -p ${protocol} --sport 6379 -j REJECT`,
      '-A INPUT -m conntrack --ctstate INVALID -j DROP',
      `-t raw -A PREROUTING -p ${protocol} --dport 6379 -j CT --notrack`,
    ]);
    return redis(`a firewall of both families inside redis: ${rule}`, both(rule));
  },
  (dice, protocol) => {
    const kind = pick(dice, kindsOf(protocol));
    return redis(
      `redis rejects with ${kind}`,
      `iptables -A INPUT -p ${protocol} --dport 6379 -j REJECT --reject-with ${kind}`,
    );
  },
  (dice) => {
    const of = pick(dice, ['other', 'far', 'client'] as const);
    return at(of)(
      `${of} takes no messages of ICMP`,
      both('-A INPUT -p icmp -j DROP').replace(
        'ip6tables -A INPUT -p icmp',
        'ip6tables -A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type destination-unreachable',
      ),
    );
  },
  () => redis('redis has no default route of IPv6', 'ip -6 route del default || true'),
  (dice) => {
    const [to, how] = [
      pick(dice, ['2001:db8:198:51::/64', 'fd00:17::1/128']),
      pick(dice, REFUSALS),
    ];
    return redis(`inside redis: ${how} ${to}`, `ip -6 route add ${how} ${to} metric 1`);
  },
  (dice) => {
    const listens = pick(dice, [['127.0.0.1'], ['172.17.0.2'], [], ['0.0.0.0'], ['::']]);
    return { name: `redis listens on ${listens.join(', ') || 'nothing'}`, steps: [], listens };
  },
  (dice, protocol) => {
    const rule = pick(dice, [
      `${protocol} dport 6379 reject`,
      `meta nfproto ipv6 drop`,
      `${protocol} dport 6379 reject with icmpx type admin-prohibited`,
      `${protocol} dport 6379 reject with icmpx type host-unreachable`,
      `ct state new ${protocol} dport 6379 drop`,
    ]);
    return redis(
      `nftables of both families inside redis: ${rule}`,
      `nft 'table inet wall { chain in { type filter hook input priority 0; ${rule}; }; }'`,
    );
  },
  (dice) => {
    const mode = pick(dice, ['bridge', 'private', 'vepa']);
    return {
      name: `redis is a macvlan on ext0 (${mode})`,
      macvlan: true,
      steps: [
        {
          at: 'redis',
          script: `ip link set eth0 down\nip link set eth0 type macvlan mode ${mode}\nip link set eth0 up\nip route replace default via 198.51.100.1`,
        },
      ],
    } satisfies Change;
  },
];

/** REJECT's kinds for IPv4. */
const KINDS = [
  ...['icmp-net-unreachable', 'icmp-host-unreachable', 'icmp-proto-unreachable'],
  ...['icmp-port-unreachable', 'icmp-net-prohibited', 'icmp-host-prohibited'],
  'icmp-admin-prohibited',
];
const kindsOf = (protocol: 'tcp' | 'udp'): string[] =>
  protocol === 'tcp' ? [...KINDS, 'tcp-reset', 'tcp-reset'] : KINDS;

const CHAINS = ['INPUT', 'FORWARD', 'OUTPUT'] as const;

export const MORE_RULES: readonly Maker[] = [
  (dice, protocol) => {
    const [chain, kind] = [pick(dice, CHAINS), pick(dice, kindsOf(protocol))];
    return host(
      `iptables -I ${chain}: reject with ${kind}`,
      `iptables -I ${chain} -p ${protocol} --dport 6379 -j REJECT --reject-with ${kind}`,
    );
  },
  (dice, protocol) => {
    const kind = pick(dice, [
      ...[
        'icmp6-no-route',
        'icmp6-adm-prohibited',
        'icmp6-addr-unreachable',
        'icmp6-port-unreachable',
      ],
      ...(protocol === 'tcp' ? ['tcp-reset'] : []),
    ]);
    const chain = pick(dice, CHAINS);
    return host(
      `ip6tables -I ${chain}: reject with ${kind}`,
      `ip6tables -I ${chain} -p ${protocol} --dport 6379 -j REJECT --reject-with ${kind}`,
    );
  },
  (dice, protocol) => {
    const kind = pick(dice, [
      'icmpx port-unreachable',
      'icmpx admin-prohibited',
      'icmpx no-route',
      'icmpx host-unreachable',
    ]);
    const hook = pick(dice, ['input', 'forward', 'output']);
    return host(
      `nft ${hook}: reject with ${kind}`,
      `nft 'table inet wall { chain c { type filter hook ${hook} priority -5; ${protocol} dport 6379 reject with ${kind}; }; }'`,
    );
  },
  (dice, protocol) => {
    const chain = pick(dice, ['INPUT', 'FORWARD']);
    const kind = pick(dice, kindsOf(protocol));
    const message =
      kind === 'tcp-reset'
        ? pick(dice, ['-p tcp --tcp-flags RST RST', '-p tcp --sport 6379'])
        : pick(dice, ['-p icmp', '-m conntrack --ctstate RELATED', '-p icmp --icmp-type 3']);
    return host(
      `a refusal in ${chain} (${kind}) whose message is stopped: ${message}`,
      [
        `iptables -I ${chain} -p ${protocol} --dport 6379 -j REJECT --reject-with ${kind}`,
        `iptables -I OUTPUT ${message} -j DROP`,
      ].join('\n'),
    );
  },
  (dice, protocol) => {
    const rule = pick(dice, [
      `-i ext0 -p ${protocol} --dport 6379`,
      `-i docker0 -p ${protocol} --sport 6379`,
      `-p ${protocol} --dport 6379`,
      `-p ${protocol} --sport 6379`,
    ]);
    const chain = rule.includes('-i') ? 'PREROUTING' : pick(dice, ['PREROUTING', 'OUTPUT']);
    const act = pick(dice, ['', 'FORWARD', 'INPUT']);
    return host(
      `untracked: ${chain} ${rule}${act === '' ? '' : `, and ${act} drops what is untracked`}`,
      both(
        `-t raw -I ${chain} ${rule} -j CT --notrack`,
        ...(act === '' ? [] : [`-I ${act} -m conntrack --ctstate UNTRACKED -j DROP`]),
      ),
    );
  },
  (dice) => {
    const zone = pick(dice, ['--zone 7', '--zone-orig 7', '--zone-reply 7']);
    const device = pick(dice, ['ext0', 'docker0', 'lo']);
    const mate = dice(2) === 0 ? pick(dice, ['docker0', 'ext0']) : null;
    return host(
      `zones: ${zone} for ${device}${mate === null ? '' : ` and ${mate}`}`,
      both(
        `-t raw -I PREROUTING -i ${device} -j CT ${zone}`,
        ...(mate === null || mate === device
          ? []
          : [`-t raw -I PREROUTING -i ${mate} -j CT ${zone}`]),
      ),
    );
  },
  (dice, protocol) => {
    const by = pick(dice, ['-i ext0', '-i docker0', `-p ${protocol} --dport 6379`]);
    const [chain, table] = [
      pick(dice, ['FORWARD', 'OUTPUT', 'INPUT']),
      pick(dice, ['mangle', 'filter']),
    ];
    return host(
      `a mark of the connection (${by}), and ${chain} drops it`,
      both(
        `-t mangle -I PREROUTING ${by} -m conntrack --ctstate NEW -j CONNMARK --set-mark 5`,
        `-t ${table} -I ${chain} -m connmark --mark 5 -j DROP`,
      ),
    );
  },
  (dice) => {
    const match = pick(dice, [
      ...['--ctorigdst 198.51.100.1', '--ctorigdstport 6379', '--ctreplsrc 172.17.0.2'],
      ...['--ctdir REPLY', '--ctdir ORIGINAL', '--ctstatus CONFIRMED', '--ctstatus SEEN_REPLY'],
      ...['--ctstatus DNAT', '--ctstate INVALID', '! --ctstate NEW', '! --ctstate NEW,ESTABLISHED'],
      ...['--ctorigsrc 198.51.100.2', '--ctreplsrcport 6379'],
    ]);
    const [chain, target] = [pick(dice, CHAINS), pick(dice, ['DROP', 'DROP', 'REJECT'])];
    const rule = `-I ${chain} -m conntrack ${match.replace('--ctorigdstport', '--ctproto 6 --ctorigdstport').replace('--ctreplsrcport', '--ctproto 6 --ctreplsrcport')} -j ${target}`;
    return host(`iptables ${rule}`, `iptables ${rule}`);
  },
  (dice, protocol) => {
    const hook = pick(dice, ['prerouting', 'input', 'forward', 'output', 'postrouting']);
    const rule = pick(dice, [
      ...[`${protocol} dport 6379 drop`, 'ct state invalid drop', 'ct state untracked drop'],
      ...['ct status dnat drop', 'ct direction reply drop', 'ip6 daddr fd00:17::/64 drop'],
      ...['ct original proto-dst 6379 drop', 'meta nfproto ipv6 drop', 'ct zone 7 drop'],
      ...['ct mark 5 drop', 'fib saddr type local drop', 'fib daddr type local drop'],
      ...['ct state vmap { invalid : drop, established : accept, related : accept }'],
      `meta l4proto { tcp, udp } th dport 6379 drop`,
    ]);
    return host(
      `nft ${hook}: ${rule}`,
      `nft 'table inet wall { chain c { type filter hook ${hook} priority ${pick(dice, [-150, -5, 5, 150])}; ${rule}; }; }'`,
    );
  },
  (dice, protocol) => {
    const [family, hook] = pick(dice, [
      ['netdev', 'ingress device "ext0"'],
      ['bridge', 'forward'],
      ['bridge', 'input'],
    ] as const);
    return host(
      `nft ${family} ${hook}: ${protocol} dport 6379 drop`,
      `nft 'table ${family} wall { chain c { type filter hook ${hook} priority 0; ${protocol} dport 6379 drop; }; }'`,
      'layer',
    );
  },
  (dice, protocol) => {
    const rule = pick(dice, [
      `-t nat -I PREROUTING -i ext0 -p ${protocol} --dport 6379 -j DNAT --to-destination 172.17.0.4:6379`,
      `-t nat -I PREROUTING -p ${protocol} --dport 6379 -j ACCEPT`,
      `-t nat -I OUTPUT -p ${protocol} --dport 6379 -j ACCEPT`,
      `-t nat -I POSTROUTING -o docker0 -p ${protocol} --dport 6379 -j MASQUERADE`,
      `-t nat -I POSTROUTING -o docker0 -p ${protocol} --dport 6379 -j SNAT --to-source 172.17.0.1`,
      `-t nat -F DOCKER`,
      `-t nat -I PREROUTING -p ${protocol} --dport 6379 -j REDIRECT --to-ports 6380`,
    ]);
    return host(`iptables ${rule}`, `iptables ${rule} || true`);
  },
];
