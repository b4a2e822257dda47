/** Writes the reason of a verdict on one connection: one sentence, without a full stop. */
import { formatEndpoint } from '../model/address.js';
import type {
  ConnectionFacts,
  Judged,
  Judgement,
  Redirect,
  RelayLeg,
  Taken,
} from '../model/judgement.js';
import { writeDoubt, writeGap } from './doubts.js';
import { writeEnding } from './endings.js';
import { writeProcess } from './processes.js';

export function writeReason(judged: Judged): string {
  const { facts, ending, judgement } = judged;
  if (judgement.path === 'unknown') return writeUnknown(facts, judgement.because);
  const told = `${writeShowing(judged, judgement)}${writeEnding(ending)}`;
  const doubts = judgement.doubts.map(writeDoubt);
  return doubts.length === 0 ? told : `${told}; not proven, because ${doubts.join(' and ')}`;
}

function writeUnknown(
  facts: ConnectionFacts,
  because: Extract<Judgement, { path: 'unknown' }>['because'],
): string {
  const gaps = because.map((gap) => writeGap(gap, facts)).join(' and ');
  const [first] = because;
  return first?.code === 'contradiction' ? gaps : `inconclusive, because ${gaps}`;
}

function writeShowing(
  { facts, claims }: Judged,
  { by }: Exclude<Judgement, { path: 'unknown' }>,
): string {
  const { server, destination, taken, redirect } = facts;
  switch (by) {
    case 'rewritten': {
      const from = server ? formatEndpoint(server) : 'the destination';
      const to = formatEndpoint(destination);
      if (facts.seenBy === 'wire') {
        return `the same packets were seen for ${from} and, rewritten, for ${to}`;
      }
      const rewriting = claims.find(({ code }) => code === 'nat-rewritten');
      const hook = rewriting?.code === 'nat-rewritten' ? rewriting.facts.hook : null;
      const alone = claims.some(({ code, holds }) => code === 'host-accepted' && holds === false)
        ? ', and no process of the host took part'
        : '';
      return `a NAT rule rewrote ${from} to ${to}${hook ? ` in ${hook}` : ''}${alone}`;
    }
    case 'relayed':
      return facts.seenBy === 'wire' ? writeSeenRelay(facts) : writeRelay(facts);
    case 'taken':
      return taken
        ? `${writeRedirect(redirect)}${writeProcess(taken.process)} ${writeOwner(taken)} ${writeTaking(facts)}${taken.answers ? ' and answers itself' : ''}`
        : '';
    case 'stopped': {
      const where = server ? formatEndpoint(server) : 'an address of the host';
      return `it came to the host's own ${where} and no further; nothing had rewritten or taken it`;
    }
    case 'nothing-listened': {
      const where = server ? formatEndpoint(server) : 'it';
      const answer = facts.protocol === 'tcp' ? 'a reset' : 'an ICMP message';
      return `nothing on the host listens on ${where}, so its kernel refused it with ${answer}; nothing had rewritten or taken it`;
    }
    case 'addressed':
      return "the client dialled the container's own address, and nothing rewrote or relayed it";
    case 'crossed':
      return `packets for ${formatEndpoint(destination)} passed with the same addresses, and nothing relayed them`;
  }
}

function writeOwner({ container }: Taken): string {
  return container === null ? 'of the host' : `of ${container}, on the host's network,`;
}

function writeRelay(facts: ConnectionFacts): string {
  const { relay, redirect } = facts;
  const name = relay?.process ? writeProcess(relay.process) : 'a relay';
  const legs = relay?.legs.map(writeLeg).join('') ?? '';
  return `${writeRedirect(redirect)}${name} ${writeTaking(facts)}${legs}`;
}

/** What a relay did for the connection, as the end of a sentence. */
function writeLeg({ process, protocol, to }: RelayLeg, index: number): string {
  const end = formatEndpoint(to);
  const did = protocol === 'udp' ? `sent them on to ${end}` : `dialled ${end} for it`;
  const name = process ? writeProcess(process) : 'another';
  return index === 0 ? ` and ${did}` : `, where ${name} took it and ${did}`;
}

/** A relay known from packets alone; a map of the host may name its process. */
function writeSeenRelay({ relay }: ConnectionFacts): string {
  const [leg] = relay?.legs ?? [];
  if (!relay || !leg) return '';
  const second = `a second connection, ${formatEndpoint(leg.from)} to ${formatEndpoint(leg.to)}, carried the same bytes`;
  return relay.process
    ? `${writeProcess(relay.process)}, which listens there by the map of the host: ${second}`
    : `a relay with docker-proxy's shape: ${second}; a capture cannot name its process`;
}

function writeTaking({ protocol }: ConnectionFacts): string {
  return protocol === 'udp' ? 'received its datagrams' : 'accepted the connection';
}

/** The rewriting that sent it to the host's process, as the beginning of a sentence. */
function writeRedirect(redirect: Redirect | null): string {
  if (!redirect) return '';
  const { from, to, hook } = redirect;
  return `a rule redirected ${formatEndpoint(from)} to ${formatEndpoint(to)}${hook === null ? '' : ` in ${hook}`}, then `;
}
