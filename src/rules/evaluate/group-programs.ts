/** Finds programs of control groups that decide about a socket's packets besides the rules. */
import type { GroupPoint, GroupPrograms } from '../../model/bpf-programs.js';
import type { TrialPacket } from './packet.js';
import { leaveOpen, type RouteStop } from './routing/stops.js';
import type { World } from './world.js';

/** Whose socket it is: a process by its pid, one whose pid is unknown (null), or any client of the namespace. */
type SocketOwner = { readonly pid: number | null } | 'client';

/** Checks a socket that dials; null if no program is known to decide about it. */
export function checkDialler(
  world: World,
  owner: SocketOwner,
  packet: TrialPacket,
): RouteStop | null {
  // A socket of IPv6 may dial an address of IPv4.
  const connects: readonly GroupPoint[] =
    packet.family === 4 ? ['connect4', 'connect6'] : ['connect6'];
  return findStop(world, owner, ['sock_create', ...connects, ...listCarried(packet)]);
}

/** Checks a socket that takes packets and answers; its programs for creating and dialling have no say any more. */
export function checkServer(
  world: World,
  owner: SocketOwner,
  packet: TrialPacket,
): RouteStop | null {
  return findStop(world, owner, listCarried(packet));
}

function listCarried({ protocol, family }: TrialPacket): GroupPoint[] {
  const every: GroupPoint[] = ['ingress', 'egress'];
  if (protocol === 'tcp') return every;
  every.push('sendmsg6', 'recvmsg6');
  return family === 4 ? [...every, 'sendmsg4', 'recvmsg4'] : every;
}

function findStop(
  { routing }: World,
  owner: SocketOwner,
  points: readonly GroupPoint[],
): RouteStop | null {
  const groups = routing?.facts.programs?.groups ?? [];
  for (const { group, points: attached, pids, clients } of groups) {
    if (!isMember({ pids, clients }, owner)) continue;
    const deciding = attached.filter((point) => points.includes(point));
    if (deciding.length > 0) {
      return leaveOpen('filter', { code: 'group-program', group, points: deciding });
    }
  }
  return null;
}

function isMember(
  { pids, clients }: Pick<GroupPrograms, 'pids' | 'clients'>,
  owner: SocketOwner,
): boolean {
  if (owner === 'client') return clients;
  return owner.pid === null || pids.includes(owner.pid);
}
