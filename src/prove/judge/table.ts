/** The judge's table: by what each path shows, what refutes that, and what lowers it from proven to likely. */
import type { ClaimCode, ClaimOf } from '../../model/claim.js';
import type { Doubt, ConnectionFacts, Showing } from '../../model/judgement.js';
import type { Path } from '../../model/verdict.js';
import { isComplete, type Settled } from '../coverage/coverage.js';

/** A question to one connection, as far as its trace may be believed. */
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
  /** Where its proof rests on what was not seen as well, so that what the trace lacks lowers it. */
  readonly needsWhole: readonly ConnectionFacts['seenBy'][];
  /** What else lowers it. */
  readonly lowers: (settled: Settled) => readonly Doubt[];
}

export const TABLE: readonly JudgeRow[] = [
  {
    by: 'rewritten',
    path: () => 'dnat',
    needs: [holds('nat-rewritten')],
    // A rewriting that sends it to a process of the host is only the way there.
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
    // Where events were lost, a relay whose dial was missed looks just like a server of the host.
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
    // Behind a NAT every packet bears the container's address: what was dialled has to be known, or that nothing rewrote it.
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

/** True, false or null as the claim does; null where it was not made. */
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

/** The claim was made and does not hold; with `answer`, it is just that. */
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

/** What was found by likeness shows a relay only where all was seen. */
function isGuess({ facts, coverage }: Settled): boolean {
  return facts.relay?.guessed === true && !isComplete(coverage);
}

/** A rule of the host is the end of its way: it has rejected it, or dropped it behind NAT. */
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

/** What a capture leaves open of two legs that it pairs. */
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

/** A relay shakes hands by itself: where nothing was asked, only its own leg shows whether the container was there. */
function doubtRelay({ facts: { relay }, ending }: Settled): readonly Doubt[] {
  if (relay === null) return [];
  return relay.maybePortCheck && ending.outcome === 'unanswered'
    ? [{ code: 'dial-unseen' }]
    : relay.doubts;
}
