/** Rule sets at random from a seed: chains at every hook, with matches of every kind, for nft and for iptables. */

import { choose, createRandom, type Random } from './draw.js';

const NFT_MATCHES = [
  ...['tcp dport 8080', 'tcp dport 6379', 'tcp dport { 80, 6379, 8080 }', 'tcp dport != 6379'],
  ...['tcp sport 6379', 'tcp sport { 1-1023, 6379 }', 'tcp dport 6000-9000', 'udp dport 6379'],
  ...['ip saddr 198.51.100.2', 'ip saddr 198.51.100.0/24', 'ip daddr 172.17.0.0/16'],
  ...[
    'ip saddr != 198.51.100.2',
    'ip daddr 198.51.100.1',
    'ip saddr 172.17.0.2',
    'ip daddr 127.0.0.0/8',
  ],
  ...['ip daddr & 255.255.0.255 == 172.17.0.2', 'ip saddr { 10.0.0.0/8, 198.51.100.2 }'],
  ...[
    'iifname "ext0"',
    'iifname "docker0"',
    'iifname != "docker0"',
    'oifname "docker0"',
    'oifname "ext0"',
  ],
  ...['oifname "lo"', 'iifname "lo"', 'oifname { "docker0", "lo" }', 'iifname "ext*"'],
  ...['ct state new', 'ct state established', 'ct state established,related', 'ct state invalid'],
  ...[
    'ct state ! established,related',
    'ct state != new',
    'ct state { new, established }',
    'ct state untracked',
  ],
  ...[
    'ct status dnat',
    'ct status ! dnat',
    'ct status snat',
    'ct direction reply',
    'ct direction original',
  ],
  ...[
    'ct original ip daddr 198.51.100.1',
    'ct reply ip saddr 172.17.0.2',
    'meta l4proto tcp ct original proto-dst 8080',
  ],
  ...[
    'tcp flags syn',
    'tcp flags & (syn | ack) == syn',
    'tcp flags != syn',
    'tcp flags { syn, ack }',
  ],
  ...['tcp flags syn,ack', 'tcp flags ! rst', 'tcp flags & (fin | rst) == 0', 'tcp flags == 0x12'],
  ...[
    'meta mark 0x5',
    'meta mark & 0x3 == 0x1',
    'meta mark != 0',
    'ct mark 0x7',
    'ct mark & 0x1 == 0x1',
  ],
  ...[
    'fib daddr type local',
    'fib saddr type local',
    'fib daddr type != local',
    'meta pkttype host',
  ],
  ...[
    'ip daddr . tcp dport { 172.17.0.2 . 6379, 10.0.0.1 . 80 }',
    'meta l4proto tcp',
    'meta l4proto { tcp, udp } th dport 6379',
  ],
  ...['ip protocol icmp', 'meta l4proto icmp', 'ct state related'],
];

const NFT_ACTIONS = [
  ...['drop', 'drop', 'drop', 'accept', 'accept', 'return', 'reject', 'reject with tcp reset'],
  ...[
    'reject with icmp type host-unreachable',
    'counter',
    'meta mark set 0x5',
    'meta mark set meta mark | 0x1',
  ],
  ...[
    'ct mark set 0x7',
    'meta mark set ct mark',
    'ct mark set meta mark',
    'jump side',
    'goto side',
  ],
  ...[
    'jump { tcp dport 6379 drop; }',
    'log prefix "x"',
    'tcp dport vmap { 6379 : drop, 8080 : accept }',
  ],
  ...['ct state vmap { established : accept, new : jump side }'],
];

/** Only a connection that is rejected with TCP's own message may name no other protocol. */
function makeRule(random: Random, hook: string): string {
  const matches = Array.from({ length: Math.floor(random() * 3) }, () =>
    choose(random, NFT_MATCHES),
  );
  let action = choose(random, NFT_ACTIONS);
  const early = hook === 'prerouting' || hook === 'postrouting';
  if (early && action.startsWith('reject')) action = 'drop';
  if (random() < 0.08 && (hook === 'prerouting' || hook === 'output')) {
    action = choose(random, ['notrack', 'ct zone set 3']);
  }
  const tcp = action === 'reject with tcp reset' ? ['meta l4proto tcp'] : [];
  return [...tcp, ...matches, action].join(' ');
}

export function makeNft(seed: number): string {
  const random = createRandom(seed);
  const count = 1 + Math.floor(random() * 3);
  const chains = Array.from({ length: count }, (_, i) => {
    const hook = choose(random, [
      'prerouting',
      'input',
      'forward',
      'forward',
      'output',
      'postrouting',
    ]);
    const priority = choose(random, [-310, -150, -50, 0, 10, 110]);
    const policy = random() < 0.12 ? 'drop' : 'accept';
    const rules = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      makeRule(random, hook),
    );
    return `chain c${i} {\ntype filter hook ${hook} priority ${priority + i}; policy ${policy};\n${rules.join('\n')}\n}`;
  });
  const side = Array.from({ length: 2 }, () =>
    makeRule(random, 'side').replace(/jump .*|goto .*|reject.*|.*vmap.*/, 'drop'),
  );
  return `table inet r {\nchain side {\n${side.join('\n')}\n}\n${chains.join('\n')}\n}\n`;
}

const SAVED_MATCHES = [
  ...[
    '-p tcp -m tcp --dport 8080',
    '-p tcp -m tcp --dport 6379',
    '-p tcp -m tcp --sport 6379',
    '-p udp',
  ],
  ...[
    '-s 198.51.100.2/32',
    '-s 198.51.100.0/24',
    '-d 172.17.0.0/16',
    '! -s 198.51.100.2/32',
    '-d 172.17.0.2/255.255.0.255',
  ],
  ...[
    '-m conntrack --ctstate NEW',
    '-m conntrack --ctstate RELATED,ESTABLISHED',
    '-m conntrack ! --ctstate NEW',
  ],
  ...[
    '-m conntrack --ctstate DNAT',
    '-m conntrack ! --ctstate DNAT',
    '-m conntrack --ctstate INVALID',
    '-m conntrack --ctdir REPLY',
  ],
  ...[
    '-m conntrack --ctorigdst 198.51.100.1',
    '-m conntrack --ctreplsrc 172.17.0.2',
    '-m conntrack --ctstatus SEEN_REPLY',
  ],
  ...[
    '-p tcp -m tcp --tcp-flags SYN,ACK SYN',
    '-p tcp -m tcp ! --syn',
    '-p tcp -m tcp --tcp-flags SYN,RST,ACK SYN,ACK',
  ],
  ...[
    '-p tcp -m multiport --dports 80,6379',
    '-p tcp -m multiport ! --dports 80,6379',
    '-m mark --mark 0x5',
    '-m mark ! --mark 0x1/0x3',
  ],
  ...[
    '-m connmark --mark 0x7',
    '-m addrtype --dst-type LOCAL',
    '-m addrtype ! --src-type LOCAL',
    '-p icmp',
  ],
];

const SAVED_ACTIONS = ['DROP', 'DROP', 'ACCEPT', 'RETURN', 'SIDE', 'LOG --log-prefix x'];

export function makeSaved(seed: number): string {
  const random = createRandom(seed);
  const rule = (chain: string, actions: readonly string[]): string => {
    const devices = {
      PREROUTING: ['-i ext0', '! -i docker0'],
      INPUT: ['-i lo', '! -i lo'],
      OUTPUT: ['-o lo', '-o docker0'],
      FORWARD: ['-i ext0', '-o docker0', '-i docker0'],
      POSTROUTING: ['-o docker0', '! -o docker0'],
    }[chain] ?? [''];
    const device = random() < 0.4 ? choose(random, devices) : '';
    const matches = random() < 0.8 ? choose(random, SAVED_MATCHES) : '';
    const text = ['-A', chain, device, matches, '-j', choose(random, actions)];
    return text.filter((word) => word !== '').join(' ');
  };
  const many = (chain: string, actions: readonly string[]): string[] =>
    Array.from({ length: Math.floor(random() * 3) }, () => rule(chain, actions));
  const rejects = [
    'REJECT --reject-with icmp-port-unreachable',
    'REJECT --reject-with icmp-host-prohibited',
  ];
  const filter = ['INPUT', 'FORWARD', 'OUTPUT'].flatMap((chain) =>
    many(chain, [...SAVED_ACTIONS, ...rejects]),
  );
  const policy = (): string => (random() < 0.1 ? 'DROP' : 'ACCEPT');
  const marks = [
    'MARK --set-xmark 0x5/0xffffffff',
    'CONNMARK --set-xmark 0x7/0xffffffff',
    'CONNMARK --save-mark',
    'CONNMARK --restore-mark',
    'DROP',
  ];
  const mangle = ['PREROUTING', 'OUTPUT', 'POSTROUTING'].flatMap((chain) => many(chain, marks));
  const raw =
    random() < 0.3
      ? ['PREROUTING', 'OUTPUT'].flatMap((chain) =>
          many(chain, ['CT --notrack', 'CT --zone 3', 'ACCEPT']),
        )
      : [];
  const open = (table: string, chains: readonly string[]): string[] => [
    `*${table}`,
    ...chains.map((chain) => `:${chain} ${table === 'filter' ? policy() : 'ACCEPT'} [0:0]`),
  ];
  const early = raw.filter((line) => !line.includes('conntrack') && !line.includes('connmark'));
  return [
    ...open('raw', ['PREROUTING', 'OUTPUT']),
    ...early,
    'COMMIT',
    ...open('mangle', ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']),
    ...mangle,
    'COMMIT',
    ...open('filter', ['INPUT', 'FORWARD', 'OUTPUT']),
    ':SIDE - [0:0]',
    ...filter,
    ...many('SIDE', ['DROP', 'RETURN', 'ACCEPT']),
    'COMMIT',
    '',
  ].join('\n');
}
