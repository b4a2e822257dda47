/** Counts packets that left one host and never reached the other, only where the other would have seen them. */
import { TCP, type PacketEvent } from '../../model/event.js';
import type { PartMeeting } from '../../correlate/hosts/chains.js';
import { listEdge, type Face } from '../../correlate/hosts/face.js';
import type { Topology } from '../../model/topology.js';
import { isLossless } from '../coverage/coverage.js';
import type { HostTrace } from './host-trace.js';

/** Most nanoseconds that a packet may be on its way between two hosts. */
const MOST_TRANSIT = 1_000_000_000;

export interface Losses {
  readonly fromClient: number | null;
  readonly fromServer: number | null;
}

export function countLosses(
  { near, far }: PartMeeting,
  hosts: { near: HostTrace; far: HostTrace },
): Losses {
  const whole = [hosts.near, hosts.far].every(({ coverage }) => isLossless(coverage));
  if (!whole || near.leg.unlisted || far.leg.unlisted)
    return { fromClient: null, fromServer: null };
  return {
    fromClient: count(near, far, { request: true, sender: hosts.near, receiver: hosts.far }),
    fromServer: count(far, near, { request: false, sender: hosts.far, receiver: hosts.near }),
  };
}

/**
 * Counts lost packets of one direction. Null where the receiver does not own the destination address, because they may
 * have gone another way. Devices split and merge packets, so only the first byte of each is looked for at the receiver.
 */
function count(
  sender: Face,
  receiver: Face,
  way: { readonly request: boolean; readonly sender: HostTrace; readonly receiver: HostTrace },
): number | null {
  const goal = way.request ? sender.server : sender.client;
  if (!ownsAddress(way.receiver.trace.header.topology, goal.address)) return null;
  const sent = listOneWay(sender, way.request).filter((packet) => hasLength(packet));
  const came = listOneWay(receiver, way.request);
  if (!sent.every(({ time }) => wouldSee(way.sender, way.receiver, time))) return null;
  let lost = 0;
  for (const seq of new Set(sent.map((packet) => packet.seq))) {
    lost += Math.max(0, countCover(sent, seq) - countCover(came, seq));
  }
  return lost;
}

function listOneWay({ leg, side }: Face, request: boolean): PacketEvent[] {
  return listEdge(leg, side).flatMap((sight) => (sight.request === request ? [sight.event] : []));
}

function hasLength(packet: PacketEvent): boolean {
  return lengthOf(packet) > 0;
}

/** Sequence numbers that a packet takes: its payload, and one for a SYN or FIN. */
function lengthOf({ length, flags }: PacketEvent): number {
  return length + ((flags & (TCP.SYN | TCP.FIN)) !== 0 ? 1 : 0);
}

function countCover(packets: readonly PacketEvent[], seq: number): number {
  return packets.filter((packet) => (seq - packet.seq) >>> 0 < lengthOf(packet)).length;
}

/** Whether the receiver's probes were live for as long as a packet sent at that time may have been on its way. */
export function wouldSee(
  sender: Pick<HostTrace, 'clock'>,
  receiver: Pick<HostTrace, 'clock' | 'trace'>,
  time: number,
): boolean {
  const { span } = receiver.trace.tail;
  const [near, far] = [sender.clock?.error ?? null, receiver.clock?.error ?? null];
  if (span === undefined || near === null || far === null) return false;
  const error = near + far;
  return span.from <= time - error && time + error + MOST_TRANSIT <= span.to;
}

/** Whether an address is the host's own or one of its containers'. */
export function ownsAddress({ namespaces }: Topology, address: string): boolean {
  return namespaces.some(
    ({ role, devices }) =>
      role !== 'other' &&
      devices.some(({ addresses }) => addresses.some((own) => own.split('/')[0] === address)),
  );
}
