/** The verdict on one connection: a fold over its claims. */
import { formatEndpoint } from '../../model/address.js';
import type { Leg } from '../../correlate/leg.js';
import type { RelayLink } from '../../correlate/relays.js';
import type { Path, Proof } from '../../model/verdict.js';
import { findOutcome } from '../outcome/outcome.js';
import { isRelayProcess } from '../../correlate/known-relays.js';
import { isHostAddress, type Observed } from '../observed.js';
import { findEnd } from '../outcome/end.js';
import { findStopped } from '../outcome/stopped.js';
import { tellEnd, tellRefusal, tellStop } from '../outcome/tell-end.js';
import type { Claim, ClaimCode } from '../claims/live.js';
import { listHostDoubts, listRelayDoubts } from './doubts.js';

export interface Judgement {
  readonly path: Path | 'unknown';
  readonly proof: Proof;
  /** One sentence, without a full stop. */
  readonly reason: string;
}

type Facts = Readonly<Record<ClaimCode, boolean | null>>;

export function judge(subject: Observed, claims: readonly Claim[]): Judgement {
  const facts = collect(claims);
  const candidates = listCandidates(subject, facts);
  const [path, other] = candidates;
  if (path === undefined) return unknown(subject, facts);
  if (other !== undefined) {
    return {
      path: 'unknown',
      proof: 'inconclusive',
      reason: `there is evidence for ${candidates.join(' and for ')} at once`,
    };
  }
  const doubts = listDoubts(subject, path, facts);
  const told = `${tell(subject, path, facts)}${tellEnd(subject)}`;
  return doubts.length === 0
    ? { path, proof: 'proven', reason: told }
    : { path, proof: 'likely', reason: `${told}; not proven, because ${doubts.join(' and ')}` };
}

/** A claim that was not made counts as unknown. */
function collect(claims: readonly Claim[]): Facts {
  const facts: Partial<Record<ClaimCode, boolean | null>> = {};
  for (const { code, holds } of claims) facts[code] = holds;
  const at = (code: ClaimCode): boolean | null => facts[code] ?? null;
  return {
    'nat-rewritten': at('nat-rewritten'),
    'same-packet': at('same-packet'),
    'entered-container': at('entered-container'),
    'host-accepted': at('host-accepted'),
    'host-alone': at('host-alone'),
    'relay-dialled': at('relay-dialled'),
    'relay-moved': at('relay-moved'),
    'container-addressed': at('container-addressed'),
    'nothing-listened': at('nothing-listened'),
    'stopped-at-host': at('stopped-at-host'),
    complete: at('complete'),
  };
}

/** Paths for which there is positive evidence. */
function listCandidates(subject: Observed, facts: Facts): Path[] {
  const { link, relayAccept, hostAccept, redirect } = subject;
  const paths: Path[] = [];
  // A rewriting that sends it to a process of the host is only the way there.
  if (facts['nat-rewritten'] === true && !redirect) paths.push('dnat');
  if (isGuess(subject)) return paths;
  if (link || relayAccept) {
    const command = link?.command ?? relayAccept?.command;
    paths.push(isDockerProxy(subject, command) ? 'docker-proxy' : 'relay');
  } else if (hostAccept && facts.complete === true) {
    // Where events were lost, a relay whose dial was missed looks just like a server of the host.
    paths.push('host');
  } else if (facts['nothing-listened'] === true && findOutcome(subject) === 'refused') {
    paths.push('host');
  } else if (isStopped(subject, facts)) {
    paths.push('host');
  }
  // Behind a NAT every packet bears the container's address: what was dialled has to be known, or that nothing rewrote it.
  const dialled = subject.leg.dialled !== null || facts['nat-rewritten'] === false;
  const direct = facts['container-addressed'] === true && dialled && !hostAccept;
  if (direct && paths.length === 0 && !mayBeRelayLeg(subject)) paths.push('direct');
  return paths;
}

/** A rule of the host is the end of its way: it has rejected it, or dropped it behind NAT. */
function isStopped(subject: Observed, facts: Facts): boolean {
  const { leg, topology, hostAccept, link } = subject;
  if (hostAccept || link || findStopped(leg, topology) === null) return false;
  const outcome = findOutcome(subject);
  if (outcome === 'dropped') return facts['stopped-at-host'] === true;
  return outcome === 'refused' && findEnd(subject, outcome).cause === 'rejected';
}

/**
 * Bytes that are only alike show a relay where all were seen; of a server that asks a database, a part may be alike. So does a
 * process that dialled before it had read or said anything: where events were lost, it may have done both.
 */
function isGuess({ link, relayAccept, topology, tail }: Observed): boolean {
  if (tail.sealed && tail.lostEvents === 0 && !tail.truncated) return false;
  if (link?.how === 'alike') return true;
  return link?.how === 'only' && !(relayAccept && isRelayProcess(relayAccept, topology));
}

/** A connection from the host to a container may be a relay's own, unless the process that dialled it is known. */
function mayBeRelayLeg({ leg, topology, tail, sent }: Observed): boolean {
  if (!isHostAddress(topology, leg.client.address)) return false;
  if (!tail.sealed || tail.lostEvents > 0 || tail.truncated) return true;
  if (leg.protocol === 'udp') return sent !== null;
  return leg.dialled === null || isRelayProcess(leg.dialled, topology);
}

function isDockerProxy({ identified }: Observed, command: string | undefined): boolean {
  return identified || command === 'docker-proxy';
}

/** What keeps a path from being proven; each reads on after "because". */
function listDoubts(subject: Observed, path: Path, facts: Facts): string[] {
  const doubts: string[] = [];
  const { tail } = subject;
  if (facts.complete !== true) {
    doubts.push(
      tail.lostEvents > 0
        ? `${tail.lostEvents} events were lost`
        : tail.skippedRuns !== undefined
          ? `the kernel skipped ${tail.skippedRuns} runs of packet probes`
          : (tail.notes[0] ?? tellGap(subject)),
    );
  }
  if (path === 'dnat' && facts['same-packet'] === false) {
    doubts.push('no packet was seen on both sides of the rewriting');
  }
  if (path === 'docker-proxy' || path === 'relay') doubts.push(...listRelayDoubts(subject));
  if (path === 'host' && subject.hostAccept && facts['host-alone'] !== true)
    doubts.push(...listHostDoubts(subject));
  if (isStopped(subject, facts) && facts['stopped-at-host'] !== true) {
    doubts.push('whether NAT would have sent it on was not seen');
  }
  if (path === 'direct' && facts['entered-container'] !== true && facts['host-accepted'] === null) {
    doubts.push('the packet was not seen at the container');
  }
  return doubts;
}

/** What else a trace lacks that says nothing of it. */
function tellGap({ tail, leg }: Observed): string {
  return tail.sealed && !leg.begun
    ? 'it is older than the trace, and how it ended does not show by itself'
    : 'the trace is not sealed';
}

/** What a relay did for the connection, as the end of a sentence. */
function tellLink({ command, pid, upstream }: RelayLink, index: number): string {
  const to = formatEndpoint(upstream.server ?? upstream.destination);
  const did = upstream.protocol === 'udp' ? `sent them on to ${to}` : `dialled ${to} for it`;
  return index === 0 ? ` and ${did}` : `, where ${command} (pid ${pid}) took it and ${did}`;
}

function tell(subject: Observed, path: Path, facts: Facts): string {
  const { leg, link, links, relayAccept, hostAccept } = subject;
  switch (path) {
    case 'dnat': {
      const hook = leg.nat?.hook ? ` in ${leg.nat.hook}` : '';
      const from = leg.server ? formatEndpoint(leg.server) : 'the destination';
      const alone =
        facts['host-accepted'] === false ? ', and no process of the host took part' : '';
      return `a NAT rule rewrote ${from} to ${formatEndpoint(leg.destination)}${hook}${alone}`;
    }
    case 'docker-proxy':
    case 'relay': {
      const process = link ?? relayAccept;
      const name = process ? `${process.command} (pid ${process.pid})` : 'a relay';
      return `${tellRedirect(subject)}${name} ${tellTaking(leg)}${links.map(tellLink).join('')}`;
    }
    case 'direct':
      return "the client dialled the container's own address, and nothing rewrote or relayed it";
    case 'host':
      if (isStopped(subject, facts)) return tellStop(leg);
      if (!hostAccept) return tellRefusal(leg);
      return `${tellRedirect(subject)}${hostAccept.command} (pid ${hostAccept.pid}) of the host ${tellTaking(leg)}${answers(subject) ? ' and answers itself' : ''}`;
  }
}

function tellTaking({ protocol }: Leg): string {
  return protocol === 'udp' ? 'received its datagrams' : 'accepted the connection';
}

/** Whether it answered, or could have: who only reads is not said to answer. */
function answers({ bytes }: Observed): boolean {
  return bytes.fromServer > 0 || bytes.fromClient === 0;
}

/** The rewriting that sent it to the host's process, as the beginning of a sentence. */
function tellRedirect({ redirect }: Observed): string {
  if (!redirect) return '';
  const { original, reply } = redirect.view;
  const hook = redirect.hook === null ? '' : ` in ${redirect.hook}`;
  return `a rule redirected ${formatEndpoint(original.destination)} to ${formatEndpoint(reply.source)}${hook}, then `;
}

function unknown(subject: Observed, facts: Facts): Judgement {
  const reasons = [...listGaps(subject), ...listSuspicions(subject, facts)];
  if (reasons.length === 0) reasons.push(explainNowhere(subject, facts));
  const reason = `inconclusive, because ${reasons.join(' and ')}`;
  return { path: 'unknown', proof: 'inconclusive', reason };
}

/** What the trace itself lacks. */
function listGaps({ tail, leg }: Observed): string[] {
  const gaps: string[] = [];
  if (!tail.sealed && tail.lostEvents === 0) gaps.push(tail.notes[0] ?? 'the trace is not sealed');
  if (tail.lostEvents > 0) gaps.push(`${tail.lostEvents} events were lost`);
  if (!leg.begun) gaps.push('it began before the trace');
  return gaps;
}

/** Who may have had a hand in it without being caught. */
function listSuspicions(subject: Observed, facts: Facts): string[] {
  const { leg, sent, topology } = subject;
  const suspicions: string[] = [];
  const owner = leg.dialled ?? sent;
  if (facts['container-addressed'] === true && isHostAddress(topology, leg.client.address)) {
    const name = owner ? `${owner.command} (pid ${owner.pid})` : 'a relay';
    suspicions.push(`it may be the own leg of ${name} for a client that was not seen`);
  }
  return suspicions;
}

function explainNowhere({ leg, redirect }: Observed, facts: Facts): string {
  if (redirect) {
    const { original, reply } = redirect.view;
    const ends = [original.destination, reply.source].map(formatEndpoint);
    return `a rule redirected ${ends.join(' to ')}, an address of the host, and no process was seen to accept it there`;
  }
  if (facts['host-accepted'] !== false) return 'what decides its path was not seen';
  const dialled = leg.server ? formatEndpoint(leg.server) : 'it';
  const rewrote =
    facts['nat-rewritten'] === false
      ? `no rule rewrote ${dialled}`
      : `whether a rule rewrote ${dialled} was not seen`;
  return facts['entered-container'] === true
    ? 'it entered a container, but how was not seen'
    : `${rewrote}, no process of the host accepted it, and it entered no container`;
}
