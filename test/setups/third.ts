/** Third part of what set-ups are made of: whole firewalls, address resolution, ports of bridges, sets and maps, other NAT. */
import { at, pick, VIA_VPN, type Maker } from './catalogue.js';
import { FAR_BRIDGE } from './engine.js';

const host = at('host');
const redis = at('redis');

const both = (...rules: readonly string[]): string =>
  rules.flatMap((rule) => [`iptables ${rule}`, `ip6tables ${rule}`]).join('\n');
/** @param chain with its type, hook and priority. */
const nft = (chain: string, ...rules: readonly string[]): string =>
  `nft -f - <<'NFT'\ntable inet wall {\n chain c {\n  ${chain}\n  ${rules.join('\n  ')}\n }\n}\nNFT`;

/** As ufw, firewalld and others lay out a firewall of a host. */
const FIREWALLS: readonly Maker[] = [
  (dice, protocol) => {
    const open = dice(2) === 0;
    return host(
      `a firewall as ufw's${open ? ', with the port open' : ''}`,
      both(
        '-N uf-before',
        '-N uf-user',
        '-A INPUT -j uf-before',
        '-A uf-before -i lo -j ACCEPT',
        '-A uf-before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-A uf-before -m conntrack --ctstate INVALID -j DROP',
      )
        .concat(
          '\niptables -A uf-before -p icmp --icmp-type 8 -j ACCEPT',
          '\nfor t in 135 136 133 134; do ip6tables -A uf-before -p ipv6-icmp -m icmp6 --icmpv6-type $t -m hl --hl-eq 255 -j ACCEPT; done\n',
        )
        .concat(
          both(
            '-A uf-before -j uf-user',
            ...(open ? [`-A uf-user -p ${protocol} --dport 6379 -j ACCEPT`] : []),
            '-P INPUT DROP',
          ),
        ),
    );
  },
  (dice) => {
    const kind = pick(dice, ['admin-prohibited', 'port-unreachable']);
    const hook = pick(dice, ['input', 'forward']);
    return host(
      `a firewall as firewalld's: ${hook} rejects with ${kind}`,
      nft(
        `type filter hook ${hook} priority 10; policy accept;`,
        'ct state { established, related } accept',
        'ct status dnat accept',
        'iifname "lo" accept',
        'ct state invalid drop',
        'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept',
        `reject with icmpx type ${kind}`,
      ),
    );
  },
  (dice) => {
    const mode = pick(dice, ['', ' --loose', ' --validmark', ' --accept-local']);
    return host(
      `the reverse path, as a rule${mode}`,
      both(`-t raw -I PREROUTING -m rpfilter --invert${mode} -j DROP`),
    );
  },
  (dice) => {
    const fib = pick(dice, ['saddr . mark . iif', 'saddr . iif', 'saddr']);
    return host(
      `the reverse path, as a rule of nft: ${fib}`,
      nft(
        'type filter hook prerouting priority -290; policy accept;',
        `fib ${fib} oif missing drop`,
      ),
    );
  },
  (dice) => {
    const policy = pick(dice, ['INPUT', 'FORWARD', 'OUTPUT']);
    return host(`a policy of IPv6: ${policy} drops`, `ip6tables -P ${policy} DROP`);
  },
  (dice) => {
    const chain = pick(dice, ['INPUT', 'FORWARD', 'OUTPUT']);
    return host(`${chain} drops all of ICMPv6`, `ip6tables -I ${chain} -p ipv6-icmp -j DROP`);
  },
  (dice) => {
    const chain = pick(dice, ['INPUT', 'FORWARD']);
    return host(
      `legacy tables beside: ${chain} drops`,
      `iptables-legacy -A ${chain} -p tcp --dport 6379 -j DROP; iptables-legacy -A ${chain} -p udp --dport 6379 -j DROP`,
    );
  },
  (dice, protocol) => {
    const rate = pick(dice, ['1000/second', '5/minute']);
    return host(
      `a limit of ${rate}`,
      `iptables -I FORWARD -p ${protocol} --dport 6379 -m limit --limit ${rate} -j ACCEPT`,
    );
  },
];

const RESOLUTION: readonly Maker[] = [
  (dice) => {
    const [device, value] = [pick(dice, ['all', 'ext0', 'docker0']), pick(dice, [1, 2, 3, 8])];
    return host(
      `arp_ignore ${value} on ${device}`,
      `sysctl -qw net.ipv4.conf.${device}.arp_ignore=${value}`,
      'silent',
    );
  },
  (dice) => {
    const value = dice(2) === 0 ? 8 : 1;
    const script = `sysctl -qw net.ipv4.conf.all.arp_ignore=${value}`;
    return redis(`arp_ignore in redis: ${value}`, script, 'silent');
  },
  (dice) => {
    const hook = pick(dice, ['input', 'output']);
    const which = pick(dice, ['arp operation request drop', 'drop', 'arp operation reply drop']);
    return host(
      `nft arp ${hook}: ${which}`,
      `nft 'table arp wall { chain c { type filter hook ${hook} priority 0; ${which}; }; }'`,
      'layer',
    );
  },
  () => host('proxy ARP on ext0', 'sysctl -qw net.ipv4.conf.ext0.proxy_arp=1'),
  (dice) => {
    const device = pick(dice, ['ext0', 'docker0', 'veth1']);
    return host(`no ARP on ${device}`, `ip link set ${device} arp off`, 'silent');
  },
  () => redis('no ARP in redis', 'ip link set eth0 arp off', 'silent'),
  (dice) => {
    const device = pick(dice, ['docker0', 'ext0', 'all']);
    return host(`no IPv6 on ${device}`, `sysctl -qw net.ipv6.conf.${device}.disable_ipv6=1`);
  },
  () => redis('no IPv6 in redis', 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1'),
  () =>
    host(
      'a right neighbour entry for redis, by hand',
      'ip neigh replace 172.17.0.2 lladdr $(nsenter --net=/run/netns/$REDIS cat /sys/class/net/eth0/address) dev docker0 nud permanent',
    ),
];

const PORTS: readonly Maker[] = [
  (dice) => {
    const flag = pick(dice, ['flood off', 'learning off', 'bcast_flood off', 'mcast_flood off']);
    const port = pick(dice, ['veth1', 'veth2']);
    return host(`${flag} on ${port}`, `bridge link set dev ${port} ${flag}`, 'silent');
  },
  () =>
    host(
      'a port neither learns nor floods',
      'bridge link set dev veth1 learning off flood off',
      'silent',
    ),
  (dice) => {
    const state = pick(dice, [0, 1, 4]);
    return host(`redis' port in state ${state}`, `bridge link set dev veth1 state ${state}`);
  },
  () =>
    host(
      'redis is looked for behind another port',
      'bridge fdb replace $(nsenter --net=/run/netns/$REDIS cat /sys/class/net/eth0/address) dev veth2 master static',
    ),
  () => host('docker0 down', 'ip link set docker0 down'),
  () => host('a smaller MTU on ext0', 'ip link set ext0 mtu 1280'),
];

const SIDES: readonly Maker[] = [
  () => redis('redis has a second address', 'ip addr add 172.17.0.22/16 dev eth0'),
  () =>
    redis(
      'redis has a narrow network',
      'ip addr del 172.17.0.2/16 dev eth0\nip addr add 172.17.0.2/32 dev eth0\nip route add 172.17.0.1 dev eth0\nip route replace default via 172.17.0.1',
    ),
  () =>
    redis(
      'redis has a network of /24',
      'ip addr del 172.17.0.2/16 dev eth0\nip addr add 172.17.0.2/24 dev eth0\nip route replace default via 172.17.0.1',
    ),
  () => redis("redis' device is down", 'ip link set eth0 down'),
  () =>
    redis(
      'redis sends by a second table',
      `ip rule add pref 9 lookup 7\nip route add default via 172.17.0.1 dev eth0 table 7`,
    ),
  () =>
    redis(
      'redis redirects inside',
      'iptables -t nat -A PREROUTING -p tcp --dport 6379 -j REDIRECT --to-ports 6380',
    ),
  () =>
    redis(
      'redis takes what is for another port',
      'nft "table ip n { chain c { type nat hook prerouting priority -100; tcp dport 6379 redirect to :6379; }; }"',
    ),
  (dice) => {
    const to = pick(dice, ['198.51.100.0/24', '172.17.0.0/16', '0.0.0.0/0']);
    return redis(
      `redis masquerades to ${to}`,
      `iptables -t nat -A POSTROUTING -d ${to} -j MASQUERADE`,
    );
  },
  (dice) => {
    const of = pick(dice, ['other', 'far'] as const);
    return at(of)(
      `${of} marks and drops`,
      both('-t mangle -A OUTPUT -j MARK --set-mark 3', '-A OUTPUT -m mark --mark 3 -p udp -j DROP'),
    );
  },
];

const MATCHES: readonly Maker[] = [
  (dice, protocol) => {
    const set = pick(dice, [
      `ip saddr { 198.51.100.0/25, 203.0.113.0/24 } ${protocol} dport { 80, 6000-6400 } drop`,
      `ip saddr . ${protocol} dport { 198.51.100.2 . 6379, 172.17.0.4 . 6379 } drop`,
      `ip daddr != 172.17.0.2 ${protocol} dport 6379 drop`,
      `iifname . ${protocol} dport { "ext0" . 6379 } drop`,
      `iifname vmap { "ext0" : drop, "lo" : accept }`,
      `${protocol} dport vmap { 6379 : drop, 80 : accept }`,
      `meta mark set 0x10 ; meta mark and 0x10 == 0x10 ${protocol} dport 6379 drop`,
      `ct state { new } ct direction original ${protocol} dport 6379 drop`,
      `ct original ip daddr 198.51.100.1 drop`,
      `ct original protocol ${protocol} ct original proto-dst 6379 drop`,
      `oifname "docker0" ct status & dnat == 0 drop`,
      `ip protocol ${protocol} th sport 6379 drop`,
      `meta iifkind "veth" drop`,
      `ip ttl < 64 drop`,
      `ip length > 1400 drop`,
      `socket transparent 1 drop`,
      `fib daddr . iif type != { local, unicast } drop`,
      `rt ip nexthop 172.17.0.2 drop`,
    ]);
    const hook = pick(dice, ['prerouting', 'input', 'forward', 'output', 'postrouting']);
    const odd = /socket|rt ip|oifname|iif/.test(set);
    const usable = odd ? 'forward' : hook;
    const inside = /socket/.test(set) ? 'prerouting' : usable;
    return host(
      `nft ${inside}: ${set}`,
      nft(
        `type filter hook ${inside} priority ${pick(dice, [-160, -10, 10])};`,
        ...set.split(' ; '),
      ),
    );
  },
  (dice, protocol) => {
    const match = pick(dice, [
      '-m addrtype --dst-type LOCAL',
      '-m addrtype ! --src-type LOCAL --limit-iface-in',
      '-m iprange --src-range 198.51.100.1-198.51.100.9',
      `-p ${protocol} -m multiport ! --dports 80,443`,
      '-m pkttype --pkt-type unicast',
      '-m ttl --ttl-lt 64',
      '-m length --length 0:100',
      '-m physdev --physdev-in veth2',
      '-m mark --mark 0x1/0xff',
      '-m owner --uid-owner 0',
      '-m statistic --mode random --probability 1.0',
      '-m statistic --mode nth --every 1 --packet 0',
      '-m comment --comment "-j ACCEPT"',
      '-m connbytes --connbytes 0: --connbytes-dir original --connbytes-mode packets',
      '-m connlimit --connlimit-above 0',
      '-m u32 --u32 "6&0xFF=6"',
      '-m string --string hello --algo bm',
      '-m state --state NEW',
      '-m time --timestart 00:00 --timestop 23:59',
    ]);
    const chain = /owner/.test(match)
      ? 'OUTPUT'
      : /physdev/.test(match)
        ? 'FORWARD'
        : pick(dice, ['INPUT', 'FORWARD']);
    const port = match.includes('-p ') || dice(2) === 0 ? '' : `-p ${protocol} --dport 6379 `;
    const rule = `-I ${chain} ${port}${match} -j DROP`;
    return host(`iptables ${rule}`, `iptables ${rule}`);
  },
  (dice, protocol) => {
    const rule = pick(dice, [
      '-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
      '-t mangle -A PREROUTING -j TTL --ttl-set 64',
      '-t mangle -A PREROUTING -j CONNMARK --restore-mark',
      '-t mangle -A POSTROUTING -j CLASSIFY --set-class 1:2',
      '-t mangle -A FORWARD -j DSCP --set-dscp 8',
      `-t raw -A PREROUTING -p ${protocol} --dport 6379 -j TRACE`,
      '-A FORWARD -j LOG --log-prefix "x -j DROP "',
      '-A FORWARD -j NFLOG --nflog-group 3',
      `-t raw -A PREROUTING -p ${protocol} --dport 6379 -j CT --ctevents new`,
      '-t mangle -A INPUT -j ACCEPT',
    ]);
    return host(`iptables ${rule}`, `iptables ${rule}`);
  },
];

const OTHER_NAT: readonly Maker[] = [
  (dice, protocol) => {
    const rule = pick(dice, [
      `PREROUTING -i ext0 -p ${protocol} --dport 6379 -j DNAT --to-destination 127.0.0.1:6379`,
      `PREROUTING -i ext0 -p ${protocol} --dport 6379 -j DNAT --to-destination 172.17.0.1:6379`,
      `PREROUTING -i ext0 -p ${protocol} --dport 6379 -j DNAT --to-destination 172.17.0.2`,
      `PREROUTING -i ext0 -p ${protocol} --dport 6379 -j DNAT --to-destination 172.17.0.99:6379`,
      `PREROUTING -i ext0 -p ${protocol} --dport 6379 -j DNAT --to-destination 172.30.0.2:6379`,
      `OUTPUT -p ${protocol} --dport 6379 -j DNAT --to-destination 172.17.0.2:6379`,
      `POSTROUTING -j MASQUERADE`,
      `POSTROUTING -j MASQUERADE --random`,
      `POSTROUTING -o docker0 -j SNAT --to-source 198.51.100.1`,
      `POSTROUTING -o docker0 -j SNAT --to-source 172.17.0.1-172.17.0.1`,
      `POSTROUTING -s 172.17.0.2 -j SNAT --to-source 203.0.113.1`,
      `POSTROUTING -o docker0 -s 198.51.100.0/24 -j NETMAP --to 172.17.9.0/24`,
      `INPUT -p ${protocol} --dport 6379 -j SNAT --to-source 198.51.100.77`,
    ]);
    return host(`iptables -t nat -I ${rule}`, `iptables -t nat -I ${rule}`);
  },
  (dice, protocol) => {
    const rule = pick(dice, [
      `dnat ip to ${protocol} dport map { 6379 : 172.17.0.2 }`,
      `dnat ip addr . port to ${protocol} dport map { 6379 : 172.17.0.2 . 6379 }`,
      `${protocol} dport 6379 redirect to :6379`,
      `iifname "ext0" ${protocol} dport 6379 dnat ip to 172.17.0.4:6379`,
      `${protocol} dport 6379 accept`,
      `${protocol} dport 6379 dnat ip to 172.17.0.2-172.17.0.2:6379`,
    ]);
    return host(
      `nft nat prerouting: ${rule}`,
      nft(`type nat hook prerouting priority ${pick(dice, [-110, -90])};`, rule),
    );
  },
];

const WAYS: readonly Maker[] = [
  () => host('an address of its own that no device has', 'ip route add local 198.51.100.50 dev lo'),
  (dice) => {
    const rule = pick(dice, [
      `from 198.51.100.0/24 iif ext0 lookup 140`,
      `to 172.17.0.0/16 iif ext0 lookup 140`,
      `not from 172.17.0.0/16 lookup 140`,
      `iif docker0 to 198.51.100.2 lookup 140`,
      `oif docker0 lookup 140`,
      `fwmark 0x0/0xff lookup 140`,
      `to 198.51.100.2 lookup 140 suppress_prefixlength 24`,
    ]);
    const route = pick(dice, [
      'blackhole default',
      'throw default',
      'unreachable 198.51.100.0/24',
      `default ${VIA_VPN}`,
    ]);
    return host(
      `ip rule ${rule}: ${route}`,
      `ip route add ${route} table 140\nip rule add pref 70 ${rule}`,
      route.startsWith('default') ? 'device' : null,
    );
  },
  (dice) => {
    const setting = pick(dice, [
      'net.ipv4.conf.ext0.rp_filter=1\nsysctl -qw net.ipv4.conf.all.rp_filter=2',
      'net.ipv4.conf.docker0.accept_local=1\nsysctl -qw net.ipv4.conf.docker0.rp_filter=1',
      'net.ipv4.conf.all.route_localnet=1',
      'net.ipv4.conf.lo.rp_filter=1',
      'net.ipv4.conf.all.forwarding=0',
      `net.ipv6.conf.${FAR_BRIDGE}.forwarding=0`,
      'net.ipv6.conf.docker0.forwarding=0',
      'net.ipv4.ip_local_port_range="6000 7000"',
      'net.ipv4.conf.all.disable_policy=1',
      'net.ipv4.ip_nonlocal_bind=1',
      'net.ipv4.tcp_l3mdev_accept=1',
      'net.netfilter.nf_conntrack_tcp_loose=0',
      'net.netfilter.nf_conntrack_tcp_be_liberal=1',
      'net.ipv4.conf.docker0.proxy_arp_pvlan=1',
      'net.bridge.bridge-nf-filter-vlan-tagged=1',
    ]);
    return host(setting.replace(/\nsysctl -qw /, ', '), `sysctl -qw ${setting}`);
  },
  () =>
    host(
      'the main table is asked last',
      'ip route add unreachable default table 150\nip rule add pref 40000 lookup 150',
    ),
  () =>
    host('the local table is asked late', 'ip rule add pref 100 lookup local\nip rule del pref 0'),
  () => host('no main table', 'ip rule del pref 32766'),
  () =>
    host(
      'the client by a gateway on its own link',
      'ip route add 198.51.100.2/32 via 198.51.100.3 dev ext0',
    ),
];

export const THIRD: readonly (readonly Maker[])[] = [
  FIREWALLS,
  RESOLUTION,
  PORTS,
  SIDES,
  MATCHES,
  MATCHES,
  OTHER_NAT,
  WAYS,
];
