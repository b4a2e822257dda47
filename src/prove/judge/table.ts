/** The judge's table: what shows each path, what refutes it, and what lowers it from proven to likely. */
import type { ClaimCode, ClaimOf } from '../../model/claim.js';
import type { Doubt, ConnectionFacts, Showing } from '../../model/judgement.js';
import type { Path } from '../../model/verdict.js';
import { isComplete, type Settled } from '../coverage/coverage.js';

/** A condition on one connection's settled facts. */
type Condition = (settled: Settled) => boolean;

export interface JudgeRow {
  readonly by: Showing;
  readonly path: (facts: ConnectionFacts) => Path;
  /** All of these show the path … */
  readonly needs: readonly Condition[];
  /** … unless one of these holds. */
  readonly refutedBy: readonly Condition[];
  /** Counts only where nothing shows another path. */
  readonly yields?: boolean;
  /** The sources for which the proof also rests on absences, so that an incomplete trace lowers it. */
  readonly needsWhole: readonly ConnectionFacts['seenBy'][];
  /** What else lowers the proof. */
  readonly lowers: (settled: Settled) => readonly Doubt[];
}

export const TABLE: readonly JudgeRow[] = [
  {
    by: 'rewritten',
    path: () => 'dnat',
    needs: [holds('nat-rewritten')],
    // A rewriting to an address of the host is only the way to a process there.
    refutedBy: [isRedirected],
    needsWhole: ['host'],
    lowers: (settled) => {
      const doubt = findClaim(settled, 'machine-between')?.facts.doubt ?? null;
      return doubt === null ? [] : [{ code: 'rewriting', why: doubt }];
    },
  },
  {
    by: 'relayed',
    path: ({ relay }) => (relay?.isDockerProxy ? 'docker-proxy' : 'relay'),
    needs: [isRelayed],
    refutedBy: [isGuess],
    needsWhole: ['host', 'wire'],
    lowers: (settled) => [...doubtPairing(settled), ...doubtRelay(settled)],
  },
  {
    by: 'taken',
    path: () => 'host',
    // Where events were lost, a relay whose dial was missed looks like a server of the host.
    needs: [isTaken, holds('complete')],
    refutedBy: [isRelayed],
    needsWhole: ['host'],
    lowers: (settled) =>
      answerOf(settled, 'host-alone') === true ? [] : (settled.facts.taken?.doubts ?? []),
  },
  {
    by: 'stopped',
    path: () => 'host',
    needs: [isStopped],
    refutedBy: [isRelayed, isTaken],
    needsWhole: ['host'],
    lowers: (settled) => (isOpen(settled, 'stopped-at-host') ? [{ code: 'nat-not-asked' }] : []),
  },
  {
    by: 'nothing-listened',
    path: () => 'host',
    needs: [holds('nothing-listened'), ({ ending }) => ending.outcome === 'refused'],
    refutedBy: [isRelayed],
    needsWhole: ['host'],
    lowers: () => [],
  },
  {
    by: 'addressed',
    path: () => 'direct',
    // After NAT every packet bears the container's address: the dial has to be known, or that nothing rewrote it.
    needs: [holds('container-addressed'), isDialKnown],
    refutedBy: [isTaken, mayBeRelaysOwn],
    yields: true,
    needsWhole: ['host'],
    lowers: (settled) =>
      isOpen(settled, 'entered-container') && isOpen(settled, 'host-accepted', null)
        ? [{ code: 'container-unseen' }]
        : [],
  },
  {
    by: 'crossed',
    path: () => 'direct',
    needs: [holds('never-rewritten')],
    refutedBy: [],
    yields: true,
    needsWhole: [],
    lowers: () => [],
  },
];

/** The `holds` of a claim; null where it was not made. */
export function answerOf(settled: Settled, code: ClaimCode): boolean | null {
  return findClaim(settled, code)?.holds ?? null;
}

function findClaim<Code extends ClaimCode>(
  { claims }: Settled,
  code: Code,
): ClaimOf<Code> | undefined {
  return claims.find((claim): claim is Extract<typeof claim, ClaimOf<Code>> => claim.code === code);
}

function holds(code: ClaimCode): Condition {
  return (settled) => answerOf(settled, code) === true;
}

/** Whether the claim was made and does not hold; with `answer`, whether its `holds` equals that. */
function isOpen(settled: Settled, code: ClaimCode, answer?: boolean | null): boolean {
  const claim = findClaim(settled, code);
  if (claim === undefined) return false;
  return answer === undefined ? claim.holds !== true : claim.holds === answer;
}

function isRedirected({ facts }: Settled): boolean {
  return facts.redirect !== null;
}

function isRelayed({ facts }: Settled): boolean {
  return facts.relay !== null;
}

function isTaken({ facts }: Settled): boolean {
  return facts.taken !== null;
}

/** Whether the relay is a guess: one that was found by likeness needs a complete trace. */
function isGuess({ facts, coverage }: Settled): boolean {
  return facts.relay?.guessed === true && !isComplete(coverage);
}

/** Whether a rule of the host ended it: by a rejection, or by a drop after NAT. */
function isStopped(settled: Settled): boolean {
  const { facts, ending } = settled;
  if (!facts.stopped) return false;
  if (ending.outcome === 'dropped') return answerOf(settled, 'stopped-at-host') === true;
  return ending.outcome === 'refused' && ending.course?.end.cause === 'rejected';
}

function isDialKnown(settled: Settled): boolean {
  const { protocol, dialler } = settled.facts;
  return (protocol === 'tcp' && dialler !== null) || answerOf(settled, 'nat-rewritten') === false;
}

/** A connection from the host to a container may be a relay's own, unless the process that dialled it is known. */
function mayBeRelaysOwn({ facts, coverage }: Settled): boolean {
  const { fromHost, protocol, dialler } = facts;
  if (!fromHost) return false;
  if (!isComplete(coverage)) return true;
  if (protocol === 'udp') return dialler !== null;
  return dialler === null || dialler.isRelay;
}

/** What a capture leaves open about two paired legs. */
function doubtPairing(settled: Settled): Doubt[] {
  const streams = findClaim(settled, 'streams-equal');
  const thin = streams?.facts.thin === true && streams.facts.protocol === 'udp';
  const doubts: Doubt[] = [];
  if (isOpen(settled, 'streams-equal')) {
    doubts.push({ code: thin ? 'few-datagrams' : 'bytes-uncompared' });
  }
  if (isOpen(settled, 'handshakes-nested')) doubts.push({ code: 'older-than-capture' });
  if (isOpen(settled, 'only-pairing')) doubts.push({ code: 'pairing-open' });
  if (isOpen(settled, 'content-own')) doubts.push({ code: 'content-common' });
  return doubts;
}

/** A relay completes handshakes itself: without a request, only its own leg shows whether the container was reached. */
function doubtRelay({ facts: { relay }, ending }: Settled): readonly Doubt[] {
  if (relay === null) return [];
  return relay.maybePortCheck && ending.outcome === 'unanswered'
    ? [{ code: 'dial-unseen' }]
    : relay.doubts;
}
