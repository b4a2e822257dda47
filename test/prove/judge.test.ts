/**
 * The judge's table: for each row what shows the path, what refutes it and what lowers it, and the answer where none
 * shows.
 */
import * as assert from 'uvu/assert';
import type { Claim, ClaimCode, ClaimFacts } from '../../src/model/claim.js';
import type {
  TraceCoverage,
  Doubt,
  Ending,
  ConnectionFacts,
  Judgement,
  RelayFacts,
  Taken,
} from '../../src/model/judgement.js';
import { judge } from '../../src/prove/judge/judge.js';
import { writeReason } from '../../src/words/reasons.js';
import { suite } from '../support/suite.js';

const test = suite('judge');

const CLIENT = { address: '198.51.100.2', port: 40_000 };
const DIALLED = { address: '198.51.100.1', port: 8080 };
const INSIDE = { address: '172.17.0.2', port: 80 };
const PROCESS = { pid: 7, command: 'nginx' };

const WHOLE: TraceCoverage = { sealed: true, lostEvents: 0, truncated: false, notes: [] };
const LOST: TraceCoverage = { ...WHOLE, lostEvents: 3 };
const SKIPPED: TraceCoverage = { ...WHOLE, skippedRuns: 5 };
const UNSEALED: TraceCoverage = { ...WHOLE, sealed: false };

function claim<Code extends ClaimCode>(
  code: Code,
  holds: boolean | null,
  facts: ClaimFacts[Code],
  absence?: Claim['absence'],
): Claim {
  return { code, holds, events: [], facts, ...(absence && { absence }) } as unknown as Claim;
}

const REWRITTEN = claim('nat-rewritten', true, {
  by: 'conntrack',
  from: DIALLED,
  to: INSIDE,
  hook: 'PREROUTING',
});
const UNTOUCHED = claim('nat-rewritten', false, {
  by: 'conntrack',
  from: null,
  to: null,
  hook: null,
});
const NOBODY = claim(
  'host-accepted',
  false,
  { protocol: 'tcp', taken: null, before: false },
  'events',
);
const ADDRESSED = claim('container-addressed', true, { server: INSIDE, owner: 'web' });
const ENTERED = claim('entered-container', true, { to: INSIDE, at: null });
const NOT_ENTERED = claim('entered-container', false, { to: INSIDE, at: null }, 'packets');
const UNHEARD = claim('nothing-listened', true, { server: DIALLED });

const ANSWERED: Ending = { outcome: 'answered', shown: true, course: null };
const REFUSED: Ending = { outcome: 'refused', shown: true, course: null };
const DROPPED: Ending = { outcome: 'dropped', shown: true, course: null };

const BASE: ConnectionFacts = {
  seenBy: 'host',
  protocol: 'tcp',
  client: CLIENT,
  server: DIALLED,
  destination: INSIDE,
  begun: true,
  claims: [],
  dialler: null,
  fromHost: false,
  redirect: null,
  taken: null,
  relay: null,
  tunnel: null,
  stopped: false,
  endings: { whole: ANSWERED, lossy: ANSWERED },
  wire: null,
};

const TAKEN: Taken = {
  process: PROCESS,
  container: null,
  answers: true,
  doubts: [{ code: 'elsewhere-unwatched' }],
};
const ALONE = claim('host-alone', true, { process: PROCESS }, 'events');

const RELAY: RelayFacts = {
  process: { pid: 9, command: 'socat' },
  listens: null,
  isDockerProxy: false,
  guessed: false,
  maybePortCheck: false,
  legs: [],
  doubts: [],
};

function weigh(facts: Partial<ConnectionFacts>, coverage = WHOLE): Judgement {
  return judge({ ...BASE, ...facts }, coverage).judgement;
}

/** `dnat proven`, `dnat likely: events-lost`, `unknown: contradiction`. */
function told(facts: Partial<ConnectionFacts>, coverage = WHOLE): string {
  const judgement = weigh(facts, coverage);
  if (judgement.path === 'unknown') {
    return `unknown: ${judgement.because.map(({ code }) => code).join()}`;
  }
  const { path, proof, doubts } = judgement;
  return `${path} ${proof}${doubts.length > 0 ? `: ${doubts.map(({ code }) => code).join()}` : ''}`;
}

const ends = (ending: Ending): Pick<ConnectionFacts, 'endings'> => ({
  endings: { whole: ending, lossy: ending },
});

test('a rewriting shows dnat, unless it leads to the host itself', () => {
  const claims = [REWRITTEN];
  assert.is(told({ claims }), 'dnat proven');
  assert.is(told({ claims: [UNTOUCHED, NOBODY] }), 'unknown: went-nowhere');
  const tunnel = { kind: 'vxlan', id: 4097, device: 'vxlan0' } as const;
  const left = { ...tunnel, way: 'left' } as const;
  const came = { ...tunnel, way: 'came' } as const;
  assert.is(told({ claims: [UNTOUCHED, NOBODY], tunnel: left }), 'unknown: other-host');
  // It came here and went nowhere: that this host knows.
  assert.is(told({ claims: [UNTOUCHED, NOBODY], tunnel: came }), 'unknown: went-nowhere');
  assert.is(told({ claims: [UNTOUCHED, NOBODY, ENTERED], tunnel: came }), 'unknown: other-host');
  assert.is(told({ claims: [UNTOUCHED, NOBODY, ENTERED], tunnel: left }), 'unknown: entry-unseen');
  const redirect = { from: DIALLED, to: { ...DIALLED, port: 81 }, hook: null };
  assert.is(told({ claims, redirect }), 'unknown: redirect-untaken');
});

test('what the trace lacks lowers every path of the host, and is named', () => {
  const claims = [REWRITTEN];
  assert.is(told({ claims }, LOST), 'dnat likely: events-lost');
  assert.is(told({ claims }, UNSEALED), 'dnat likely: not-whole');
  assert.is(told({ claims }, { ...WHOLE, truncated: true }), 'dnat likely: not-whole');
  const hidden = { ...ANSWERED, shown: false };
  assert.is(told({ claims, ...ends(hidden) }, SKIPPED), 'dnat likely: runs-skipped');
  assert.is(told({ claims }, SKIPPED), 'dnat proven', 'where it shows by itself');
  assert.is(told({ claims, begun: false }), 'dnat proven');
  assert.is(told({ claims, begun: false, ...ends(hidden) }), 'dnat likely: older-than-trace');
});

test('how it ended is taken from what holds where packets may be missing', () => {
  const endings = { whole: ANSWERED, lossy: DROPPED };
  const outcome = (coverage: TraceCoverage): string =>
    judge({ ...BASE, endings }, coverage).ending.outcome;
  assert.is(outcome(WHOLE), 'answered');
  for (const coverage of [LOST, SKIPPED, UNSEALED]) assert.is(outcome(coverage), 'dropped');
});

test('what rests on an absence stands only where a presence would have been reported', () => {
  const claims = [NOBODY, NOT_ENTERED, ALONE];
  const answers = (coverage: TraceCoverage): (boolean | null)[] =>
    judge({ ...BASE, claims }, coverage).claims.map(({ holds }) => holds);
  assert.equal(answers(WHOLE), [false, false, true, true]);
  assert.equal(answers(LOST), [null, null, null, false]);
  assert.equal(answers(SKIPPED), [false, null, true, true], 'packets only');
});

test('a relay: docker-proxy by what it is; its own doubts lower it', () => {
  assert.is(told({ relay: RELAY }), 'relay proven');
  assert.is(told({ relay: { ...RELAY, isDockerProxy: true } }), 'docker-proxy proven');
  const doubts: Doubt[] = [{ code: 'nothing-moved' }];
  assert.is(told({ relay: { ...RELAY, doubts } }), 'relay likely: nothing-moved');
  assert.is(told({ relay: { ...RELAY, doubts } }, LOST), 'relay likely: events-lost,nothing-moved');
});

test('docker-proxy that was asked nothing, and whose own leg was not seen, is not proven to have an unanswered client', () => {
  const relay = { ...RELAY, isDockerProxy: true, maybePortCheck: true };
  const silent = ends({ ...ANSWERED, outcome: 'unanswered' });
  assert.is(told({ relay, ...silent }), 'docker-proxy likely: dial-unseen');
  assert.is(told({ relay }), 'docker-proxy proven');
  assert.is(told({ relay: { ...relay, maybePortCheck: false }, ...silent }), 'docker-proxy proven');
});

test('a relay that was found by likeness is none where events were lost', () => {
  const relay = { ...RELAY, guessed: true };
  assert.is(told({ relay }), 'relay proven');
  assert.is(told({ relay }, SKIPPED), 'relay proven');
  assert.is(told({ relay }, LOST), 'unknown: events-lost');
  assert.is(told({ relay, claims: [REWRITTEN] }, LOST), 'dnat likely: events-lost');
});

test('evidence for two paths is for none', () => {
  const facts = { claims: [REWRITTEN], relay: RELAY };
  assert.is(told(facts), 'unknown: contradiction');
  const reason = writeReason(judge({ ...BASE, ...facts }, WHOLE));
  assert.is(reason, 'there is evidence for dnat and for relay at once');
});

test('a process of the host: only where nothing was lost, and alone only where that was watched', () => {
  const facts = { taken: TAKEN, claims: [ALONE] };
  assert.is(told(facts), 'host proven');
  assert.is(
    told({ ...facts, claims: [claim('host-alone', null, { process: PROCESS })] }),
    'host likely: elsewhere-unwatched',
  );
  assert.is(told(facts, LOST), 'unknown: events-lost');
  assert.is(told({ ...facts, relay: RELAY }), 'relay proven', 'it hands on');
  assert.is(told(facts, SKIPPED), 'host proven');
});

test('the host refuses by itself, or a rule of it does', () => {
  const claims = [UNHEARD];
  assert.is(told({ claims, ...ends(REFUSED) }), 'host proven');
  assert.is(told({ claims, ...ends(DROPPED) }), 'unknown: decider-unseen');
  assert.is(told({ claims, ...ends(REFUSED), relay: RELAY }), 'relay proven');
  const stops = (holds: boolean | null): Partial<ConnectionFacts> => ({
    claims: [claim('stopped-at-host', holds, { server: DIALLED })],
    stopped: true,
  });
  assert.is(told({ ...stops(true), ...ends(DROPPED) }), 'host proven');
  assert.is(told({ ...stops(null), ...ends(DROPPED) }), 'unknown: decider-unseen');
  assert.is(told({ ...stops(true), ...ends(ANSWERED) }), 'unknown: decider-unseen');
  assert.is(told({ ...stops(true), stopped: false, ...ends(DROPPED) }), 'unknown: decider-unseen');
  const end = { by: 'host', how: 'rst', rule: null, cause: 'rejected' } as const;
  const course = { end, drop: null, handshake: null, stall: null, reached: null };
  const rejected = ends({ ...REFUSED, course });
  assert.is(told({ ...stops(true), ...rejected }), 'host proven');
  assert.is(told({ ...stops(null), ...rejected }), 'host likely: nat-not-asked');
});

test('a container’s own address: what was dialled has to be known, and no relay may have dialled it', () => {
  const dialler = { ...PROCESS, isRelay: false };
  const claims = [ADDRESSED, ENTERED];
  assert.is(told({ claims, dialler }), 'direct proven');
  assert.is(told({ claims }), 'unknown: decider-unseen', 'behind NAT it would look the same');
  assert.is(told({ claims: [UNTOUCHED, ...claims] }), 'direct proven');
  assert.is(told({ claims, dialler, protocol: 'udp' }), 'unknown: decider-unseen');
  assert.is(told({ claims, dialler, taken: TAKEN }), 'host likely: elsewhere-unwatched');
  const own = { claims, fromHost: true };
  assert.is(told({ ...own, dialler }), 'direct proven');
  assert.is(told({ ...own, dialler: { ...dialler, isRelay: true } }), 'unknown: may-be-relays-own');
  assert.is(told({ ...own, dialler }, LOST), 'unknown: events-lost,may-be-relays-own');
  assert.is(
    told({ ...own, protocol: 'udp', dialler, claims: [UNTOUCHED, ...claims] }),
    'unknown: may-be-relays-own',
  );
  assert.is(told({ ...own, protocol: 'udp', claims: [UNTOUCHED, ...claims] }), 'direct proven');
});

test('a packet that was not seen at its container, where somebody else may have taken it', () => {
  const open = claim('host-accepted', null, { protocol: 'tcp', taken: null, before: false });
  const dialler = { ...PROCESS, isRelay: false };
  assert.is(
    told({ dialler, claims: [ADDRESSED, NOT_ENTERED, open] }),
    'direct likely: container-unseen',
  );
  assert.is(told({ dialler, claims: [ADDRESSED, NOT_ENTERED, NOBODY] }), 'direct proven');
  assert.is(told({ dialler, claims: [ADDRESSED, ENTERED, open] }), 'direct proven');
});

test('nothing shows a path: what the trace lacks, or how far it went', () => {
  assert.is(told({}), 'unknown: decider-unseen');
  assert.is(told({ claims: [NOBODY, ENTERED] }), 'unknown: entry-unseen');
  assert.is(told({ claims: [NOBODY, NOT_ENTERED] }), 'unknown: went-nowhere');
  assert.is(told({ begun: false }), 'unknown: older-than-trace');
  assert.is(told({}, UNSEALED), 'unknown: not-whole');
  assert.is(
    told({ begun: false }, { ...LOST, sealed: false }),
    'unknown: events-lost,older-than-trace',
  );
});

const WIRE: Partial<ConnectionFacts> = {
  seenBy: 'wire',
  wire: {
    disputed: false,
    lacksBytes: false,
    halfOpen: false,
    isLocal: false,
    open: false,
    behindBridge: false,
    routedTtl: null,
  },
};
const CAPTURED = claim('nat-rewritten', true, {
  by: 'addresses',
  from: DIALLED,
  to: INSIDE,
  hook: null,
});
const equal = (holds: true | null, thin = false, protocol: 'tcp' | 'udp' = 'tcp'): Claim =>
  claim('streams-equal', holds, { protocol, request: 'equal', reply: 'equal', thin });

test('captures: packets under two destinations, however much else is missing', () => {
  const between = (doubt: ClaimFacts['machine-between']['doubt']): Claim =>
    claim('machine-between', doubt === null ? true : null, { doubt });
  assert.is(told({ ...WIRE, claims: [CAPTURED, between(null)] }), 'dnat proven');
  assert.is(told({ ...WIRE, claims: [CAPTURED, between(null)] }, LOST), 'dnat proven');
  assert.is(told({ ...WIRE, claims: [CAPTURED, between('one-way')] }), 'dnat likely: rewriting');
});

test('captures: two legs are a relay’s; what the capture lacks lowers that', () => {
  const nested = (holds: true | null): Claim =>
    claim('handshakes-nested', holds, { from: CLIENT, to: INSIDE });
  const only = (holds: true | null): Claim => claim('only-pairing', holds, {});
  const own = (holds: true | null): Claim => claim('content-own', holds, { own: null });
  const relay = { ...RELAY, process: null };
  const all = [equal(true), nested(true), only(true), own(true)];
  assert.is(told({ ...WIRE, relay, claims: all }), 'relay proven');
  assert.is(told({ ...WIRE, relay, claims: all }, LOST), 'relay likely: not-whole');
  assert.is(
    told({ ...WIRE, relay, claims: [equal(null), nested(null), only(null), own(null)] }),
    'relay likely: bytes-uncompared,older-than-capture,pairing-open,content-common',
  );
  assert.is(
    told({ ...WIRE, relay, claims: [equal(null, true, 'udp')] }),
    'relay likely: few-datagrams',
  );
  assert.is(
    told({ ...WIRE, relay, claims: [equal(null, true)] }),
    'relay likely: bytes-uncompared',
  );
});

test('captures: seen on both sides of a machine it is direct, though packets be missing', () => {
  const crossed = claim('never-rewritten', true, {
    to: INSIDE,
    crossing: 'routed',
    ttl: { first: 64, last: 63 },
  });
  assert.is(told({ ...WIRE, claims: [crossed] }), 'direct proven');
  assert.is(told({ ...WIRE, claims: [crossed] }, LOST), 'direct proven');
});

test('captures: why no path is told, the first reason of all', () => {
  const wire = { ...WIRE.wire } as NonNullable<ConnectionFacts['wire']>;
  const all = {
    ...wire,
    disputed: true,
    lacksBytes: true,
    halfOpen: true,
    isLocal: true,
    open: true,
    behindBridge: true,
    routedTtl: 63,
  };
  assert.is(told({ ...WIRE, wire: all }, LOST), 'unknown: lack-hides');
  assert.is(told({ ...WIRE, wire: all }), 'unknown: disputed');
  assert.is(told({ ...WIRE, wire: { ...all, disputed: false } }), 'unknown: bytes-missing');
  assert.is(told({ ...WIRE, wire: { ...wire, halfOpen: true } }), 'unknown: half-open');
  assert.is(told({ ...WIRE, ...ends(REFUSED) }), 'unknown: refused');
  assert.is(told({ ...WIRE, ...ends(DROPPED) }), 'unknown: silent');
  assert.is(
    told({ ...WIRE, wire: { ...wire, isLocal: true, open: true } }),
    'unknown: seen-at-sender',
  );
  assert.is(
    told({ ...WIRE, wire: { ...wire, open: true, behindBridge: true } }),
    'unknown: coincidence',
  );
  assert.is(
    told({ ...WIRE, wire: { ...wire, behindBridge: true, routedTtl: 63 } }),
    'unknown: behind-bridge',
  );
  assert.is(told({ ...WIRE, wire: { ...wire, routedTtl: 63 } }), 'unknown: routed-before');
  assert.is(told(WIRE), 'unknown: one-place');
});

test.run();
