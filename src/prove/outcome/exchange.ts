/** Reads from the packets of one TCP leg its handshake, its acknowledgements and its retransmissions. */
import { isRequest } from '../../correlate/bytes.js';
import { WireLeg } from '../../correlate/capture/wire-leg.js';
import type { Leg, LegEvent } from '../../correlate/leg.js';
import { TCP, TCP_STATE, type DropEvent, type PacketEvent } from '../../model/event.js';
import { readPlainExchange } from './plain-exchange.js';
import { distance, isAfter } from './sequence.js';
import { COPY, type EndTraffic, type Exchange, type Stalled } from './traffic.js';

export type { EndTraffic, Exchange, Stalled };

/** A packet, or the drop of one before it came to any device: both were sent. */
export type Sent = PacketEvent | DropEvent;

const known = new WeakMap<Leg, Exchange>();
let latest: { readonly leg: Leg; readonly exchange: Exchange } | null = null;

/** Reads a leg once, however often it is asked for. */
export function readExchange(leg: Leg): Exchange {
  if (latest?.leg === leg) return latest.exchange;
  const before = known.get(leg);
  if (before) return before;
  const plain = leg instanceof WireLeg ? readPlainExchange(leg) : null;
  const exchange = plain ?? read(leg);
  // A plain one is soon read again, and there are very many legs.
  if (plain === null) known.set(leg, exchange);
  else latest = { leg, exchange };
  return exchange;
}

function read(leg: Leg): Exchange {
  const client = new SideReader(!leg.unlisted);
  const server = new SideReader(!leg.unlisted);
  let completed = false;
  let replied = false;
  let eager = false;
  for (const event of leg.events) {
    if (event.kind === 'state' || event.kind === 'accept') {
      // A listener with TCP Fast Open returns a connection from accept before the handshake ends.
      completed ||= event.kind === 'accept' ? !eager : isEstablishing(event);
      continue;
    }
    if ((event.kind !== 'packet' && event.kind !== 'drop') || event.protocol !== 'tcp') continue;
    const request = isRequest(leg, event);
    const [own, other] = request ? [client, server] : [server, client];
    if (event.kind === 'packet' && !request) replied = true;
    if (request && (event.flags & TCP.SYN) !== 0 && event.length > 0) eager = true;
    own.take(event);
    if ((event.flags & TCP.ACK) !== 0) other.acknowledge(event);
    if (request && completes(event, server.syns)) completed = true;
  }
  return {
    client: client.conclude(leg, true),
    server: server.conclude(leg, false),
    completed,
    replied,
  };
}

function isEstablishing({ from, to }: LegEvent & { kind: 'state' }): boolean {
  return (
    to === TCP_STATE.ESTABLISHED && (from === TCP_STATE.SYN_SENT || from === TCP_STATE.SYN_RECV)
  );
}

/** Whether a packet of the client acknowledges a SYN+ACK; if none was seen, any acknowledgement counts. */
function completes({ flags, ack }: Sent, synAcks: ReadonlyMap<number, unknown>): boolean {
  if ((flags & (TCP.SYN | TCP.RST)) !== 0 || (flags & TCP.ACK) === 0) return false;
  return synAcks.size === 0 || [...synAcks.keys()].some((seq) => isAfter(ack, seq));
}

/** Transmissions after which a segment without acknowledgement counts as stalled. */
const AGAIN_AND_AGAIN = 3;
/** Retransmissions of an acknowledged segment after which its acknowledgement counts as lost. */
const UNHEARD = 2;

interface Resent {
  sent: number;
  /** Times that it was sent again after it was acknowledged. */
  unheard: number;
  length: number;
  last: number;
}

/** What one place (a device and direction) saw of one side. */
interface Place {
  readonly first: Sent;
  /** Sequence number after the furthest byte; `advanced` is when it was first reached. */
  furthest: number;
  advanced: number;
  latest: Sent;
  resent: Map<number, Resent> | null;
}

class SideReader {
  /** Times that each SYN was sent, by its number and place. */
  readonly syns = new Map<number, Map<string, { times: number; last: number }>>();
  readonly #acksSeen: boolean;
  #start: number | null = null;
  #acked: number | null = null;
  #fin: number | null = null;
  readonly #places: Place[] = [];

  /** @param acksSeen see {@link EndTraffic} */
  constructor(acksSeen: boolean) {
    this.#acksSeen = acksSeen;
  }

  take(event: Sent): void {
    if (event.kind === 'drop' && !isUnsent(event)) {
      // A packet that was seen at a device before its drop was already taken.
      if ((event.flags & TCP.SYN) !== 0 && !this.syns.has(event.seq)) this.#takeSyn(event);
      return;
    }
    if ((event.flags & TCP.SYN) !== 0) this.#takeSyn(event);
    if ((event.flags & TCP.FIN) !== 0) this.#fin ??= event.time;
    if (event.length > 0 && (event.flags & (TCP.SYN | TCP.RST)) === 0) this.#takeBytes(event);
  }

  /** Takes a packet by which the other end acknowledges. */
  acknowledge({ ack }: Sent): void {
    if (this.#acked === null || isAfter(ack, this.#acked)) this.#acked = ack;
  }

  conclude(leg: Leg, request: boolean): EndTraffic {
    const syn = this.#chooseSyn();
    const stalled = this.#findStalled();
    return {
      syn,
      syns: this.#countSyns(),
      start: syn === null ? this.#start : (syn + 1) % 2 ** 32,
      acked: this.#acked,
      acksSeen: this.#acksSeen,
      stalled: stalled && { ...stalled, passed: this.#findPassed(leg, request, stalled.seq) },
      fin: this.#fin,
    };
  }

  #takeSyn(event: Sent): void {
    const places = this.syns.get(event.seq) ?? new Map<string, { times: number; last: number }>();
    this.syns.set(event.seq, places);
    const key = placeKey(event);
    const place = places.get(key);
    if (place === undefined) places.set(key, { times: 1, last: event.time });
    else if (event.time - place.last > COPY) {
      place.times += 1;
      place.last = event.time;
    }
  }

  #takeBytes(event: Sent): void {
    this.#start ??= event.seq;
    const end = (event.seq + event.length) % 2 ** 32;
    const place = this.#places.find(({ first }) => isSamePlace(first, event));
    if (place === undefined) {
      const { time } = event;
      const more = { furthest: end, advanced: time, latest: event, resent: null };
      this.#places.push({ first: event, ...more });
      return;
    }
    const copy = place.latest.seq === event.seq && event.time - place.latest.time <= COPY;
    place.latest = event;
    if (!isAfter(place.furthest, event.seq)) {
      place.furthest = end;
      place.advanced = event.time;
    } else if (!copy) {
      this.#takeAgain(place, event);
    }
  }

  #takeAgain(place: Place, { seq, length, time }: Sent): void {
    const resent = (place.resent ??= new Map<number, Resent>());
    const before = resent.get(seq) ?? { sent: 1, unheard: 0, length, last: 0 };
    const heard = this.#acked !== null && isAfter(this.#acked, seq);
    resent.set(seq, {
      sent: before.sent + 1,
      unheard: before.unheard + (heard ? 1 : 0),
      length: Math.max(before.length, length),
      last: time,
    });
  }

  /** A server that has forgotten an attempt answers the same SYN with another number. */
  #countSyns(): number {
    let count = 0;
    for (const places of this.syns.values()) {
      count += Math.max(...[...places.values()].map(({ times }) => times));
    }
    return count;
  }

  /** The SYN that the other end acknowledged, else the last one. */
  #chooseSyn(): number | null {
    const acked = this.#acked;
    let chosen: number | null = null;
    for (const seq of this.syns.keys()) {
      const nearer =
        chosen === null || acked === null || distance(seq, acked) <= distance(chosen, acked);
      if (nearer) chosen = seq;
    }
    return chosen;
  }

  #findStalled(): Omit<Stalled, 'passed'> | null {
    let found: Omit<Stalled, 'passed'> | null = null;
    for (const { resent, advanced } of this.#places) {
      for (const [seq, { sent, unheard, length, last }] of resent ?? []) {
        const open = this.#acksSeen && (this.#acked === null || !isAfter(this.#acked, seq));
        const stalls = open ? sent >= AGAIN_AND_AGAIN : unheard >= UNHEARD && last >= advanced;
        if (stalls && sent > (found?.sent ?? 0)) found = { seq, length, sent, unheard: !open };
      }
    }
    return found;
  }

  #findPassed(leg: Leg, request: boolean, stalled: number): number | null {
    let most: number | null = null;
    for (const event of leg.events) {
      if (event.kind !== 'packet' || event.length === 0 || (event.flags & TCP.SYN) !== 0) continue;
      if (isRequest(leg, event) !== request || !isAfter(stalled, event.seq)) continue;
      most = Math.max(most ?? 0, event.length);
    }
    return most;
  }
}

/** Whether a packet was dropped before any device; one that a socket has received has no namespace either. */
export function isUnsent({ namespace, ifindex }: DropEvent): boolean {
  return ifindex === null && namespace !== null;
}

function placeKey(event: Sent): string {
  const { namespace, ifindex, kind, source, destination } = event;
  const direction = event.kind === 'packet' ? event.direction : '';
  const ends = `${source.address}|${source.port}|${destination.address}|${destination.port}`;
  return `${namespace}|${ifindex}|${kind}|${direction}|${ends}`;
}

function isSamePlace(a: Sent, b: Sent): boolean {
  return (
    a.kind === b.kind &&
    a.ifindex === b.ifindex &&
    a.namespace === b.namespace &&
    (a.kind !== 'packet' || b.kind !== 'packet' || a.direction === b.direction) &&
    a.source.port === b.source.port &&
    a.source.address === b.source.address &&
    a.destination.port === b.destination.port &&
    a.destination.address === b.destination.address
  );
}
