/** Checks relayed bytes in a report: that process moved them, after they came in and before they went on. */
import type { Hop } from '../../src/model/report.js';
import type { Shown } from './possible.js';

export function listFalseMoves({ connection, eventOf, trace }: Shown): string[] {
  return connection.hops.flatMap((hop, index) => {
    if (hop.kind !== 'relay') return [];
    const event = eventOf.get(hop.event);
    const what = `event ${hop.event}, ${hop.bytes} B`;
    if (event?.kind !== 'move' && event?.kind !== 'copy') return [`${what}: nothing was moved`];
    const problems: string[] = [];
    if (event.pid !== hop.process?.pid)
      problems.push(`${what}: not by pid ${hop.process?.pid ?? 0}`);
    if (hop.bytes > event.bytes) problems.push(`${what}: ${event.bytes} B were moved`);
    if (BigInt(hop.time) > trace.header.epoch + BigInt(event.time)) {
      problems.push(`${what}: later than the call returned`);
    }
    const relay = hop.relayNumber ?? 0;
    const [near, far] = hop.flow === 'request' ? [relay - 1, relay] : [relay, relay - 1];
    const early = connection.hops.slice(0, index).filter((one) => carries(one, far, hop));
    if (early.length > 0) problems.push(`${what}: event ${early[0]?.event ?? 0} has them before`);
    const all = connection.hops.filter((one) => carries(one, near, hop));
    const came = connection.hops.slice(0, index).some((one) => carries(one, near, hop));
    if (all.length > 0 && !came) problems.push(`${what}: before they came`);
    return problems;
  });
}

/** Whether this packet of that leg carries some of the bytes. */
function carries({ kind, legNumber, flow, stream }: Hop, leg: number, move: Hop): boolean {
  if (kind !== 'packet' || legNumber !== leg || flow !== move.flow) return false;
  if (!stream || !move.stream) return false;
  return stream.from < move.stream.to && move.stream.from < stream.to;
}
