/** The fourth kinds of changes: programs of BPF, what hosts at work hold beside an engine, and other networks of a host. */
import { writeAttach, type ProgramKind } from '../support/attach-program.js';
import { at, pick, type Dice, type Maker } from './catalogue.js';

const host = at('host');
const both = (...rules: readonly string[]): string =>
  rules.flatMap((rule) => [`iptables ${rule}`, `ip6tables ${rule}`]).join('\n');

/** The control group of one container's agent; the set-up removes it. */
const intoGroup = (of: 'redis' | 'other' | 'far', kind: ProgramKind): string =>
  [
    'mkdir -p $GROUP',
    `for p in $(ip netns pids \${NETNS}-${of}); do echo $p > $GROUP/cgroup.procs; done`,
    writeAttach(kind, '$GROUP/'),
  ].join('\n');

const PROGRAMS: readonly Maker[] = [
  (dice) => {
    const device = pick(dice, ['ext0', 'docker0', 'veth1', 'veth2', 'veth3', 'vpn0', 'lo']);
    const kind = pick(dice, [
      ...(['tcx pass in', 'tcx pass out'] as const),
      ...(['tcx drop in', 'tcx drop out'] as const),
    ] as const);
    return host(`${kind} on ${device}`, writeAttach(kind, device), 'filter');
  },
  (dice) => {
    const of = pick(dice, ['redis', 'other', 'far'] as const);
    const kind = pick(dice, [
      ...(['cgroup ingress', 'cgroup egress', 'cgroup connect4'] as const),
      'cgroup refuse connect4',
    ] as const);
    return host(`${kind} on the group of ${of}`, intoGroup(of, kind), 'filter');
  },
];

/** NAT by hand beside the engine's: for the first one that matches. */
const other = (dice: Dice, protocol: string): string =>
  `-p ${protocol} --dport 6379 -j DNAT --to-destination ${pick(dice, ['172.17.0.9:6379', '172.17.0.4:6379', '172.17.0.2:6379'])}`;

const LEFTOVERS: readonly Maker[] = [
  (dice, protocol) => {
    const rule = `${pick(dice, ['-A', '-I'])} PREROUTING -m addrtype --dst-type LOCAL ${other(dice, protocol)}`;
    return host(`left behind: ${rule}`, `iptables -t nat ${rule}`);
  },
  (dice, protocol) => {
    const rule = `${pick(dice, ['-A', '-I'])} OUTPUT -m addrtype --dst-type LOCAL ${other(dice, protocol)}`;
    return host(`left behind: ${rule}`, `iptables -t nat ${rule}`);
  },
  (dice, protocol) => {
    const rule = `PREROUTING ${other(dice, protocol)}`;
    return host(`legacy NAT: ${rule}`, `iptables-legacy -t nat -A ${rule}`);
  },
  (dice) => {
    const chain = pick(dice, ['FORWARD', 'INPUT', 'OUTPUT']);
    return host(`legacy policy: ${chain} drops`, `iptables-legacy -P ${chain} DROP`);
  },
  () =>
    host(
      'legacy masquerading of all',
      'iptables-legacy -t nat -A POSTROUTING ! -o lo -j MASQUERADE',
    ),
  (dice) => {
    const network = pick(dice, ['172.18.0.0/16', '172.17.0.0/24']);
    return host(
      `a network that is gone: rules and masquerading for ${network}`,
      [
        `iptables -t nat -A POSTROUTING -s ${network} ! -o br-aaaabbbbcccc -j MASQUERADE`,
        'iptables -A FORWARD -o br-aaaabbbbcccc -j DROP',
        'iptables -A FORWARD -i br-aaaabbbbcccc ! -o br-aaaabbbbcccc -j DROP',
      ].join('\n'),
    );
  },
];

const OTHERS: readonly Maker[] = [
  (dice, protocol) => {
    const [chain, banned] = [
      pick(dice, ['INPUT', 'FORWARD']),
      pick(dice, ['198.51.100.2', '203.0.113.9', '172.17.0.4']),
    ];
    const kind = pick(dice, ['icmp-port-unreachable', 'icmp-host-prohibited']);
    return host(
      `fail2ban in ${chain}: ${banned}`,
      [
        'iptables -N f2b-redis',
        `iptables -A f2b-redis -s ${banned} -j REJECT --reject-with ${kind}`,
        'iptables -A f2b-redis -j RETURN',
        `iptables -I ${chain} -p ${protocol} -m multiport --dports 22,6379 -j f2b-redis`,
      ].join('\n'),
    );
  },
  (dice, protocol) => {
    const banned = pick(dice, ['198.51.100.2', '203.0.113.9']);
    return host(
      `fail2ban by nft: ${banned}`,
      `nft -f - <<'NFT'
table inet f2b-table {
 set addr-set-redis { type ipv4_addr; elements = { ${banned} }; }
 chain f2b-chain {
  type filter hook ${pick(dice, ['input', 'forward'])} priority filter - 1; policy accept;
  ${protocol} dport { 22, 6379 } ip saddr @addr-set-redis reject with icmp port-unreachable
 }
}
NFT`,
    );
  },
  (dice) => {
    const bridge = pick(dice, ['virbr0', 'docker0']);
    return host(
      `libvirt's rules for ${bridge}`,
      [
        ...['FWX', 'FWI', 'FWO'].flatMap((name) => [
          `iptables -N LIBVIRT_${name}`,
          `iptables -I FORWARD -j LIBVIRT_${name}`,
        ]),
        `iptables -A LIBVIRT_FWO -s 192.168.122.0/24 -i ${bridge} -j ACCEPT`,
        `iptables -A LIBVIRT_FWO -i ${bridge} -j REJECT --reject-with icmp-port-unreachable`,
        `iptables -A LIBVIRT_FWI -d 192.168.122.0/24 -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
        `iptables -A LIBVIRT_FWI -o ${bridge} -j REJECT --reject-with icmp-port-unreachable`,
        `iptables -A LIBVIRT_FWX -i ${bridge} -o ${bridge} -j ACCEPT`,
        'iptables -t nat -N LIBVIRT_PRT',
        'iptables -t nat -A POSTROUTING -j LIBVIRT_PRT',
        'iptables -t nat -A LIBVIRT_PRT -s 192.168.122.0/24 -d 224.0.0.0/24 -j RETURN',
        'iptables -t nat -A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -p tcp -j MASQUERADE --to-ports 1024-65535',
      ].join('\n'),
    );
  },
  (dice, protocol) => {
    const open = dice(2) === 0;
    return host(
      `ufw-docker's rules${open ? ', with the port open' : ''}`,
      [
        'iptables -N DOCKER-USER 2>/dev/null && iptables -I FORWARD -j DOCKER-USER',
        'iptables -F DOCKER-USER',
        'iptables -N ufw-user-forward',
        'iptables -N ufw-docker-logging-deny',
        'iptables -A DOCKER-USER -j ufw-user-forward',
        ...(open ? [`iptables -A ufw-user-forward -p ${protocol} --dport 6379 -j ACCEPT`] : []),
        'iptables -A DOCKER-USER -j RETURN -s 10.0.0.0/8',
        'iptables -A DOCKER-USER -j RETURN -s 172.16.0.0/12',
        'iptables -A DOCKER-USER -p udp -m udp --sport 53 --dport 1024:65535 -j RETURN',
        'iptables -A DOCKER-USER -j ufw-docker-logging-deny -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -d 172.16.0.0/12',
        'iptables -A DOCKER-USER -j ufw-docker-logging-deny -p udp -m udp --dport 0:32767 -d 172.16.0.0/12',
        'iptables -A DOCKER-USER -j RETURN',
        'iptables -A ufw-docker-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW DOCKER BLOCK] "',
        'iptables -A ufw-docker-logging-deny -j DROP',
      ].join('\n'),
    );
  },
  (dice) => {
    const device = pick(dice, ['vpn0', 'ext0']);
    return host(
      `Tailscale's rules on ${device}`,
      [
        'iptables -N ts-input\niptables -N ts-forward\niptables -t nat -N ts-postrouting',
        'iptables -I INPUT -j ts-input\niptables -I FORWARD -j ts-forward',
        'iptables -t nat -I POSTROUTING -j ts-postrouting',
        'iptables -A ts-input -s 100.101.102.103/32 -i lo -j ACCEPT',
        'iptables -A ts-input -s 100.115.92.0/23 ! -i tailscale0 -j RETURN',
        `iptables -A ts-input -s 100.64.0.0/10 ! -i ${device} -j DROP`,
        `iptables -A ts-input -i ${device} -j ACCEPT`,
        `iptables -A ts-forward -i ${device} -j MARK --set-xmark 0x40000/0xff0000`,
        'iptables -A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT',
        `iptables -A ts-forward -s 100.64.0.0/10 -o ${device} -j DROP`,
        `iptables -A ts-forward -o ${device} -j ACCEPT`,
        'iptables -t nat -A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE',
      ].join('\n'),
    );
  },
  () =>
    host(
      "kubelet's firewall",
      [
        'iptables -N KUBE-FIREWALL\niptables -N KUBE-FORWARD',
        'iptables -I OUTPUT -j KUBE-FIREWALL\niptables -I INPUT -j KUBE-FIREWALL\niptables -I FORWARD -j KUBE-FORWARD',
        'iptables -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
        'iptables -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
        'iptables -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
        'iptables -t nat -N KUBE-POSTROUTING\niptables -t nat -I POSTROUTING -j KUBE-POSTROUTING',
        'iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
        'iptables -t nat -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
        'iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE --random-fully',
      ].join('\n'),
    ),
  (dice, protocol) =>
    host(
      "a mark for the port, and masquerading by it, as kube-proxy's",
      [
        `iptables -t nat -I PREROUTING -p ${protocol} --dport 6379 -j MARK --set-xmark 0x4000/0x4000`,
        `iptables -t nat -I OUTPUT -p ${protocol} --dport 6379 -j MARK --set-xmark 0x4000/0x4000`,
        `iptables -t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 ${pick(dice, ['', '-o docker0 '])}-j MASQUERADE`,
      ].join('\n'),
    ),
  (dice) => {
    const kind = pick(dice, ['oifkind', 'iifkind']);
    const name = pick(dice, ['veth', 'bridge']);
    return host(
      `nft forward: meta ${kind} ${name} drop`,
      `nft 'table inet wall { chain c { type filter hook forward priority -5; meta ${kind} "${name}" drop; }; }'`,
    );
  },
  (dice) => {
    const policy = pick(dice, ['INPUT', 'FORWARD']);
    return host(
      `a policy and what is established: ${policy}`,
      both(
        `-I ${policy} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
        `-P ${policy} DROP`,
      ),
    );
  },
];

const NETWORKS: readonly Maker[] = [
  (dice) => {
    const rule = pick(dice, [
      'true',
      'iptables -I FORWARD -i ext0 -j DROP',
      'iptables -I INPUT -i lan0 -j DROP',
    ]);
    return host(
      `ext0 is a port of a bridge${rule === 'true' ? '' : `: ${rule}`}`,
      `ip link add lan0 type bridge
ip addr flush dev ext0
ip link set ext0 master lan0
ip link set lan0 up
sysctl -qw net.ipv4.conf.lan0.rp_filter=0
ip addr add 198.51.100.1/24 dev lan0
ip addr add 2001:db8:198:51::1/64 dev lan0 nodad
${rule}`,
      'layer',
    );
  },
  () => host('a second address on ext0', 'ip addr add 198.51.100.9/24 dev ext0'),
  () => host('an address of another network on ext0', 'ip addr add 192.0.2.9/24 dev ext0'),
  () =>
    host(
      'a narrow address, and the client by a route of its own',
      `ip addr del 198.51.100.1/24 dev ext0
ip addr add 198.51.100.1/32 dev ext0
ip route add 198.51.100.2 dev ext0
ip route add default via 198.51.100.2 dev ext0 onlink`,
    ),
  () =>
    host(
      'a peer on ext0',
      `ip addr del 198.51.100.1/24 dev ext0
ip addr add 198.51.100.1 peer 198.51.100.2 dev ext0`,
    ),
  () => host('docker0 has a second address', 'ip addr add 172.29.0.1/16 dev docker0'),
  () => host('docker0 has lost its address', 'ip addr del 172.17.0.1/16 dev docker0'),
  (dice) => {
    const size = pick(dice, ['172.17.0.0/24', '172.17.0.0/17']);
    return host(
      `a network of another device lies over docker0's: ${size}`,
      `ip route add ${size} dev ${pick(dice, ['vpn0', 'ext0'])}`,
      'device',
    );
  },
  (dice) =>
    host(
      'the VPN takes the networks of containers',
      `ip route add ${pick(dice, ['172.16.0.0/12', '0.0.0.0/1', '128.0.0.0/1'])} dev vpn0`,
    ),
];

export const FOURTH: readonly (readonly Maker[])[] = [
  PROGRAMS,
  LEFTOVERS,
  OTHERS,
  OTHERS,
  NETWORKS,
];
