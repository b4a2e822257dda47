/** The names of attributes that are sent by OTLP; docs/fleets.md lists them. */
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_CLIENT_PORT,
  ATTR_NETWORK_TRANSPORT,
  ATTR_NETWORK_TYPE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions';

/**
 * Names from the semantic conventions where these have one, else under `trace_flow`. Names that are not yet stable are
 * written out, as the conventions ask libraries to do.
 */
export const ATTR = {
  clientAddress: ATTR_CLIENT_ADDRESS,
  clientPort: ATTR_CLIENT_PORT,
  /** What the client dialled. */
  serverAddress: ATTR_SERVER_ADDRESS,
  serverPort: ATTR_SERVER_PORT,
  transport: ATTR_NETWORK_TRANSPORT,
  networkType: ATTR_NETWORK_TYPE,
  interfaceName: 'network.interface.name',
  container: 'container.name',
  sourceAddress: 'source.address',
  sourcePort: 'source.port',
  destinationAddress: 'destination.address',
  destinationPort: 'destination.port',
  pid: 'process.pid',
  executable: 'process.executable.name',
  path: 'trace_flow.path',
  proof: 'trace_flow.proof',
  outcome: 'trace_flow.outcome',
  because: 'trace_flow.because',
  reason: 'trace_flow.reason',
  why: 'trace_flow.why',
  coverage: 'trace_flow.coverage',
  lostEvents: 'trace_flow.lost_events',
  endBy: 'trace_flow.end.by',
  endHow: 'trace_flow.end.how',
  endCause: 'trace_flow.end.cause',
  endRule: 'trace_flow.end.rule',
  natHook: 'trace_flow.nat.hook',
  natOriginal: 'trace_flow.nat.original',
  natReply: 'trace_flow.nat.reply',
  natField: 'trace_flow.nat.field',
  natFrom: 'trace_flow.nat.from',
  natTo: 'trace_flow.nat.to',
  dropReason: 'trace_flow.drop.reason',
  dropFunction: 'trace_flow.drop.function',
  dropHook: 'trace_flow.drop.hook',
  dropAfter: 'trace_flow.drop.after',
  bytesFromClient: 'trace_flow.bytes.from_client',
  bytesFromServer: 'trace_flow.bytes.from_server',
  retransmits: 'trace_flow.retransmits',
  connect: 'trace_flow.connect_ns',
  firstReply: 'trace_flow.first_reply_ns',
  duration: 'trace_flow.duration_ns',
  relayed: 'trace_flow.relay_ns',
  endIsBound: 'trace_flow.end_is_lower_bound',
  sourceSeen: 'trace_flow.source_seen',
  clientPid: 'trace_flow.client.process.pid',
  clientCommand: 'trace_flow.client.process.executable.name',
  serverPid: 'trace_flow.server.process.pid',
  serverCommand: 'trace_flow.server.process.executable.name',
  relayPid: 'trace_flow.relay.process.pid',
  relayCommand: 'trace_flow.relay.process.executable.name',
  via: 'trace_flow.via',
  leg: 'trace_flow.leg',
  namespace: 'trace_flow.namespace',
  flow: 'trace_flow.flow',
  event: 'trace_flow.event',
} as const;

/** A value that an attribute can have. */
export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Leaves out unknown values (null, undefined): a missing attribute does not mean zero. */
export function known(
  values: Readonly<Record<string, AttributeValue | null | undefined>>,
): Attributes {
  const entries = Object.entries(values).filter(
    (entry): entry is [string, AttributeValue] => entry[1] !== null && entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
