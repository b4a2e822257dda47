/** Rule sets from strangers: every form that the tools print, and matches that nobody knows. */
import * as assert from 'uvu/assert';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import { UserError } from '../../../src/model/errors.js';
import type { RuleSet } from '../../../src/model/rules.js';
import type { Prediction } from '../../../src/model/explain.js';
import { loadRules, makeWorld, predictRedis, readRules } from '../evaluate/worlds.js';
import { suite } from '../../support/suite.js';

const test = suite('rule sets of strangers');

/** What is evaluated, without the words that it was written in. */
function listSteps(rules: RuleSet): unknown {
  const plain: unknown = JSON.parse(
    JSON.stringify(
      rules.tables.map(({ chains }) => chains.map((c) => c.rules.map(({ steps }) => steps))),
      (key, value: unknown) =>
        key === 'text' || key === 'how'
          ? undefined
          : typeof value === 'bigint'
            ? `${value}`
            : value,
    ),
  );
  return plain;
}

test('nft: text, JSON, and text with handles give the same evaluation', () => {
  const text = loadRules('hostile.nft');
  assert.equal(listSteps(loadRules('hostile.nft.json')), listSteps(text));
  assert.equal(listSteps(loadRules('hostile-handles.nft')), listSteps(text));
  const windows = readRules('hostile.nft').replaceAll('\n', '\r\n');
  assert.equal(listSteps(parseNft(`\uFEFF${windows}`, 'windows')), listSteps(text));
  const json = `\uFEFF${readRules('hostile.nft.json')}`;
  assert.equal(listSteps(parseNft(json, 'windows')), listSteps(text));
});

test('nft: only what is really not understood is left as unknown', () => {
  const unknown = loadRules('hostile.nft').tables.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) =>
      rules.filter(({ steps }) => JSON.stringify(steps, write).includes('"unknown"')),
    ),
  );
  assert.equal(
    unknown.map(({ text }) => text),
    [
      'tcp flags syn tcp option maxseg size 1-500 drop',
      'meta skuid 1000 drop',
      'ether saddr 00:11:22:33:44:55 drop',
      'ip ttl < 5 drop',
      'rt classid 1 drop',
      'tcp dport 82 dnat ip to 10.0.0.5-10.0.0.9 persistent',
      'tcp dport 83 dnat ip to 10.0.0.5:8000-8010 random',
      'ip daddr 10.0.0.7 snat ip to 192.0.2.9-192.0.2.12',
    ],
  );
});

function write(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}

const PROXY = 'docker-20.10-proxy.iptables';

/** The outside client's way, with these rules in front of Docker's own. */
function outsideWith(table: string, ...rules: readonly string[]): Prediction {
  const lines = rules.join('\n');
  const text = readRules(PROXY).replace(new RegExp(`(\\*${table}\n(?::.*\n)*)`), `$1${lines}\n`);
  return outside(parseSaved(text, 'saved'));
}

function outsideWithNft(rules: string): Prediction {
  const base = loadRules(PROXY);
  const own = parseNft(`table inet fw {\n${rules}\n}`, 'nft');
  return outside({ ...base, tables: [...base.tables, ...own.tables] });
}

function outside(rules: RuleSet, client: string | null = '198.51.100.2'): Prediction {
  const [first] = predictRedis(makeWorld(rules, true), { client });
  if (first?.vantage !== 'outside') throw new Error('no prediction for outside');
  return first;
}

/** A rule for FORWARD, and what becomes of a client from outside: DNAT stands unless the rule holds. */
const FORWARD: readonly [rule: string, path: Prediction['path']][] = [
  // Conditions that hold for the packet.
  ['-A FORWARD -m conntrack --ctorigdst 198.51.100.1/32 -j DROP', 'dropped'],
  ['-A FORWARD -m conntrack --ctorigdstport 6379 --ctdir ORIGINAL -j DROP', 'dropped'],
  ['-A FORWARD -m conntrack --ctstate NEW,DNAT -j REJECT', 'refused'],
  ['-A FORWARD -p tcp -m multiport --ports 22,6379 -j DROP', 'dropped'],
  ['-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP', 'dropped'],
  ['-A FORWARD -m iprange --src-range 198.51.100.0-198.51.100.9 -j DROP', 'dropped'],
  ['-A FORWARD ! -s 10.0.0.0/8 -o docker+ -j DROP', 'dropped'],
  ['-A FORWARD -m pkttype --pkt-type unicast -j DROP', 'dropped'],
  ['-A FORWARD -m comment --comment "it\'s \\"quoted\\" -j ACCEPT" -j DROP', 'dropped'],
  ['-A FORWARD -m mark ! --mark 0x1/0xff -j DROP', 'dropped'],
  ['-A FORWARD -s ! 10.0.0.0/8 -j DROP', 'dropped'],
  // Conditions that hold for the answer.
  ['-A FORWARD -m conntrack --ctdir REPLY -j DROP', 'dropped'],
  ['-A FORWARD -m conntrack --ctdir REPLY -j REJECT', 'dropped'],
  ['-A FORWARD -p tcp -m tcp ! --syn -j DROP', 'dropped'],
  ['-A FORWARD -m conntrack --ctstate ESTABLISHED -j DROP', 'dropped'],
  ['-A FORWARD -s 172.17.0.0/16 -j DROP', 'dropped'],
  ['-A FORWARD -p tcp -m tcp --sport 6379 -j DROP', 'dropped'],
  ['-A FORWARD -o ext0 -j DROP', 'dropped'],
  // Conditions that hold for neither.
  ['-A FORWARD -m conntrack --ctorigdst 198.51.100.9/32 -j DROP', 'dnat'],
  ['-A FORWARD -f -j DROP', 'dnat'],
  ['-A FORWARD -p udp -m string --string "x" --algo bm -j DROP', 'dnat'],
  ['-A FORWARD -m rpfilter --invert -j DROP', 'dnat'],
  ['-A FORWARD -m rpfilter -j DROP', 'dropped'],
  // An unknown condition, where the known ones do not rule the packet out.
  ['-A FORWARD -m string --string "-j ACCEPT" --algo bm -j DROP', 'unknown'],
  ['-A FORWARD -m socket -j DROP', 'unknown'],
  ['-A FORWARD -m set --match-set banned src -j DROP', 'unknown'],
  ['-A FORWARD -p tcp -m limit --limit 5/sec -j DROP', 'unknown'],
  ['-A FORWARD -m set --match-set banned src -p udp -j DROP', 'dnat'],
  // Targets.
  ['-A FORWARD -j NFQUEUE --queue-num 3', 'unknown'],
  ['-A FORWARD -p udp -j NFQUEUE --queue-num 3', 'dnat'],
  ['-A FORWARD -j TARPIT', 'unknown'],
  ['-A FORWARD -j TEE --gateway 10.0.0.1', 'dnat'],
  ['-A FORWARD -m set --match-set banned src -j LOG --log-prefix "[UFW BLOCK] "', 'dnat'],
];

for (const [rule, path] of FORWARD) {
  test(`${rule} is ${path}`, () => {
    const prediction = outsideWith('filter', rule);
    assert.is(prediction.path, path, prediction.why);
  });
}

test('an unknown condition is named, with its rule', () => {
  const { why } = outsideWith('filter', '-A FORWARD -m string --string "a b" --algo bm -j DROP');
  assert.match(why, '-m string --string a b');
  assert.match(why, '-A FORWARD -m string');
  assert.match(why, 'table filter');
  const held = outsideWith('filter', '-A FORWARD -p tcp -j TARPIT --tarpit');
  assert.is(held.path, 'unknown');
  assert.match(held.why, /holds the connection: -j TARPIT --tarpit, which completes the handshake/);
  const reset = outsideWith('filter', '-A FORWARD -p tcp -j TARPIT --reset');
  assert.match(reset.why, /not understood: -j TARPIT --reset/);
  const queue = outsideWith('filter', '-A FORWARD -j NFQUEUE --queue-num 3');
  assert.match(queue.why, '-j NFQUEUE --queue-num 3');
  assert.is(queue.rule, '-A FORWARD -j NFQUEUE --queue-num 3');
});

test('marks: of the packet, of the connection, kept and restored in part', () => {
  const drop = (mark: string): string => `-A FORWARD -m mark --mark ${mark} -j DROP`;
  const mangle = (rule: string): string[] => [
    '*mangle',
    ':PREROUTING ACCEPT [0:0]',
    rule,
    'COMMIT',
  ];
  const withMark = (rule: string, mark: string): Prediction['path'] => {
    const text = readRules(PROXY).replace(/(\*filter\n(?::.*\n)*)/, `$1${drop(mark)}\n`);
    return outside(parseSaved(`${mangle(rule).join('\n')}\n${text}`, 'saved')).path;
  };
  assert.is(
    withMark('-A PREROUTING -j MARK --set-xmark 0x4000/0x4000', '0x4000/0x4000'),
    'dropped',
  );
  assert.is(withMark('-A PREROUTING -j MARK --set-xmark 0x4000/0x4000', '0x1/0x1'), 'dnat');
  assert.is(withMark('-A PREROUTING -j CONNMARK --set-xmark 0x3/0xff', '0x3'), 'dnat');
  const restored = withMark(
    '-A PREROUTING -j CONNMARK --set-xmark 0x3/0xff\n-A PREROUTING -j CONNMARK --restore-mark --nfmask 0x1 --ctmask 0x1',
    '0x1',
  );
  assert.is(restored, 'dropped');
});

/** A chain at forward, and what becomes of a client from outside. */
const NFT: readonly [rule: string, path: Prediction['path']][] = [
  ['tcp dport 6379 drop', 'dropped'],
  ['icmp type echo-request drop', 'dnat'],
  ['ct original proto-dst 6379 drop', 'dropped'],
  ['ct original ip daddr 198.51.100.1 ct status dnat drop', 'dropped'],
  ['tcp flags & (fin | syn | rst | ack) == syn drop', 'dropped'],
  ['tcp flags & (fin | syn | rst | ack) != syn drop', 'dropped'],
  ['tcp flags syn / fin,syn,rst,ack drop', 'dropped'],
  ['tcp dport >= 6000 drop', 'dropped'],
  ['ip daddr . tcp dport { 172.17.0.2 . 6379, 10.0.0.1 . 1 } drop', 'dropped'],
  ['ip daddr . tcp dport != { 172.17.0.2 . 6379 } drop', 'dropped'],
  ['tcp dport vmap { 1-99 : drop, 6000-7000 : drop }', 'dropped'],
  ['numgen random mod 2 vmap { 0 : drop, 1 : accept }', 'unknown'],
  ['queue num 0', 'unknown'],
  ['tcp dport 6379 queue flags bypass to 0', 'unknown'],
  ['udp dport 6379 queue num 0', 'dnat'],
  ['fib saddr . iif oif missing drop', 'dnat'],
  ['reject with tcp reset', 'refused'],
  ['meta pkttype != host drop', 'dnat'],
  ['ip protocol tcp flow add @f', 'dnat'],
  ['meta mark set 0x7 meta mark 0x7 drop', 'dropped'],
  ['meta mark set jhash ip saddr mod 16 meta mark 0x7 drop', 'unknown'],
  ['xt match "string" drop', 'unknown'],
  ['xt target "NFQUEUE"', 'unknown'],
  ['ip daddr 172.17.0.2 counter packets 0 bytes 0 # xt_NFQUEUE', 'unknown'],
  ['ip saddr @nowhere drop', 'unknown'],
];

for (const [rule, path] of NFT) {
  test(`nft: ${rule} is ${path}`, () => {
    const chain = `chain f { type filter hook forward priority 10; policy accept;\n${rule}\n}`;
    const prediction = outsideWithNft(chain);
    assert.is(prediction.path, path, prediction.why);
  });
}

test('nft: destinations from maps, by lot, and the priorities of chains for NAT', () => {
  const nat = (priority: string, rule: string): Prediction =>
    outsideWithNft(`chain n { type nat hook prerouting priority ${priority};\n${rule}\n}`);
  const map = 'dnat ip addr . port to tcp dport map { 6379 : 172.17.0.4 . 80 }';
  assert.is(nat('dstnat - 5', map).target, '172.17.0.4:80', 'before Docker');
  assert.is(nat('dstnat + 5', map).target, '172.17.0.2:6379', 'after Docker');
  assert.is(nat('-300', map).target, '172.17.0.4:80');
  assert.is(nat('dstnat', map).path, 'unknown', 'which of the two is first, nothing tells');
  assert.match(nat('dstnat', map).why, 'registered its chain for NAT first');
  const lot = nat('-101', 'dnat ip to numgen random mod 2 map { 0 : 172.17.0.4, 1 : 172.17.0.2 }');
  assert.is(lot.path, 'unknown', 'one of them does not answer');
  // A chain for filters that runs before all NAT, and asks for what NAT will do.
  const raw = 'chain r { type filter hook prerouting priority raw; ct status dnat drop; }';
  assert.is(outsideWithNft(raw).path, 'dnat');
});

test('iptables -S, with and without counters', () => {
  const saved = readRules(PROXY).split('\n');
  const listed = saved.flatMap((line) => {
    const chain = /^:(\S+) (\S+) \[(\d+):(\d+)\]/.exec(line);
    if (chain) return [chain[2] === '-' ? `-N ${chain[1]}` : `-P ${chain[1]} ${chain[2]}`];
    const rule = line.replace(/^\[\S+\] /, '');
    return rule.startsWith('-A') ? [rule] : [];
  });
  const rules = parseSaved(listed.join('\n'), 'listed');
  assert.equal(listSteps(rules), listSteps(loadRules(PROXY)));
  assert.is(outside(rules).path, 'dnat');
  const counted = parseSaved(
    '-P INPUT ACCEPT -c 7 70\n-P FORWARD DROP -c 0 0\n-P OUTPUT ACCEPT -c 1 2\n-A INPUT -p tcp -c 12 720 -j DROP',
    'x',
  );
  const [chain] = counted.tables[0]?.chains ?? [];
  assert.is(chain?.packets, 7);
  assert.is(chain?.rules[0]?.packets, 12);
  assert.is(counted.tables[0]?.name, 'filter');
});

function failure(text: string): string {
  try {
    parseSaved(text, 'FILE');
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no failure';
}

test('what is no rule set says so, with its line', () => {
  assert.match(
    failure('Chain INPUT (policy ACCEPT)\ntarget prot opt'),
    'line 1: this is what iptables -L prints',
  );
  assert.match(
    failure('-N DOCKER-USER\n-A DOCKER-USER -j RETURN'),
    'line 2: these are single chains',
  );
  assert.match(failure('*nat\n:A - [0:0]\n*filter'), 'line 3: table nat does not end with COMMIT');
});

test('legacy, nft and IPv6 one after the other, with and without their headers', () => {
  const own = readRules(PROXY);
  const legacy = `# Generated by iptables-save v1.8.9 (legacy)\n*filter\n:FORWARD DROP [0:0]\nCOMMIT\n`;
  const both = parseSaved(legacy + own, 'both');
  assert.is(both.tables[0]?.backend, 'iptables-legacy');
  assert.is(outside(both).path, 'dropped', 'the policy of the legacy table holds too');
  const bare = own.replace(/^#.*\n/gm, '');
  const six = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';
  const stacked = parseSaved(bare + six, 'stacked');
  assert.equal([...new Set(stacked.tables.map(({ family }) => family))], ['ip', 'ip6']);
  assert.is(outside(stacked).path, 'dnat');
  assert.match(stacked.notes.join(), 'taken for those of ip6tables');
  const windows = parseSaved(`\uFEFF${own.replaceAll('\n', '\r\n')}`, 'windows');
  assert.equal(listSteps(windows), listSteps(loadRules(PROXY)));
});

test('two backends that translate to different targets: which is first, nothing tells', () => {
  const legacy = [
    '# Generated by iptables-save v1.8.9 (legacy)',
    ...['*nat', ':PREROUTING ACCEPT [0:0]'],
    '-A PREROUTING -p tcp --dport 6379 -j DNAT --to-destination 172.17.0.9:6379',
    'COMMIT\n',
  ].join('\n');
  const prediction = outside(parseSaved(legacy + readRules(PROXY), 'both'));
  assert.is(prediction.path, 'unknown');
  assert.match(prediction.why, 'iptables-legacy (table nat) or iptables-nft (table nat)');
  const same = outside(parseSaved(legacy.replace('0.9:', '0.2:') + readRules(PROXY), 'both'));
  assert.is(same.path, 'dnat', 'stale rules that say the same change nothing');
});

test.run();
