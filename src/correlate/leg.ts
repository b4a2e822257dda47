/** The type of a leg: one TCP connection or UDP flow as the network carries it, over all its hops and across NAT. */
import type { Endpoint } from '../model/address.js';
import type {
  AcceptEvent,
  ConntrackView,
  CounterEvent,
  DropEvent,
  NatEvent,
  OuterEvent,
  PacketEvent,
  Protocol,
  ResetEvent,
  RetransmitEvent,
  StateEvent,
} from '../model/event.js';

export type LegEvent =
  | PacketEvent
  | OuterEvent
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
  /** The end that began it, with its address in the first namespace. */
  readonly client: Endpoint;
  /** What the client dialled: before NAT. Null when only the rewritten destination was seen. */
  readonly server: Endpoint | null;
  /** Where it finally went: after NAT. Equal to `server` without NAT. */
  readonly destination: Endpoint;
  /** False when it began before the trace: ports or conntrack then tell client from server. */
  readonly begun: boolean;
  /** The dial, with its process: seen in the context of that process as the socket left CLOSE. */
  readonly dialled: StateEvent | null;
  /** The accept, with its process and descriptor; null if none was seen. */
  readonly accepted: AcceptEvent | null;
  readonly nat: Nat | null;
  /** True when packets carried conntrack entries in the host's namespace, so that NAT would have shown. */
  readonly conntracked: boolean;
  /** Some of its packets may be missing from the list: a device's budget was used up, or they were only counted. */
  readonly unlisted: boolean;
  /** Nanoseconds since the epoch until which it may have been open; infinite where its end was not seen. */
  readonly until: number;
}

/** The NAT rewriting that the host's conntrack shows. */
export interface Nat {
  readonly view: ConntrackView;
  readonly event: PacketEvent | DropEvent;
  readonly hook: 'PREROUTING' | 'OUTPUT' | null;
  readonly destinationRewritten: boolean;
  readonly sourceRewritten: boolean;
}

/** A key for a pair of endpoints that is the same in both directions. */
export function pairKey(protocol: Protocol, a: Endpoint, b: Endpoint): string {
  const inOrder = a.port === b.port ? a.address < b.address : a.port < b.port;
  const [first, second] = inOrder ? [a, b] : [b, a];
  return `${protocol}|${first.address}|${first.port}|${second.address}|${second.port}`;
}

/**
 * A key for a packet: its skb's kernel address, which is soon reused, with the sequence number to tell packets apart.
 */
export function packetKey({ skb, seq }: Pick<PacketEvent, 'skb' | 'seq'>): string {
  return `${skb}|${seq}`;
}
