/** Lists what keeps a process of the host from being proven to answer by itself or to relay. */
import { addsNothing } from '../../correlate/accounts.js';
import { countBytes, isEqualBytes } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import type { RelayLink } from '../../correlate/relays.js';
import type { RelayWay } from '../../correlate/ways.js';
import { sameEndpoint } from '../../model/address.js';
import type { Doubt, WayFacts } from '../../model/judgement.js';
import { isPortDriver } from '../../model/port-drivers.js';
import type { Observed } from '../observed.js';

/** A docker-proxy that is known by its arguments needs nothing but its accept. */
export function listRelayDoubts(subject: Observed): Doubt[] {
  const { link, links, shared, hostAccept, identified } = subject;
  if (shared !== null) return identified ? [] : [{ code: 'bytes-shared' }];
  if (link === null) {
    if (identified) return [];
    const driver = hostAccept !== null && isPortDriver(hostAccept);
    return [{ code: driver ? 'way-on-unfollowed' : 'known-by-name' }];
  }
  const doubts = links.flatMap((one, index) =>
    index === 0 && identified ? [] : (doubtLink(one, subject, index) ?? []),
  );
  return [...new Map(doubts.map((doubt) => [JSON.stringify(doubt), doubt])).values()];
}

function doubtLink(
  { how, flows, sockets, process, client, upstream }: RelayLink,
  { bytes, topology, service }: Observed,
  index: number,
): Doubt | null {
  const known = topology.relays.some(({ pid }) => pid === process?.pid);
  if (index > 0 && known) return null;
  switch (how) {
    case 'only':
    case 'content':
      return { code: 'nothing-moved' };
    case 'tap':
      return isPassedOn(client, upstream) ? null : { code: 'way-on-unfollowed' };
    case 'tls':
      return { code: 'encrypted' };
    case 'alike':
      return { code: 'alike-only' };
    case 'moved':
  }
  if (sockets === 'older') return { code: 'sockets-older' };
  if (sockets === 'handed') return { code: 'sockets-handed' };
  if (flows === null) return { code: 'calls-unwatched' };
  const { there, back } = flows;
  if (bytes.fromClient > 0 && !there.followed) return { code: 'request-unfollowed' };
  if (bytes.fromServer > 0 && !back.followed) return { code: 'answer-unfollowed' };
  if (there.taken === null || there.given === null || back.taken === null || back.given === null) {
    return { code: 'calls-untold' };
  }
  if (!addsNothing(there) || !addsNothing(back)) {
    return { code: 'adds-bytes', exchanges: service?.exchanges ?? null };
  }
  return index === 0 && back.given < bytes.fromServer
    ? { code: 'answer-in-part', written: back.given, of: bytes.fromServer }
    : null;
}

/**
 * Whether a driver's accept and the frames in its tap show one connection: the client's own address and port on both
 * sides, and as many bytes each way. Datagrams have no accept.
 */
function isPassedOn(client: Leg, upstream: Leg): boolean {
  return (
    client.accepted !== null &&
    sameEndpoint(client.client, upstream.client) &&
    isEqualBytes(countBytes(client), countBytes(upstream))
  );
}

export function listHostDoubts({ service, witnesses, bytes }: Observed): Doubt[] {
  const doubts: Doubt[] = [];
  const facts: WayFacts[] = [];
  for (const { what, event, to } of service?.ways ?? []) {
    const { command, pid } = event;
    if (what === 'handed') doubts.push({ code: 'socket-handed', command, pid });
    else facts.push({ what, did: isRead(event) ? 'read' : 'wrote', to });
  }
  if (facts.length > 0) {
    doubts.push({ code: 'ways-elsewhere', ways: facts, exchanges: service?.exchanges ?? null });
  }
  if (doubts.length > 0) return doubts;
  if (!witnesses.has('copies') || !witnesses.has('asides')) {
    return [{ code: 'elsewhere-unwatched' }];
  }
  const written = service?.written ?? null;
  return written === null
    ? [{ code: 'calls-untold' }]
    : [{ code: 'answer-in-part', written, of: bytes.fromServer }];
}

function isRead(event: RelayWay['event']): boolean {
  return event.kind !== 'state' && event.operation === 'read';
}
