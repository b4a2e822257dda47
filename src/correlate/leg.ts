/** A leg: one TCP connection or UDP flow as the network carries it, over all its hops and across NAT. */
import type { Endpoint } from '../model/address.js';
import type {
  AcceptEvent,
  ConntrackView,
  CounterEvent,
  DropEvent,
  NatEvent,
  PacketEvent,
  Protocol,
  ResetEvent,
  RetransmitEvent,
  StateEvent,
} from '../model/event.js';

export type LegEvent =
  | PacketEvent
  | DropEvent
  | NatEvent
  | ResetEvent
  | RetransmitEvent
  | StateEvent
  | AcceptEvent
  | CounterEvent;

export interface Leg {
  readonly protocol: Protocol;
  /** In order of time. */
  readonly events: readonly LegEvent[];
  /** Who began it, with the address that the first namespace knew it by. */
  readonly client: Endpoint;
  /** What the client dialled: before NAT. Null when only the rewritten destination was seen. */
  readonly server: Endpoint | null;
  /** Where it went in the end: after NAT. Equal to `server` without NAT. */
  readonly destination: Endpoint;
  /** False when the beginning was before the trace: orientation is then taken from ports or conntrack. */
  readonly begun: boolean;
  /** The process that dialled: seen in its own context as the socket left CLOSE. */
  readonly dialled: StateEvent | null;
  /** The processes that accepted (one, or none), with the descriptor. */
  readonly accepted: AcceptEvent | null;
  readonly nat: Nat | null;
  /** True when packets carried conntrack entries in the host's namespace, so that NAT would have shown. */
  readonly conntracked: boolean;
  /** Some of its packets may have passed without being listed: the budget of a device was used up, or they were counted. */
  readonly unlisted: boolean;
  /** Nanoseconds since the epoch until which it may have been open; infinite where its end was not seen. */
  readonly until: number;
}

/** The rewriting that the host's conntrack shows. */
export interface Nat {
  readonly view: ConntrackView;
  readonly event: PacketEvent | DropEvent;
  readonly hook: 'PREROUTING' | 'OUTPUT' | null;
  readonly destinationRewritten: boolean;
  readonly sourceRewritten: boolean;
}

/** `a` and `b` in one text that is the same in both directions. */
export function pairKey(protocol: Protocol, a: Endpoint, b: Endpoint): string {
  const first = `${a.address}|${a.port}`;
  const second = `${b.address}|${b.port}`;
  return first < second ? `${protocol}|${first}|${second}` : `${protocol}|${second}|${first}`;
}

/** An skb keeps its address along its way, and the kernel uses the address again soon: the number tells packets apart. */
export function packetKey({ skb, seq }: Pick<PacketEvent, 'skb' | 'seq'>): string {
  return `${skb}|${seq}`;
}
