/** Rules that packets met, out of the lines of `nft monitor trace` as nft 1.0.6 wrote them on Linux 6.18. */
import * as assert from 'uvu/assert';
import { findTraceSocket } from '../../src/capture/nftrace/netlink.js';
import { RuleTraceReader } from '../../src/capture/nftrace/parse.js';
import { isTableWhole, writeTraceTable } from '../../src/capture/nftrace/ruleset.js';
import type { RuleTrace } from '../../src/model/rule-trace.js';
import { suite } from '../support/suite.js';

const test = suite('rule traces');

const HEADERS =
  'ip saddr 127.0.0.1 ip daddr 127.0.0.9 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 47146 ip protocol tcp ip length 60 tcp sport 42972 tcp dport 8080 tcp flags == syn tcp window 65495 ';
const SEEN = [
  `trace id 5b1144d6 inet trace-flow-99 output packet: oif "lo" ${HEADERS}`,
  'trace id 5b1144d6 inet trace-flow-99 output rule tcp dport { 6379, 8080 } meta nftrace set 1 (verdict continue)',
  'trace id 5b1144d6 inet trace-flow-99 output policy accept ',
  `trace id 5b1144d6 ip nat OUTPUT packet: oif "lo" ${HEADERS}`,
  'trace id 5b1144d6 ip nat OUTPUT rule fib daddr type local counter packets 7 bytes 420 jump DOCKER (verdict jump DOCKER)',
  'trace id 5b1144d6 ip nat DOCKER rule ip daddr 127.0.0.9 tcp dport 8080  counter packets 0 bytes 0 dnat to 127.0.0.1:6379 (verdict accept)',
  'trace id 5b1144d6 inet trace-flow-100 output policy accept ', // another trace's
  'trace id 5b1144d6 ip filter OUTPUT policy accept ',
];

function read(lines: readonly string[]): readonly RuleTrace[] {
  const reader = new RuleTraceReader('trace-flow-99');
  for (const [index, line] of lines.entries()) reader.read(line, 1000 + index);
  return reader.traces;
}

test('a packet has the addresses that it came with, and its rules in order', () => {
  const [one, ...more] = read(SEEN);
  assert.equal(more, []);
  assert.equal(one?.source, { address: '127.0.0.1', port: 42972 });
  assert.equal(one?.destination, { address: '127.0.0.9', port: 8080 });
  assert.is(one?.protocol, 'tcp');
  assert.is(one?.wall, 1000);
  assert.equal(one?.met, [
    {
      family: 'ip',
      table: 'nat',
      chain: 'OUTPUT',
      verdict: 'jump DOCKER',
      rule: 'fib daddr type local counter jump DOCKER',
    },
    {
      family: 'ip',
      table: 'nat',
      chain: 'DOCKER',
      verdict: 'accept',
      rule: 'ip daddr 127.0.0.9 tcp dport 8080 counter dnat to 127.0.0.1:6379',
    },
    { family: 'ip', table: 'filter', chain: 'OUTPUT', rule: null, verdict: 'accept' },
  ]);
});

test('a number that comes again is another packet; IPv6 and UDP are read', () => {
  const headers =
    'iif "lo" ip6 saddr ::1 ip6 daddr ::1 ip6 nexthdr udp ip6 length 20 udp sport 500 udp dport 53 ';
  const traces = read([
    ...SEEN,
    `trace id 5b1144d6 inet trace-flow-99 prerouting packet: ${headers}`,
    'trace id 5b1144d6 ip6 filter INPUT rule udp dport 53 counter packets 0 bytes 0 drop (verdict drop)',
  ]);
  assert.is(traces.length, 2);
  assert.is(traces[0]?.met.length, 3);
  assert.equal(traces[1]?.destination, { address: '::1', port: 53 });
  assert.is(traces[1]?.protocol, 'udp');
  assert.equal(
    traces[1]?.met.map(({ rule, verdict }) => [rule, verdict]),
    [['udp dport 53 counter drop', 'drop']],
  );
});

test('what is no trace, or of no packet that was marked here, is passed over', () => {
  const strange = ['', 'nonsense', 'trace id', ...SEEN.slice(4)];
  assert.equal(read(strange), []);
});

test('the table marks first packets before anything else, and belongs to who made it', () => {
  const text = writeTraceTable('trace-flow-7', { ports: [8080, 6379], protocol: 'tcp' });
  assert.match(text, /^create table inet trace-flow-7 \{ flags owner; \}\n/);
  assert.is(text.match(/tcp dport \{ 8080, 6379 \}/g)?.length, 2);
  assert.not.match(text, /udp/);
  assert.not.match(text, /drop|accept; [^}]|dnat/);
  assert.ok(isTableWhole(text, { ports: [1], protocol: 'tcp' }));
  assert.not.ok(isTableWhole(text, { ports: [1], protocol: 'all' }), 'two more rules are to come');
  assert.not.match(writeTraceTable('t', { ports: [53], protocol: 'udp' }), /tcp dport/);
});

test('the socket that listens is told from others of the process and of others', () => {
  const text = [
    'sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode',
    '00000000c5c0b0b0 12  2001       00000000 0        0        0     2        0        100',
    '00000000c5c0b0b1 12  3454       00000100 96       0        0     2        3        101',
    '00000000c5c0b0b2 0   2001       00000101 0        0        0     2        0        102',
  ].join('\n');
  assert.equal(findTraceSocket(text, new Set(['101'])), { waiting: 96, dropped: 3 });
  assert.is(findTraceSocket(text, new Set(['100', '102'])), null);
});

test.run();
