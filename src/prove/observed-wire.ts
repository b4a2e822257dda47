/** What a claim about a captured connection may look at: everything that only the kernel could tell is empty. */
import type { CapturedConnection } from '../correlate/capture/connections.js';
import { countWireBytes } from '../correlate/capture/wire-bytes.js';
import type { Topology } from '../model/topology.js';
import { NO_WITNESSES } from './coverage/witnesses.js';
import type { Observed } from './observed.js';

export type ObservedOnWire = Observed & CapturedConnection;

/** Lists every field, because spreading is slow for large objects and there may be very many connections. */
export function observeOnWire(connection: CapturedConnection, topology: Topology): ObservedOnWire {
  const { leg, link, links, captured, pairing, open } = connection;
  return {
    leg,
    link,
    links,
    received: null,
    replied: null,
    sent: null,
    shared: null,
    service: null,
    captured,
    pairing,
    open,
    topology,
    bytes: countWireBytes(captured.leg),
    upstreamBytes: pairing && countWireBytes(pairing.upstream.leg),
    lastLeg: link ? link.upstream : leg,
    entered: null,
    hostAccept: null,
    relayAccept: null,
    redirect: null,
    identified: false,
    witnesses: NO_WITNESSES,
  };
}
