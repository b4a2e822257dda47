/** Describes how a connection crossed from one host to the next: the time that its packets took, and what was lost. */
import type { PartMeeting } from '../../correlate/hosts/chains.js';
import type { SharedPacket } from '../../correlate/hosts/meet.js';
import type { Crossing } from '../../model/hosts.js';
import type { HostTrace } from './host-trace.js';
import { countLosses } from './losses.js';

export function describeCrossing(meeting: PartMeeting, hosts: readonly HostTrace[]): Crossing {
  const near = hosts[meeting.from.host];
  const far = hosts[meeting.to.host];
  const none = { fromClient: null, fromServer: null };
  const error =
    near?.clock?.error != null && far?.clock?.error != null
      ? near.clock.error + far.clock.error
      : null;
  return {
    from: near?.name ?? '',
    to: far?.name ?? '',
    reached: true,
    latency: {
      request: measure(meeting.packets, true, error),
      reply: measure(meeting.packets, false, error),
    },
    lost: near && far ? countLosses(meeting, { near, far }) : none,
  };
}

/** The latency of the first shared packet, at least 0 because no packet arrives before it was sent. */
function measure(
  packets: readonly SharedPacket[],
  request: boolean,
  error: number | null,
): Crossing['latency']['request'] {
  const first = packets.find(({ near }) => near.request === request);
  if (first === undefined || error === null) return null;
  const took = (first.far.event.time - first.near.event.time) * (request ? 1 : -1);
  return { least: Math.max(0, took - error), most: Math.max(0, took + error) };
}
