/** What a claim about a captured connection may look at: one without all that only a kernel tells. */
import type { CapturedConnection } from '../correlate/capture/connections.js';
import { countWireBytes } from '../correlate/capture/wire-bytes.js';
import type { Topology } from '../model/topology.js';
import { NO_WITNESSES } from './coverage/witnesses.js';
import type { Observed } from './observed.js';

export type ObservedOnWire = Observed & CapturedConnection;

/** Written out: there may be very many, and spreading makes large objects slowly. */
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
