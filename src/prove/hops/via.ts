/** Finds the tunnels of a connection's packets, from the packets of those tunnels that carried them. */
import { isRequest } from '../../correlate/bytes.js';
import type { Leg } from '../../correlate/leg.js';
import type { Connection } from '../../model/report.js';

type Via = NonNullable<Connection['via']>;

/** Each tunnel once, in the order in which they were first seen, and as requests go through it. */
export function describeVia(legs: readonly (Leg | undefined)[]): Pick<Connection, 'via'> {
  const via = legs.flatMap((leg) => (leg ? listTunnels(leg) : []));
  return via.length === 0 ? {} : { via: listOnce(via) };
}

function listTunnels(leg: Leg): Via {
  return leg.events.flatMap((event) => {
    if (event.kind !== 'outer') return [];
    const { kind, id, from, to } = event.tunnel;
    return isRequest(leg, event) ? { kind, id, from, to } : { kind, id, from: to, to: from };
  });
}

export function listOnce(via: Via): Via {
  const seen = new Map(via.map((one) => [[one.kind, one.id, one.from, one.to].join(), one]));
  return [...seen.values()];
}
