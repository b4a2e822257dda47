/** Makes the attributes of spans and of their events from the report's fields. */
import ipaddr from 'ipaddr.js';
import type { Connection, Hop } from '../../model/report.js';
import { ATTR, known, type Attributes } from './names.js';

export function describeConnection(connection: Connection): Attributes {
  const { client, server, container, timing, end, nat, drop, bytes, relay } = connection;
  return known({
    [ATTR.transport]: connection.protocol,
    [ATTR.networkType]: networkType(client.address),
    [ATTR.clientAddress]: client.address,
    [ATTR.clientPort]: client.port,
    [ATTR.serverAddress]: server?.address,
    [ATTR.serverPort]: server?.port,
    [ATTR.container]: container?.name,
    [ATTR.destinationAddress]: container?.address,
    [ATTR.destinationPort]: container?.port,
    [ATTR.path]: connection.path,
    [ATTR.proof]: connection.proof,
    [ATTR.outcome]: connection.outcome,
    [ATTR.because]: connection.because,
    [ATTR.reason]: connection.reason,
    [ATTR.why]: connection.why,
    [ATTR.endBy]: end.by,
    [ATTR.endHow]: end.how,
    [ATTR.endCause]: end.cause,
    [ATTR.endRule]: end.rule,
    [ATTR.natHook]: nat?.hook,
    [ATTR.natOriginal]: nat?.original,
    [ATTR.natReply]: nat?.reply,
    [ATTR.dropReason]: drop?.reason,
    [ATTR.dropFunction]: drop?.function,
    [ATTR.dropHook]: drop?.hook,
    [ATTR.dropAfter]: drop?.after,
    [ATTR.bytesFromClient]: bytes.fromClient,
    [ATTR.bytesFromServer]: bytes.fromServer,
    [ATTR.retransmits]: connection.retransmits,
    [ATTR.connect]: timing.connect,
    [ATTR.firstReply]: timing.firstReply,
    [ATTR.duration]: timing.duration,
    [ATTR.relayed]: timing.relay,
    [ATTR.sourceSeen]: connection.sourceSeen,
    [ATTR.clientPid]: connection.processes.client?.pid,
    [ATTR.clientCommand]: connection.processes.client?.command,
    [ATTR.serverPid]: connection.processes.server?.pid,
    [ATTR.serverCommand]: connection.processes.server?.command,
    [ATTR.relayPid]: relay?.pid,
    [ATTR.relayCommand]: relay?.command,
    [ATTR.via]: connection.via?.map(({ kind }) => kind),
  });
}

/** @param number 0 for the client's own leg, n for the leg that the n-th relay dialled */
export function describeLeg(
  { protocol, client, server, container, relay, relays }: Connection,
  number: number,
  hops: readonly Hop[],
): Attributes {
  const chain = relays ?? (relay === null ? [] : [relay]);
  const source = number === 0 ? client : (chain[number - 1]?.client ?? null);
  const destination = number === 0 ? server : number === chain.length ? container : null;
  return known({
    [ATTR.leg]: number,
    [ATTR.transport]: protocol,
    [ATTR.networkType]: networkType(source?.address),
    [ATTR.sourceAddress]: source?.address,
    [ATTR.sourcePort]: source?.port,
    [ATTR.destinationAddress]: destination?.address,
    [ATTR.destinationPort]: destination?.port,
    [ATTR.namespace]: [...new Set(hops.map(({ namespace }) => namespace))],
  });
}

export function describeRelay(
  { protocol, timing, relays }: Connection,
  { pid, command, client }: NonNullable<Connection['relay']>,
): Attributes {
  return known({
    [ATTR.transport]: protocol,
    [ATTR.pid]: pid,
    [ATTR.executable]: command,
    [ATTR.sourceAddress]: client?.address,
    [ATTR.sourcePort]: client?.port,
    // With several relays, this is the time of the whole chain.
    [ATTR.relayed]: relays === undefined ? timing.relay : null,
  });
}

export function describeEvent(hop: Hop): Attributes {
  const { rewrite, secondRewrite, drop } = hop;
  return known({
    [ATTR.event]: hop.event,
    [ATTR.namespace]: hop.namespace,
    [ATTR.interfaceName]: hop.interface,
    [ATTR.flow]: hop.flow,
    [ATTR.natHook]: rewrite?.hook,
    [ATTR.natField]: rewrite?.field,
    [ATTR.natFrom]: rewrite?.from,
    [ATTR.natTo]: rewrite?.to,
    ...(secondRewrite && {
      'trace_flow.nat.second.from': secondRewrite.from,
      'trace_flow.nat.second.to': secondRewrite.to,
    }),
    [ATTR.dropReason]: drop?.reason,
    [ATTR.dropFunction]: drop?.function,
  });
}

function networkType(address: string | undefined): 'ipv4' | 'ipv6' | null {
  return address !== undefined && ipaddr.isValid(address) ? ipaddr.parse(address).kind() : null;
}
