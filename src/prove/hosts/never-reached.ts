/** Finds, for a connection that left its host and reached no other, its destination host and whether it was lost. */
import { TCP } from '../../model/event.js';
import type { Crossing } from '../../model/hosts.js';
import { isLossless } from '../coverage/coverage.js';
import type { HostTrace, JudgedPart } from './host-trace.js';
import { ownsAddress, wouldSee } from './losses.js';

/** Null where it was not seen to leave, where its own host owns the address, or where several hosts do. */
export function findWayOut(part: JudgedPart, hosts: readonly HostTrace[]): Crossing | null {
  const { leaves } = part.part;
  if (leaves === null) return null;
  const owners = hosts.filter(({ trace }) =>
    ownsAddress(trace.header.topology, leaves.server.address),
  );
  const [owner, ...others] = owners;
  if (owner === part.host || others.length > 0) return null;
  const lost = { fromClient: null, fromServer: null };
  const latency = { request: null, reply: null };
  const way = { from: part.host.name, to: owner?.name ?? null, latency, lost };
  if (owner === undefined) return { ...way, reached: null };
  return { ...way, reached: isProvenLost(part, owner) ? false : null };
}

/**
 * Whether the connection is proven lost: its SYN left while the other host's probes were live, the trace there is
 * complete, of all clients, and covers the port, and no packet with the SYN's number came there under any address.
 */
function isProvenLost({ part, host }: JudgedPart, owner: HostTrace): boolean {
  const { leaves } = part;
  if (leaves?.syn == null || !isLossless(owner.coverage)) return false;
  const { target, client } = owner.trace.header;
  // A trace of one client reports no packet whose client was rewritten on the way.
  if (client !== null) return false;
  const { ports } = target;
  if (!ports.includes(leaves.server.port) && !ports.includes(leaves.client.port)) return false;
  const { syn } = leaves;
  const sent = leaves.leg.events.filter(
    (event) => event.kind === 'packet' && (event.flags & TCP.SYN) !== 0 && event.seq === syn,
  );
  if (sent.length === 0 || !sent.every(({ time }) => wouldSee(host, owner, time))) return false;
  return !listNumbers(owner).has(syn);
}

const numbers = new WeakMap<HostTrace, ReadonlySet<number>>();

/** Sequence numbers of all TCP packets that a host saw or dropped. */
function listNumbers(host: HostTrace): ReadonlySet<number> {
  const known =
    numbers.get(host) ??
    new Set(
      host.trace.events.flatMap((event) =>
        (event.kind === 'packet' || event.kind === 'drop') && event.protocol === 'tcp'
          ? event.seq
          : [],
      ),
    );
  numbers.set(host, known);
  return known;
}
