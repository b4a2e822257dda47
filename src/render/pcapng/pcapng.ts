/** Renders a traced flow as pcapng: one interface per place, and on each packet a comment with what the trace knows. */
import { formatEndpoint } from '../../model/address.js';
import {
  CONNTRACK,
  type ConntrackView,
  type DropEvent,
  type PacketEvent,
  type TraceEvent,
} from '../../model/event.js';
import type { Connection, Hop, Report } from '../../model/report.js';
import type { Trace } from '../../model/trace.js';
import { printable } from '../text.js';
import { interfaceBlock, packetBlock, sectionBlock } from './blocks.js';
import { encodeHeaders } from './frame.js';

const WITHOUT =
  'The trace kept headers only: payload, TCP options, window, checksums and (but for captures) TTL are not known. ' +
  'A window of 65535, a UDP checksum of 0xffff and a TTL of 64 stand for that.';

interface SeenPacket {
  readonly event: PacketEvent | DropEvent;
  /** NAT hooks met since the previous hop (at the last hop, also later ones); they are no packets of their own. */
  readonly hooks: readonly Hop[];
  readonly hop: Hop;
  readonly connection: Connection;
}

type Process = NonNullable<Hop['process']>;

/**
 * Every packet and drop of the report's connections, as LINKTYPE_RAW with nanoseconds. Interfaces are named
 * `NAMESPACE:DEVICE`, and those of drops `NAMESPACE:DEVICE (dropped)`.
 * @param report the report of the trace, with all hops
 */
export function renderPcapng(report: Report, trace: Trace): Buffer {
  const packets = findPackets(report, trace.events);
  const processes = findProcesses(report, trace.events);
  const places = new Map(packets.map(({ hop }) => [nameInterface(hop), hop] as const));
  const interfaces = [...places.keys()];
  const omitted = report.connections.reduce((sum, { hopsOmitted }) => sum + hopsOmitted, 0);
  const comments = [
    `${report.verdict.path} (${report.verdict.proof}): ${report.verdict.reason}`,
    WITHOUT,
    ...(omitted > 0 ? [`${omitted} more packets were counted but not kept.`] : []),
  ];
  return Buffer.concat([
    sectionBlock(printable(trace.header.program), comments.map(printable)),
    ...[...places].map(([name, hop]) =>
      interfaceBlock(printable(name), describeInterface(report, hop)),
    ),
    ...packets.map((packet) => {
      const { event, hop } = packet;
      const { bytes, length } = encodeHeaders(event, event.kind === 'packet' ? event.wire : {});
      return packetBlock({
        interface: interfaces.indexOf(nameInterface(hop)),
        time: BigInt(hop.time),
        bytes,
        length,
        direction: hop.direction,
        comment: printable(tellAll(packet, processes)),
      });
    }),
  ]);
}

function findPackets({ connections }: Report, events: readonly TraceEvent[]): SeenPacket[] {
  const seen = new Map<number, Omit<SeenPacket, 'event'>>();
  for (const connection of connections) {
    const open = new Map<number, { hooks: Hop[]; last: Hop[] }>();
    for (const hop of connection.hops) {
      const way = hop.journey?.id;
      const { hooks, last } = (way !== undefined && open.get(way)) || { hooks: [], last: [] };
      if (hop.kind === 'nat') hooks.push(hop);
      else seen.set(hop.event, { hop, connection, hooks });
      if (way === undefined) continue;
      open.set(way, hop.kind === 'nat' ? { hooks, last } : { hooks: [], last: hooks });
    }
    for (const { hooks, last } of open.values()) last.push(...hooks);
  }
  return events.flatMap((event) => {
    const place = seen.get(event.id);
    const isPacket = event.kind === 'packet' || event.kind === 'drop';
    return place && isPacket ? [{ event, ...place }] : [];
  });
}

/** Maps each socket to the process that holds it, from the acts of processes in the report. */
function findProcesses(
  { connections }: Report,
  events: readonly TraceEvent[],
): Map<string, Process> {
  const acts = new Map(
    connections.flatMap(({ hops }) => hops.map((hop) => [hop.event, hop.process] as const)),
  );
  return new Map(
    events.flatMap((event) => {
      const process = acts.get(event.id);
      const isHolder = event.kind === 'state' || event.kind === 'accept';
      return process && isHolder ? [[event.socket, process] as const] : [];
    }),
  );
}

function nameInterface({ kind, namespace, interface: device }: Hop): string {
  return `${namespace}:${device}${kind === 'drop' ? ' (dropped)' : ''}`;
}

/** Tells the kind of the device, its namespace and its other end. */
function describeInterface({ places }: Report, hop: Hop): string {
  const place = places.find(({ namespace }) => namespace === hop.namespace);
  const device = place?.devices.find(({ name }) => name === hop.interface);
  if (!place || !device) return '';
  const peer = device.peer === null ? '' : `, other end ${device.peer}`;
  return printable(`${device.kind} in ${place.namespace}${peer}`);
}

function tellAll(
  { event, hop, hooks, connection }: SeenPacket,
  processes: Map<string, Process>,
): string {
  const { id, path, proof } = connection;
  const socket = event.socket === null ? undefined : processes.get(event.socket);
  return [
    `event ${event.id}: ${hop.flow} on the ${hop.leg}’s leg of connection ${id} (${path}, ${proof})`,
    event.kind === 'drop' && `dropped: ${event.reason} in ${event.function}`,
    ...[...hooks, hop].flatMap(describeRewritings),
    event.skb !== null && `skb ${event.skb}`,
    event.conntrack && `conntrack ${describeConntrack(event.conntrack)}`,
    socket && `sent by ${socket.command} (pid ${socket.pid})`,
  ]
    .filter(Boolean)
    .join('; ');
}

function describeRewritings({ rewrite, secondRewrite }: Hop): string[] {
  return [rewrite, secondRewrite].flatMap((one) =>
    one ? [`${one.hook} rewrote the ${one.field} ${one.from} → ${one.to}`] : [],
  );
}

function describeConntrack({ original, reply, status }: ConntrackView): string {
  const tuple = ({ source, destination }: ConntrackView['original']): string =>
    `${formatEndpoint(source)} → ${formatEndpoint(destination)}`;
  const nat = [
    (status & CONNTRACK.DST_NAT) !== 0 ? 'DST_NAT' : '',
    (status & CONNTRACK.SRC_NAT) !== 0 ? 'SRC_NAT' : '',
  ].filter((bit) => bit !== '');
  return `${tuple(original)}, reply ${tuple(reply)}${nat.length > 0 ? ` (${nat.join(', ')})` : ''}`;
}
