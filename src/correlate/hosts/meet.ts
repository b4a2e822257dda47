/** Finds legs of two hosts that are one connection on the wire between them. */
import { formatEndpoint } from '../../model/address.js';
import type { EdgeSight, Face } from './face.js';

/** A packet that both hosts saw. */
export interface SharedPacket {
  readonly near: EdgeSight;
  readonly far: EdgeSight;
}

/** A leg that leaves one host and arrives at another. */
export interface Meeting<Near = Face, Far = Face> {
  readonly near: Near;
  readonly far: Far;
  readonly packets: readonly SharedPacket[];
}

/**
 * Pairs leaving faces with arriving faces. If several fit, all are only candidates, so none is paired.
 * @param leaving faces of one host, and `coming` of the other
 */
export function findMeetings(leaving: readonly Face[], coming: readonly Face[]): Meeting[] {
  const byEnds = Map.groupBy(coming, endsOf);
  const found = leaving.flatMap((near) =>
    (byEnds.get(endsOf(near)) ?? [])
      .filter((far) => isSame(near, far))
      .map((far): Meeting => ({ near, far, packets: listShared(near, far) })),
  );
  const nears = countEach(found.map(({ near }) => near));
  const fars = countEach(found.map(({ far }) => far));
  return found.filter(({ near, far }) => nears.get(near) === 1 && fars.get(far) === 1);
}

/**
 * Whether two faces with equal ends are the same: the random initial numbers must agree, of the SYN, and of its answer
 * where both saw one. If a connection began earlier, one packet in each direction must agree in all its numbers.
 */
function isSame(near: Face, far: Face): boolean {
  if (near.synAck !== null && far.synAck !== null && near.synAck !== far.synAck) return false;
  if (near.syn !== null && far.syn !== null) return near.syn === far.syn;
  const shared = listShared(near, far);
  return [true, false].every((request) => shared.some((one) => one.near.request === request));
}

function listShared(near: Face, far: Face): SharedPacket[] {
  return [...near.single].flatMap(([key, sight]) => {
    const other = far.single.get(key);
    return other === undefined ? [] : [{ near: sight, far: other }];
  });
}

function endsOf({ client, server }: Face): string {
  return `${formatEndpoint(client)} ${formatEndpoint(server)}`;
}

function countEach<T>(list: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const one of list) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}
