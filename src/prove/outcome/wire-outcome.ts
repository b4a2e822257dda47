/** Finds how a captured connection ended for its client, by what was seen and by what should have been seen. */
import { streamsOf } from '../../correlate/capture/contents.js';
import type { CapturedLeg } from '../../correlate/capture/legs.js';
import type { Leg } from '../../correlate/leg.js';
import { sameEndpoint } from '../../model/address.js';
import type { CapturedPacket } from '../../model/captured-packet.js';
import type { CaptureWitness, IcmpError } from '../../model/conversation.js';
import { TCP } from '../../model/event.js';
import type { Outcome } from '../../model/verdict.js';
import { findOutcome } from './outcome.js';
import type { ObservedOnWire } from '../observed-wire.js';

export interface WireOutcome {
  readonly outcome: Outcome;
  /** The ICMP error that ended it; null without one. */
  readonly error: IcmpError | null;
  /** The server sent a SYN+ACK, and the client never acknowledged it. */
  readonly halfOpen: boolean;
  /** The outcome rests on the absence of packets: in a lossy capture it would be another. */
  readonly bySilence: boolean;
}

/** What a capture shows in addition to a connection's own packets. */
export interface WireContext {
  readonly errors: readonly IcmpError[];
  readonly witnessOf: (file: number) => CaptureWitness | undefined;
}

/** Nanoseconds after its last packet in which an error may be about a connection: if closed, and otherwise. */
const ERROR_AFTER_END = 2_000_000_000;
const ERROR_AFTER = 60_000_000_000;

const SYN_ACK = TCP.SYN | TCP.ACK;
/** Nanoseconds within which an acknowledgement or a retransmission comes. */
const PATIENCE = 1_000_000_000;
/** Nanoseconds after which a repeated handshake packet is a retransmission. */
const SENT_AGAIN = 150_000_000;
/** Times that bytes were sent again without an acknowledgement before the connection counts as stalled. */
const STALLED = 2;

export function findWireOutcome(subject: ObservedOnWire, context: WireContext): WireOutcome {
  const error = findError(subject, context);
  const { leg } = subject;
  const told = { error, halfOpen: false, bySilence: false };
  if (leg.protocol === 'udp') {
    const outcome = isMisanswered(subject.captured) ? 'unanswered' : judge(subject, error);
    return { ...told, outcome };
  }
  const opening = leg.begun ? findOpening(subject.captured, context) : 'completed';
  if (opening === 'silent') return { ...told, outcome: judge(subject, error) };
  if (opening === 'half-open' || opening === 'unheard' || opening === 'left') {
    const given = error === null ? 'unanswered' : judgeError(error);
    const outcome = opening === 'left' ? 'reset' : given;
    return { outcome, error, halfOpen: true, bySilence: opening === 'unheard' };
  }
  return { ...told, outcome: isStalled(subject) ? 'stalled' : judge(subject, error) };
}

function judge(subject: ObservedOnWire, error: IcmpError | null): Outcome {
  // Packets may be missing from any capture.
  const found = findOutcome(subject, false);
  // The kept packets lack some repetitions; isStalled judges by the whole streams.
  const outcome = found === 'stalled' ? 'unanswered' : found;
  if (outcome !== 'unanswered') return outcome;
  // The capture may lack packets of the handshake, or of an answer that the client acknowledged.
  if (subject.bytes.fromServer > 0 || streamsOf(subject.captured).reply.lost) return 'answered';
  return error === null ? outcome : judgeError(error);
}

function judgeError({ message: { version, type, code } }: IcmpError): Outcome {
  const noPort = version === 6 ? type === 1 && code === 4 : type === 3 && code === 3;
  return noPort ? 'refused' : 'dropped';
}

/** Whether the error says that a packet was too big: it ends nothing, because a smaller one may follow. */
function isTooBig({ message: { version, type, code } }: IcmpError): boolean {
  return version === 6 ? type === 2 : type === 3 && code === 4;
}

/**
 * `silent`: the server sent no SYN+ACK. `half-open`: it did, and one of them tried again. `unheard`: it did, and the
 * client never acknowledged it, though that would have been seen. `left`: the client answered with a reset.
 * `completed` is also used where it cannot be known.
 */
type Opening = 'silent' | 'half-open' | 'unheard' | 'left' | 'completed';

function findOpening(captured: CapturedLeg, { witnessOf }: WireContext): Opening {
  const { first, last, leg } = captured;
  if (first.completed) return 'completed';
  // After the rewriting, only data or a FIN of the server shows that it got the client's acknowledgement.
  if (last !== first && last.completed && hasSpoken(captured)) return 'completed';
  const packets = leg.range.list().filter(({ damaged }) => !damaged);
  const agreements = packets.filter(({ flags }) => (flags & SYN_ACK) === SYN_ACK);
  if (agreements.length === 0) return 'silent';
  const own = packets.filter(
    ({ conversation, source }) => conversation === first.id && sameEndpoint(source, leg.client),
  );
  if (own.some(({ flags }) => (flags & TCP.RST) !== 0)) return 'left';
  const dials = own.filter(({ flags }) => (flags & SYN_ACK) === TCP.SYN);
  const [agreed] = agreements;
  const again = isSentAgain(agreements) || dials.some(({ time }) => agreed && time > agreed.time);
  if (again) return 'half-open';
  const witness = witnessOf(first.file);
  return agreed && own.length > 0 && sees(witness, agreed) ? 'unheard' : 'completed';
}

/** Whether an acknowledgement of this packet would be in the file. */
function sees(witness: CaptureWitness | undefined, agreed: CapturedPacket): boolean {
  return (
    witness !== undefined &&
    witness.acks &&
    !witness.lossy &&
    witness.until - agreed.time > PATIENCE
  );
}

function isSentAgain(packets: readonly CapturedPacket[]): boolean {
  const times = packets.map(({ time }) => time);
  return Math.max(...times) - Math.min(...times) >= SENT_AGAIN;
}

/** Whether the server sent bytes or a FIN. */
function hasSpoken({ leg }: CapturedLeg): boolean {
  const { replies } = leg.split();
  return replies.some(({ flags, length }) => length > 0 || (flags & TCP.FIN) !== 0);
}

/** Whether bytes were retransmitted without being acknowledged, on the client's leg or behind a relay. */
function isStalled({ captured, pairing }: ObservedOnWire): boolean {
  const legs = pairing ? [captured, pairing.upstream] : [captured];
  return legs.some(({ first }) => first.streams.some(({ repeats }) => repeats >= STALLED));
}

/**
 * Whether a datagram came back from another address than the dialled one, at the device where the request came in: the
 * client does not take that as an answer.
 */
function isMisanswered(captured: CapturedLeg): boolean {
  const { first, last, leg } = captured;
  if (first === last || leg.nat?.destinationRewritten !== true) return false;
  const { requests, replies } = leg.split();
  if (replies.some(({ conversation }) => conversation === first.id)) return false;
  const devices = requests
    .filter(({ conversation }) => conversation === first.id)
    .map(({ ifindex }) => ifindex);
  return replies.some(({ ifindex }) => devices.includes(ifindex));
}

function findError(
  { leg, link, captured, pairing }: ObservedOnWire,
  { errors }: WireContext,
): IcmpError | null {
  return (
    errors.find(
      (error) =>
        !isTooBig(error) &&
        ((isAbout(error, leg) && isOfItsTime(error, captured)) ||
          (link !== null &&
            isAbout(error, link.upstream) &&
            (pairing === null || isOfItsTime(error, pairing.upstream)))),
    ) ?? null
  );
}

function isAbout({ source, destination }: IcmpError, leg: Leg): boolean {
  if (!sameEndpoint(source, leg.client)) return false;
  return [leg.server, leg.destination].some((end) => end && sameEndpoint(end, destination));
}

/** Whether an error is of the connection's time, because ports are reused; clocks of other files may be unknown. */
function isOfItsTime({ time, file }: IcmpError, { first, last }: CapturedLeg): boolean {
  return [first, last].some((one) => {
    if (one.file !== file) return true;
    const after = one.closed ? ERROR_AFTER_END : ERROR_AFTER;
    return time >= one.first && time <= one.last + after;
  });
}
