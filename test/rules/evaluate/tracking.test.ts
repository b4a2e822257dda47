/** What connection tracking says of one packet: its state, its zone, the bits that rules compare. */
import { TCP_FLAGS } from '../../../src/model/rules.js';
import * as assert from 'uvu/assert';
import {
  createPacket,
  exactAddress,
  UNZONED,
  type TrialPacket,
} from '../../../src/rules/evaluate/packet.js';
import {
  hasConnection,
  stateBits,
  statusBits,
  track,
  trackBefore,
} from '../../../src/rules/evaluate/tracking.js';
import { suite } from '../../support/suite.js';

const test = suite('tracking');

function packet(more: Partial<TrialPacket> = {}): TrialPacket {
  return createPacket({
    family: 4,
    protocol: 'tcp',
    destinationPort: 80,
    source: exactAddress('203.0.113.7'),
    destination: exactAddress('198.51.100.1'),
    ...more,
  });
}

const KNOWN = { zones: UNZONED, answered: false };
const ANSWERED = { zones: UNZONED, answered: true };

function state(more: Partial<TrialPacket>): string {
  const one = packet(more);
  track(one);
  return one.tracking;
}

test('a first packet is new, and makes an entry in its zone', () => {
  const one = packet({ zone: { original: 3, reply: 4 } });
  track(one);
  assert.is(one.tracking, 'new');
  assert.equal(one.entry, { zones: { original: 3, reply: 4 }, answered: false });
});

test('what was looked up, or spared from it, stays as it is', () => {
  assert.equal(
    [state({ tracking: 'untracked' }), state({ tracking: 'established', turn: 'later' })],
    ['untracked', 'established'],
  );
});

test('an answer establishes the connection, and what follows belongs to it', () => {
  const answer = packet({ turn: 'answer', flags: TCP_FLAGS.syn | TCP_FLAGS.ack, entry: KNOWN });
  track(answer);
  assert.equal([answer.tracking, answer.entry?.answered], ['established', true]);
  const later = { turn: 'later', flags: TCP_FLAGS.ack } as const;
  assert.is(state({ ...later, entry: ANSWERED }), 'established');
  assert.is(state({ ...later, entry: KNOWN }), 'invalid', 'it acknowledges what nobody sent');
  assert.is(state({ ...later, entry: KNOWN, protocol: 'udp', flags: 0 }), 'established');
});

test('each direction is looked up in its own zone', () => {
  const entry = { zones: { original: 1, reply: 2 }, answered: true };
  const answer = { turn: 'answer', flags: TCP_FLAGS.ack, entry } as const;
  assert.is(state({ ...answer, zone: { original: 9, reply: 2 } }), 'established');
  assert.is(state({ ...answer, zone: { original: 1, reply: 9 } }), 'new');
  const later = { turn: 'later', flags: TCP_FLAGS.ack, entry } as const;
  assert.is(state({ ...later, zone: { original: 1, reply: 9 } }), 'established');
  assert.is(state({ ...later, zone: { original: 9, reply: 2 } }), 'new');
});

test('in the midst of what it does not know only an acknowledgement begins an entry', () => {
  const unknown = { turn: 'answer', entry: null } as const;
  const flagged = (flags: number): string => state({ ...unknown, flags });
  assert.equal(
    [TCP_FLAGS.ack, TCP_FLAGS.syn | TCP_FLAGS.ack, TCP_FLAGS.rst, TCP_FLAGS.fin].map(flagged),
    ['new', 'invalid', 'invalid', 'new'],
  );
  assert.is(state({ ...unknown, protocol: 'udp', flags: 0 }), 'new');
});

test('a message about a connection is related to it, or to none', () => {
  const message = { turn: 'refusal', icmp: true, flags: 0 } as const;
  assert.is(state({ ...message, entry: KNOWN }), 'related');
  assert.is(state({ ...message, entry: null }), 'invalid');
  const foreign = { zones: { original: 5, reply: 5 }, answered: false };
  assert.is(state({ ...message, entry: foreign }), 'invalid');
});

test('it is looked up before the chains of its priority, at the hooks where packets come from', () => {
  const looked = (hook: Parameters<typeof trackBefore>[0], priority: number): boolean => {
    const one = packet();
    trackBefore(hook, priority, one);
    return one.tracking === 'new';
  };
  assert.equal([looked('prerouting', -200), looked('output', -200)], [true, true]);
  assert.equal([looked('prerouting', -201), looked('output', 0)], [false, true]);
  assert.equal(
    [looked('forward', 0), looked('input', 0), looked('postrouting', 0)],
    [false, false, false],
  );
});

test('only what has an entry has a connection', () => {
  const has = (tracking: TrialPacket['tracking']): boolean => hasConnection(packet({ tracking }));
  assert.equal(
    (['new', 'established', 'related', 'invalid', 'untracked', 'none'] as const).map(has),
    [true, true, true, false, false, false],
  );
});

test('the state as the bits that rules compare', () => {
  const bits = (tracking: TrialPacket['tracking']): number => stateBits(packet({ tracking }));
  assert.equal(
    (['invalid', 'established', 'related', 'new', 'untracked', 'none'] as const).map(bits),
    [1, 2, 4, 8, 64, 1],
  );
});

/** Bits that are known to be set, to be clear, and those of which nobody knows. */
function status(more: Partial<TrialPacket>): string {
  const { known, bits } = statusBits(packet(more));
  const names = ['expected', 'seen-reply', 'assured', 'confirmed', 'snat', 'dnat'];
  return names
    .map(
      (name, i) => `${(known & (1 << i)) === 0 ? '?' : (bits & (1 << i)) === 0 ? '-' : '+'}${name}`,
    )
    .filter((text) => !text.startsWith('-'))
    .join();
}

test('the status: of a first packet nothing is set, but what NAT did', () => {
  assert.is(status({}), '');
  assert.is(status({ dnat: true }), '+dnat');
  assert.is(status({ snat: true }), '+snat');
  assert.is(status({ inDevice: 'lo' }), '?confirmed', 'OUTPUT may have confirmed it');
});

test('the status: an answer was seen, and what follows is assured', () => {
  assert.is(status({ turn: 'answer' }), '+seen-reply,+confirmed');
  assert.is(status({ turn: 'later' }), '+seen-reply,+assured,+confirmed');
  assert.is(status({ turn: 'answer', protocol: 'udp' }), '+seen-reply,?assured,+confirmed');
  assert.is(status({ turn: 'later', protocol: 'udp' }), '+seen-reply,?assured,+confirmed');
  assert.is(status({ turn: 'refusal', icmp: true }), '+confirmed');
  assert.is(status({ turn: 'answer', inDevice: 'lo' }), '+seen-reply,+confirmed');
});

test.run();
