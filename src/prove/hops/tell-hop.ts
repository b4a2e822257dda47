/** Describes one event as a hop of the report: where it happened and what it was. */
import { isRequest } from '../../correlate/bytes.js';
import { rewritten } from '../../correlate/journeys/nat-steps.js';
import type { Leg, LegEvent } from '../../correlate/leg.js';
import type { Move } from '../../correlate/relays.js';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../model/address.js';
import type {
  AcceptEvent,
  CopyEvent,
  DropEvent,
  NatEvent,
  OuterEvent,
  PacketEvent,
  ResetEvent,
  StateEvent,
} from '../../model/event.js';
import type { Hop } from '../../model/report.js';
import type { Topology } from '../../model/topology.js';
import { writeAct, writeRewriting } from '../../words/hops.js';
import { flagNames, summarisePacket } from '../../words/packets.js';
import type { Places } from './places.js';

export type ToldEvent = Exclude<LegEvent, { kind: 'counter' }>;

export interface HopContext {
  readonly epoch: bigint;
  readonly places: Places;
  readonly topology: Topology;
}

/** @param legNumber 0 for the client's own leg, n for the one that the n-th relay dialled */
export function tellEvent(event: ToldEvent, leg: Leg, legNumber: number, context: HopContext): Hop {
  const { places, epoch } = context;
  const common = {
    event: event.id,
    time: String(epoch + BigInt(event.time)),
    leg: legNumber === 0 ? ('client' as const) : ('container' as const),
    legNumber,
    rewrite: null,
    process: null,
  };
  switch (event.kind) {
    case 'packet':
    case 'outer':
    case 'drop':
    case 'reset':
      return packetHop(event, leg, common, places);
    case 'nat':
      return natHop(event, leg, common, context);
    case 'state': {
      const act = { what: 'connect', descriptor: null } as const;
      const place = processPlace(event.namespace, leg.client, event.remote, context);
      return { ...common, ...place, ...actHop(event, act) };
    }
    case 'accept': {
      const act = { what: 'accept', descriptor: event.fd } as const;
      const place = processPlace(event.namespace, event.remote, event.local, context);
      return { ...common, ...place, ...actHop(event, act) };
    }
    case 'retransmit': {
      const request = sameEndpoint(event.local, leg.client);
      return {
        ...common,
        ...processPlace(event.namespace, event.local, event.remote, context),
        summary: 'retransmit',
        kind: 'retransmit',
        flow: request ? 'request' : 'reply',
      };
    }
  }
}

type Common = Pick<Hop, 'event' | 'time' | 'leg' | 'legNumber' | 'rewrite' | 'process'>;

function packetHop(
  event: PacketEvent | OuterEvent | DropEvent | ResetEvent,
  leg: Leg,
  common: Common,
  places: Places,
): Hop {
  const directed =
    event.kind === 'outer' || (event.kind === 'packet' && event.wire?.directed !== false);
  return {
    ...common,
    namespace: places.namespace(event.namespace),
    interface: places.device(event.namespace, event.ifindex),
    direction: directed ? event.direction : null,
    source: formatEndpoint(event.source),
    destination: formatEndpoint(event.destination),
    summary: summarisePacket(event),
    kind: event.kind === 'outer' ? 'packet' : event.kind,
    flow: isRequest(leg, event) ? 'request' : 'reply',
    bytes: event.length,
    flags: [...flagNames(event.flags)],
    skb: event.skb,
    ...(event.kind === 'outer' && { inside: event.tunnel }),
    ...(event.kind === 'drop' && { drop: { reason: event.reason, function: event.function } }),
  };
}

/** What a process did with its socket. */
function actHop(
  { pid, command }: StateEvent | AcceptEvent,
  act: NonNullable<Hop['act']>,
): Pick<Hop, 'summary' | 'kind' | 'act' | 'flow' | 'process'> {
  const summary = writeAct(act, null);
  return { summary, kind: 'process', act, flow: 'request', process: { pid, command } };
}

/** A NAT hook is no device, so its hop has a place of its own, `NAT`. */
function natHop(
  event: NatEvent,
  leg: Leg,
  common: Pick<Hop, 'event' | 'time' | 'leg' | 'legNumber' | 'process'>,
  { places, topology }: HopContext,
): Hop {
  const { hook, field, becomes } = event;
  const now = rewritten(event);
  const from = formatEndpoint(event[field]);
  const to = formatEndpoint(becomes);
  const request = isRequest(leg, event);
  return {
    ...common,
    namespace: places.namespace(event.namespace ?? topology.host),
    interface: 'NAT',
    direction: null,
    source: formatEndpoint(now.source),
    destination: formatEndpoint(now.destination),
    summary: writeRewriting(event),
    kind: 'nat',
    flow: request ? 'request' : 'reply',
    bytes: event.length,
    flags: [...flagNames(event.flags)],
    rewrite: hook === null || hook === 'FORWARD' ? null : { hook, field, from, to },
    skb: event.skb,
  };
}

function processPlace(
  namespace: number,
  source: Endpoint,
  destination: Endpoint,
  { places }: HopContext,
): Pick<
  Hop,
  'namespace' | 'interface' | 'direction' | 'source' | 'destination' | 'bytes' | 'flags' | 'skb'
> {
  return {
    namespace: places.namespace(namespace),
    interface: 'process',
    direction: null,
    source: formatEndpoint(source),
    destination: formatEndpoint(destination),
    bytes: 0,
    flags: [],
    skb: null,
  };
}

export function tellReceived(event: CopyEvent, context: HopContext): Hop {
  const { id, time, namespace, remote, local, fd, bytes, pid, command } = event;
  const act = { what: 'receive', descriptor: fd } as const;
  return {
    event: id,
    time: String(context.epoch + BigInt(time)),
    ...processPlace(namespace ?? context.topology.host, remote, local, context),
    summary: writeAct(act, bytes),
    kind: 'process',
    act,
    leg: 'client',
    legNumber: 0,
    flow: 'request',
    bytes,
    rewrite: null,
    process: { pid, command },
  };
}

/** Bytes that a relay moved. */
export interface PlacedMove {
  readonly move: Move;
  /** 1 for the relay nearest to the client. */
  readonly relayNumber: number;
  /** Nanoseconds since the trace's epoch: the latest time by which the bytes had been read. */
  readonly time: number;
}

export function tellMove({ move, relayNumber, time }: PlacedMove, context: HopContext): Hop {
  const { event, protocol, from, to, bytes, request } = move;
  const start = (event.total - event.bytes) % 2 ** 32;
  const act = { what: event.kind === 'move' ? 'splice' : 'copy', descriptor: null } as const;
  return {
    event: event.id,
    time: String(context.epoch + BigInt(time)),
    ...processPlace(context.topology.host, from.remote, to.remote, context),
    summary: writeAct(act, bytes),
    kind: 'relay',
    act,
    leg: request ? 'client' : 'container',
    relayNumber,
    flow: request ? 'request' : 'reply',
    bytes,
    rewrite: null,
    process: { pid: event.pid, command: event.command },
    // A recording may claim more bytes in one call than in all.
    ...(protocol === 'tcp' && start >= 0 && { stream: { from: start, to: start + bytes } }),
  };
}
