/** Rule sets at random of rarer kinds: NAT of one's own, maps, named sets, concatenations, rules of devices and bridges, marks with masks. */
import { choose, createRandom, type Random } from './draw.js';

const MATCHES = [
  ...['ip saddr . ip daddr { 198.51.100.2 . 172.17.0.2 }', 'ip saddr . tcp dport @pairs'],
  ...[
    'ip saddr @people',
    'ip saddr != @people',
    'tcp dport @ports',
    'iifname . tcp dport { "ext0" . 8080 }',
  ],
  ...['meta iif "ext0"', 'meta oif "docker0"', 'meta iifname != { "lo", "docker0" }'],
  ...['meta l4proto tcp ct original proto-dst 8080', 'meta l4proto tcp ct reply proto-src 6379'],
  ...[
    'ct original ip saddr 198.51.100.2',
    'ct reply ip daddr 198.51.100.2',
    'ct reply ip saddr 172.17.0.2',
  ],
  ...[
    'ct status seen-reply',
    'ct status & (seen-reply | dnat) == seen-reply',
    'ct status assured',
    'ct status confirmed',
  ],
  ...[
    'ct status { dnat, snat }',
    'ct status != dnat',
    'ct state { new, untracked }',
    'ct state new,untracked',
  ],
  ...['ct state & (new | established) != 0', 'ct zone 3', 'ct zone != 0', 'ct direction != reply'],
  ...['tcp flags & (syn | ack) == (syn | ack)', 'tcp flags & (fin | syn | rst | ack) == syn'],
  ...[
    'tcp flags & psh == psh',
    'tcp flags == syn',
    'tcp flags & (syn | rst) != 0',
    'tcp flags ! syn,rst',
  ],
  ...[
    'meta mark & 0x1 == 0',
    'meta mark | 0x2 == 0x7',
    'meta mark ^ 0x5 == 0',
    'meta mark { 0x5, 0x7 }',
    'meta mark 1-7',
  ],
  ...['ct mark & 0x6 != 0', 'ct mark != 0x7', 'ct mark > 0x5', 'meta mark < 0x6'],
  ...[
    'fib saddr . iif oif missing',
    'fib daddr . iif type local',
    'fib saddr type unicast',
    'fib daddr type { local, broadcast }',
  ],
  ...[
    'tcp dport > 7000',
    'tcp dport <= 6379',
    'tcp sport >= 1024',
    'th dport 8080',
    '@th,16,16 6379',
  ],
  ...[
    'ip daddr >= 172.17.0.0 ip daddr <= 172.17.255.255',
    'ip saddr & 255.255.255.0 == 198.51.100.0',
    'ip daddr 172.17.0.2-172.17.0.9',
  ],
  ...[
    'meta protocol ip',
    'meta nfproto ipv6',
    'ip6 saddr ::/0',
    'icmp type echo-request',
    'icmp type destination-unreachable',
  ],
  ...[
    'meta l4proto . th dport { tcp . 6379, udp . 53 }',
    'ip protocol { tcp, udp }',
    'ip protocol != tcp',
  ],
];

const ACTIONS = [
  ...[
    'drop',
    'drop',
    'drop',
    'accept',
    'accept',
    'return',
    'continue',
    'counter',
    'counter packets 3 bytes 9 drop',
  ],
  ...[
    'meta mark set meta mark & 0xfffffffe',
    'meta mark set meta mark ^ 0x5',
    'meta mark set ct mark & 0x3',
    'ct mark set meta mark | 0x10',
  ],
  ...[
    'ct mark set ct mark & 0x6',
    'ct mark set 0x5',
    'meta mark set 0x7',
    'meta mark set tcp dport map { 8080 : 0x5, 6379 : 0x7 }',
  ],
  ...[
    'ip daddr vmap { 172.17.0.0/16 : goto side, 198.51.100.1 : accept }',
    'iifname vmap { "ext0" : jump side, "docker0" : return }',
  ],
  ...[
    'ip saddr . tcp dport vmap { 198.51.100.2 . 8080 : drop, 198.51.100.2 . 6379 : accept }',
    'tcp dport vmap @fates',
  ],
  ...[
    'meta mark vmap { 0x5 : drop, 0x7 : accept }',
    'ct state vmap { invalid : drop, established : accept, related : accept }',
  ],
  ...[
    'jump { ct state new tcp dport 6379 drop; tcp dport 8080 return; }',
    'goto { ip saddr 172.17.0.2 accept; tcp flags & psh == psh drop; }',
  ],
  ...['quota over 1 mbytes drop', 'log level debug', 'ip dscp set cs1', 'meta priority set 1:2'],
];

const TRANSLATIONS = {
  prerouting: [
    ...[
      'tcp dport 8080 redirect to :6379',
      'tcp dport 8080 dnat ip to 172.17.0.2:6379',
      'tcp dport 8080 dnat ip to 172.17.0.2',
    ],
    ...[
      'tcp dport 8080 accept',
      'tcp dport 6379 dnat ip to 172.17.0.2',
      'tcp dport 6379 dnat ip to tcp dport map { 6379 : 172.17.0.2 }',
    ],
    ...[
      'iifname "ext0" dnat ip to ip daddr . tcp dport map { 198.51.100.1 . 8080 : 172.17.0.2 . 6379 }',
      'iifname "lo" tcp dport 8080 return',
    ],
    ...[
      'dnat ip to tcp dport map @targets',
      'tcp dport 6379 dnat ip to 198.51.100.1:6379',
      'meta l4proto tcp dnat to :6379',
    ],
  ],
  output: [
    ...[
      'tcp dport 8080 redirect to :6379',
      'tcp dport 8080 accept',
      'tcp dport 6379 dnat ip to 172.17.0.2:6379',
      'ip daddr 127.0.0.1 tcp dport 6379 accept',
    ],
    ...[
      'oifname "docker0" tcp dport 6379 dnat ip to 198.51.100.1',
      'tcp dport 8080 dnat ip to 127.0.0.1:6379',
    ],
  ],
  postrouting: [
    ...[
      'masquerade',
      'oifname "docker0" masquerade',
      'ip saddr 198.51.100.0/24 snat ip to 172.17.0.1',
      'oifname "docker0" snat ip to 172.17.0.1:5000-6000',
    ],
    ...[
      'ct status dnat masquerade',
      'oifname "ext0" masquerade',
      'accept',
      'ct status ! dnat return',
      'oifname "docker0" tcp dport 6379 masquerade to :4000-5000',
    ],
  ],
  input: ['snat ip to 198.51.100.1', 'accept', 'tcp dport 6379 snat ip to 172.17.0.1'],
} as const;

function makeRule(random: Random): string {
  const matches = Array.from({ length: Math.floor(random() * 3) }, () => choose(random, MATCHES));
  return [...matches, choose(random, ACTIONS)].join(' ');
}

const many = (most: number, random: Random, make: () => string): string[] =>
  Array.from({ length: 1 + Math.floor(random() * most) }, make);

function makeChain(random: Random, name: string): string {
  const hook = choose(random, [
    'prerouting',
    'input',
    'forward',
    'forward',
    'output',
    'postrouting',
  ]);
  const type = hook === 'output' && random() < 0.3 ? 'route' : 'filter';
  const priority = choose(random, [-310, -150, -99, 0, 10, 90, 110]);
  const rules = many(4, random, () =>
    hook === 'prerouting' && priority === -310 && random() < 0.4
      ? `${choose(random, MATCHES)} ${choose(random, ['notrack', 'ct zone set 3', 'ct original zone set 3'])}`
      : makeRule(random),
  );
  return `chain ${name} {\ntype ${type} hook ${hook} priority ${priority};\n${rules.join('\n')}\n}`;
}

function makeNat(random: Random, name: string): string {
  const hook = choose(random, [
    'prerouting',
    'prerouting',
    'output',
    'postrouting',
    'postrouting',
    'input',
  ] as const);
  const source = hook === 'postrouting' || hook === 'input';
  const priority = (source ? 100 : -100) + choose(random, [-5, 5]);
  const rules = many(2, random, () =>
    [random() < 0.3 ? choose(random, MATCHES) : '', choose(random, TRANSLATIONS[hook])]
      .join(' ')
      .trim(),
  );
  return `chain ${name} {\ntype nat hook ${hook} priority ${priority};\n${rules.join('\n')}\n}`;
}

const DEVICE_RULES = [
  ...[
    'tcp dport 8080 drop',
    'tcp sport 6379 drop',
    'ip saddr 198.51.100.2 accept',
    'tcp flags & (syn | ack) == syn drop',
  ],
  ...[
    'ip protocol tcp tcp dport 6379 drop',
    'meta mark set 0x5',
    'ip6 saddr ::/0 drop',
    'arp operation request accept',
    'counter',
  ],
];

/** Rules below those of IP. */
function makeLayer(random: Random): string {
  const rules = many(2, random, () => choose(random, DEVICE_RULES)).join('\n');
  const where = choose(random, [
    ...[
      'netdev:ingress device "ext0"',
      'netdev:ingress device "docker0"',
      'netdev:ingress device "veth1"',
      'netdev:egress device "ext0"',
    ],
    ...[
      'netdev:egress device "veth1"',
      'bridge:forward',
      'bridge:input',
      'bridge:output',
      'bridge:prerouting',
      'bridge:postrouting',
    ],
  ]);
  const [family = '', hook = ''] = where.split(':');
  return `table ${family} low {\nchain c {\ntype filter hook ${hook} priority 0;\n${rules}\n}\n}\n`;
}

const SETS = [
  'set people { type ipv4_addr; flags interval; elements = { 198.51.100.0-198.51.100.9, 203.0.113.0/24 }; }',
  'set ports { type inet_service; elements = { 8080, 80 }; }',
  'set pairs { type ipv4_addr . inet_service; elements = { 198.51.100.2 . 8080, 198.51.100.2 . 80 }; }',
  'map fates { type inet_service : verdict; elements = { 8080 : accept, 6379 : jump side }; }',
  'map targets { type inet_service : ipv4_addr; elements = { 8080 : 172.17.0.2 }; }',
];

export function makeWide(seed: number): string {
  const random = createRandom(seed);
  const count = Math.floor(random() * 3);
  const chains = Array.from({ length: count }, (_, i) => makeChain(random, `c${i}`));
  const nat =
    random() < 0.6 ? many(2, random, () => '').map((_, i) => makeNat(random, `n${i}`)) : [];
  const side = many(
    2,
    random,
    () => `${choose(random, MATCHES)} ${choose(random, ['drop', 'accept', 'return'])}`,
  );
  const low = random() < 0.35 ? makeLayer(random) : '';
  const family = choose(random, ['ip', 'inet']);
  const body = [
    ...SETS.slice(0, 3),
    `chain side {\n${side.join('\n')}\n}`,
    ...SETS.slice(3),
    ...chains,
    ...nat,
  ];
  return `table ${family} r {\n${body.join('\n')}\n}\n${low}`;
}
