/** The types of trace events: what was seen, when, where, and of which packet or socket. */
import type { z } from 'zod';
import type {
  conntrackSchema,
  EVENTS,
  packetFields,
  socketEndsSchema,
  socketPortsSchema,
  socketSumsSchema,
  tupleSchema,
} from './event-schemas.js';
import type { ASIDES, NETFILTER_HOOKS } from './kernel-names.js';
import type { protocolSchema, ReadonlyOf } from './address-schemas.js';
import type { WireFacts } from './wire-facts.js';

export { ASIDES, CONNTRACK, NETFILTER_HOOKS, TCP, TCP_STATE } from './kernel-names.js';

// The fields of each type are described in event-schemas.ts.

type Event<K extends keyof typeof EVENTS> = ReadonlyOf<(typeof EVENTS)[K]>;

export type Protocol = ReadonlyOf<typeof protocolSchema>;
export type ConntrackView = ReadonlyOf<typeof conntrackSchema>;
export type TuplePair = ReadonlyOf<typeof tupleSchema>;
export type PacketFields = ReadonlyOf<z.ZodObject<typeof packetFields>>;
export type SocketSums = ReadonlyOf<typeof socketSumsSchema>;
export type SocketEnds = ReadonlyOf<typeof socketEndsSchema>;
export type SocketPorts = ReadonlyOf<typeof socketPortsSchema>;
export type AsideKind = (typeof ASIDES)[number];
export type NetfilterHook = (typeof NETFILTER_HOOKS)[number];

export type PacketEvent = Event<'packet'> & {
  /** What a capture saw of it; only there. */
  readonly wire?: WireFacts | undefined;
};
export type OuterEvent = Event<'outer'>;
export type DropEvent = Event<'drop'>;
export type StateEvent = Event<'state'>;
export type AcceptEvent = Event<'accept'>;
export type MoveEvent = Event<'move'>;
export type CopyEvent = Event<'copy'>;
export type AsideEvent = Event<'aside'>;
export type ForkEvent = Event<'fork'>;
export type NatEvent = Event<'nat'>;
export type FunctionEvent = Event<'function'>;
export type ResetEvent = Event<'reset'>;
export type RetransmitEvent = Event<'retransmit'>;
export type CounterEvent = Event<'counter'> & {
  /** Number of the capture's conversation that they belong to; only there. */
  readonly conversation?: number | undefined;
};
export type TotalEvent = Event<'total'>;
export type BudgetEvent = Event<'budget'>;

export type TraceEvent =
  | PacketEvent
  | OuterEvent
  | DropEvent
  | StateEvent
  | AcceptEvent
  | MoveEvent
  | CopyEvent
  | AsideEvent
  | ForkEvent
  | NatEvent
  | FunctionEvent
  | ResetEvent
  | RetransmitEvent
  | CounterEvent
  | TotalEvent
  | BudgetEvent;

/** An event before it has its place in the order of the trace. */
export type Unnumbered<E = TraceEvent> = E extends TraceEvent ? Omit<E, 'id'> : never;
