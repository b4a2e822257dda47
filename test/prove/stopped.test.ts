/** Connections that a rule stops at the host's own address end at the host, where NAT left it unchanged. */
import * as assert from 'uvu/assert';
import { TCP } from '../../src/model/event.js';
import type { Connection } from '../../src/model/report.js';
import type { RuleTrace } from '../../src/model/rule-trace.js';
import { attributeRules } from '../../src/prove/hops/rules-met.js';
import { CLIENT, LiveScene, PUBLISHED, type Death } from '../support/live-scene.js';
import { suite } from '../support/suite.js';

const test = suite('stopped at the host');

/** SRC_NAT_DONE and DST_NAT_DONE, as the kernel has set them when INPUT is asked. */
const BEHIND_NAT = 0x180;
const BEFORE_NAT = 0x80;

const dies = (status?: number): Death => ({
  reason: 'NETFILTER_DROP',
  function: 'nft_do_chain',
  after: 1,
  ...(status !== undefined && { status }),
});
const syn = (status?: number) => ({ flags: TCP.SYN, seq: 100, dies: dies(status) });

/** The reset of a rule goes before the packet is thrown away: the same call does both. */
function rejected(status?: number, way: 'host' | 'dnat' = 'host'): LiveScene {
  const scene = new LiveScene(way).request({ flags: TCP.SYN, seq: 100, dies: dies(status) });
  const drop = scene.events.pop();
  scene.forged({ flags: TCP.RST | TCP.ACK, seq: 0, ack: 101 });
  if (!drop) throw new Error('nothing died');
  return scene.add((base) => ({ ...drop, ...base }));
}

const verdict = ({ path, proof, outcome }: Connection): string => `${path} ${proof} ${outcome}`;

test('a reset of a rule in INPUT: it ends at the host, which refused it by a rule', () => {
  const one = rejected(BEHIND_NAT).tell();
  assert.is(verdict(one), 'host proven refused');
  assert.equal(one.end, { by: 'host', how: 'rst', rule: null, cause: 'rejected' });
  assert.match(one.reason, "came to the host's own 198.51.100.1:8080 and no further");
  assert.match(one.reason, 'a rule of the host reset it');
  assert.is(one.evidence.find(({ code }) => code === 'stopped-at-host')?.holds, true);
});

test('without a word of NAT it is likely, and the reason says so', () => {
  for (const status of [undefined, BEFORE_NAT]) {
    const one = rejected(status).tell();
    assert.is(verdict(one), 'host likely refused', String(status));
    assert.match(one.reason, 'whether NAT would have sent it on was not seen');
    assert.is(one.evidence.find(({ code }) => code === 'stopped-at-host')?.holds, null);
  }
});

test('a rule that drops it behind NAT shows the same; before NAT nobody knows where it was going', () => {
  assert.is(verdict(new LiveScene('host').request(syn(BEHIND_NAT)).tell()), 'host proven dropped');
  for (const status of [undefined, BEFORE_NAT]) {
    const one = new LiveScene('host').request(syn(status)).tell();
    assert.is(verdict(one), 'unknown inconclusive dropped', String(status));
  }
});

test('datagrams alike', () => {
  const dead = (status: number) => ({ flags: 0, seq: 0, length: 9, dies: dies(status) });
  const tell = (status: number): string =>
    verdict(new LiveScene('host', 'udp').request(dead(status)).tell());
  assert.equal(
    [tell(BEHIND_NAT), tell(BEFORE_NAT)],
    ['host proven dropped', 'unknown inconclusive dropped'],
  );
});

test('only of the first packet, by a rule, and where the connection ended so', () => {
  const later = new LiveScene('host')
    .request({ flags: TCP.SYN, seq: 100 })
    .request({ flags: TCP.ACK, seq: 101, ack: 5, dies: dies(BEHIND_NAT) });
  assert.is(later.tell().path, 'unknown');
  const other = { ...dies(BEHIND_NAT), reason: 'NO_SOCKET' };
  const claims = new LiveScene('host').request({ flags: TCP.SYN, seq: 100, dies: other }).tell();
  assert.is(
    claims.evidence.find(({ code }) => code === 'stopped-at-host'),
    undefined,
  );
  // The first attempt died, the second got through: whoever took it was not seen.
  const through = new LiveScene('host')
    .request(syn(BEHIND_NAT))
    .request({ flags: TCP.SYN, seq: 100 })
    .reply({ flags: TCP.SYN | TCP.ACK, seq: 900, ack: 101 })
    .request({ flags: TCP.ACK, seq: 101, ack: 901 });
  assert.equal([through.tell().path, through.tell().outcome], ['unknown', 'answered']);
});

test('what was sent on does not end at the host', () => {
  const one = new LiveScene('dnat').request({ flags: TCP.SYN, seq: 100, dies: dies() }).tell();
  assert.is(verdict(one), 'dnat proven dropped');
});

test('in a trace that lost events it is not proven', () => {
  const one = rejected(BEHIND_NAT).tell({ lostEvents: 3, sealed: false });
  assert.equal([one.path, one.proof], ['host', 'likely']);
});

/** What nft told of the first packet: the rules that it met. */
function met(one: Connection, ...rules: [rule: string | null, verdict: string][]): RuleTrace {
  return {
    wall: Number(BigInt(one.hops[0]?.time ?? '0') / 1_000_000n) + 3,
    protocol: one.protocol,
    source: CLIENT,
    destination: PUBLISHED,
    met: rules.map(([rule, verdict]) => ({
      family: 'inet',
      table: 'filter',
      chain: 'input',
      rule,
      verdict,
    })),
  };
}

const named = (one: Connection, ...traces: RuleTrace[]): string | null | undefined =>
  attributeRules([one], traces)[0]?.end.rule;

test('--trace-rules names the rule that rejected or dropped it', () => {
  const dropped = new LiveScene('host').request(syn(BEHIND_NAT)).tell();
  const udp = new LiveScene('host', 'udp')
    .request({ flags: 0, seq: 0, length: 9, dies: dies(BEHIND_NAT) })
    .tell();
  for (const one of [rejected(BEHIND_NAT).tell(), dropped, udp]) {
    assert.is(named(one, met(one, ['ct state new', 'continue'], ['reject', 'drop'])), 'reject');
    // On loopback it passes the rules twice.
    const twice = [met(one, ['out', 'accept']), met(one, ['in drop', 'drop'])];
    assert.is(named(one, ...twice), 'in drop');
    assert.is(named(one, met(one, ['in', 'accept'])), null);
    // A policy is no rule.
    assert.is(named(one, met(one, [null, 'drop'])), null);
  }
});

test('a rule that met the first packet is not blamed for the end of a later one', () => {
  const syn = { flags: TCP.SYN, seq: 100 };
  const opened = new LiveScene('host').request(syn).tell();
  assert.is(named(opened, met(opened, ['x', 'drop'])), null, 'unanswered');
  const cut: Connection = {
    ...rejected(BEHIND_NAT).tell(),
    outcome: 'reset',
  };
  assert.is(named(cut, met(cut, ['x', 'drop'])), null, 'a later packet was reset');
  const base = new LiveScene('host').request({ ...syn, dies: dies(BEHIND_NAT) }).tell();
  assert.ok(base.drop);
  for (const drop of [
    { ...base.drop, packet: 'data' as const },
    { ...base.drop, flow: 'reply' as const },
    { ...base.drop, leg: 'container' as const },
  ]) {
    assert.is(named({ ...base, drop }, met(base, ['x', 'drop'])), null, JSON.stringify(drop));
  }
  const known: Connection = { ...base, end: { ...base.end, rule: 'as predicted' } };
  assert.is(named(known, met(base, ['x', 'drop'])), 'as predicted');
});

test.run();
