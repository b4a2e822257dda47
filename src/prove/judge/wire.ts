/** The verdict on one captured connection. What packets cannot show makes it likely or inconclusive, with the reason. */
import { lacksBytes } from '../../correlate/capture/contents.js';
import type { LinkDoubt } from '../../correlate/capture/links.js';
import { isInitialTtl } from '../../correlate/capture/sightings.js';
import { formatEndpoint } from '../../model/address.js';
import type { Judgement } from './live.js';
import type { ObservedOnWire } from '../observed-wire.js';
import type { CaptureFacts } from '../claims/wire.js';
import type { WireOutcome } from '../outcome/wire-outcome.js';

/** The reason is put into words when somebody asks. */
export interface CapturedJudgement extends Omit<Judgement, 'reason'> {
  readonly reason: () => string;
}

export function judgeCaptured(
  subject: ObservedOnWire,
  facts: CaptureFacts,
  ending: WireOutcome,
): CapturedJudgement {
  const { leg, pairing, link } = subject;
  if (facts['nat-rewritten'] === true) {
    const told = (): string =>
      `the same packets were seen for ${leg.server ? formatEndpoint(leg.server) : 'the destination'} and, rewritten, for ${formatEndpoint(leg.destination)}`;
    const doubt = subject.captured.rewriting?.doubt ?? null;
    return conclude('dnat', told, doubt === null ? [] : [REWRITING_DOUBTS[doubt]]);
  }
  if (pairing && link) {
    const told = (): string =>
      `a relay with docker-proxy's shape: a second connection, ${formatEndpoint(link.upstream.client)} to ` +
      `${formatEndpoint(link.upstream.destination)}, carried the same bytes; a capture cannot name its process`;
    return conclude('relay', told, listRelayDoubts(subject, facts));
  }
  if (facts['never-rewritten'] === true) {
    const told = (): string =>
      `packets for ${formatEndpoint(leg.destination)} passed with the same addresses, and nothing relayed them`;
    return conclude('direct', told, []);
  }
  return {
    path: 'unknown',
    proof: 'inconclusive',
    reason: () => `inconclusive, because ${tellUnknown(subject, ending)}`,
  };
}

const REWRITING_DOUBTS: Readonly<Record<LinkDoubt, string>> = {
  unmarked: 'neither IP identification nor timestamps show that they are the same',
  'one-way': 'only one direction shows that a machine stands between them',
  'both-ends':
    'both ends changed, and nothing shows that the new source is the address of a machine in between',
};

function conclude(
  path: 'dnat' | 'relay' | 'direct',
  told: () => string,
  doubts: readonly string[],
): CapturedJudgement {
  return doubts.length === 0
    ? { path, proof: 'proven', reason: told }
    : {
        path,
        proof: 'likely',
        reason: () => `${told()}; not proven, because ${doubts.join(' and ')}`,
      };
}

function listRelayDoubts({ leg, tail, pairing }: ObservedOnWire, facts: CaptureFacts): string[] {
  const doubts: string[] = [];
  if (pairing?.thin && leg.protocol === 'udp') {
    doubts.push('datagrams have no numbers, and so few may have gone over another flow as well');
  } else if (facts['streams-equal'] !== true) {
    doubts.push('not all bytes of both legs could be compared');
  }
  if (leg.protocol === 'tcp' && facts['handshakes-nested'] !== true) {
    doubts.push('the connection is older than the capture');
  }
  if (facts['only-pairing'] !== true) {
    doubts.push(
      'several connections carried the same bytes at once, so that this pair may be another',
    );
  }
  if (facts['content-own'] !== true) {
    doubts.push(
      'so little content may be carried by chance: a process of the host may have answered it while another connection ' +
        'of the same kind went to the container',
    );
  }
  if (pairing?.ends === 'unknown') {
    doubts.push('it is not to be seen that one leg ended because the other had');
  }
  if (facts.complete !== true) doubts.push(tail.notes[0] ?? 'packets are missing');
  return doubts;
}

function tellUnknown(
  { captured, leg, tail, open }: ObservedOnWire,
  { outcome, halfOpen }: WireOutcome,
): string {
  const { origin, ttl } = captured;
  const to = formatEndpoint(leg.destination);
  if (tail.truncated || tail.lostEvents > 0) {
    return `${tail.notes[0] ?? 'packets are missing'}, and nothing else shows what became of it`;
  }
  if (captured.disputed) {
    return (
      `the same packets as those for ${to} were also seen under other addresses, in a way that no single rewriting explains: some ` +
      'of them may be edited copies, or they were rewritten more than once'
    );
  }
  if (lacksBytes(captured)) {
    return (
      `packets of ${formatEndpoint(leg.client)} to ${to} are missing from the capture (bytes were acknowledged that it ` +
      'does not hold), and nothing else shows what became of it'
    );
  }
  if (halfOpen) {
    return `${to} agreed (SYN+ACK), ${formatEndpoint(leg.client)} never acknowledged that, and no packet was seen to go further`;
  }
  if (outcome === 'refused') return `${to} refused it, and no packet was seen to go further`;
  if (outcome === 'unanswered' || outcome === 'dropped') {
    return `nothing answered from ${to}, and no packet was seen to go further`;
  }
  if (origin === 'local') {
    return (
      `only ${formatEndpoint(leg.client)} to ${to} was captured, sent by the capturing machine itself: DNAT in OUTPUT ` +
      '(which shows only the rewritten destination), a relay and a direct connection look the same'
    );
  }
  if (open) {
    return (
      'a second connection carried the same bytes, as a relay would, but others that nothing explains carried them at ' +
      'that time too: it may be a coincidence'
    );
  }
  if (captured.origin === null && captured.ofContainer) {
    return (
      `only ${formatEndpoint(leg.client)} to ${to} was captured, sent by a container: a bridge may have rewritten the ` +
      'destination before this device saw it'
    );
  }
  if (!isInitialTtl(ttl.first)) {
    return (
      `its packets had been routed before they were captured (TTL ${ttl.first}): whether their destination had been ` +
      'rewritten by then is not to be seen'
    );
  }
  return `only ${formatEndpoint(leg.client)} to ${to} was captured: a relay, masqueraded, routed and direct traffic look the same there`;
}
