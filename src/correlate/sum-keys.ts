/**
 * Builds the keys that match calls with the kernel's sums: one sum per socket and direction, or per pair of spliced
 * sockets.
 */
import type { CopyEvent, MoveEvent, SocketEnds, TotalEvent } from '../model/event.js';

/** @param to the receiving socket of a splice, else null */
export function keyOfSockets(
  operation: TotalEvent['operation'],
  { socket, local, remote, life }: SocketEnds & Pick<CopyEvent, 'life'>,
  to: SocketEnds | null,
): string {
  const own = [operation, socket, local.port, remote.port];
  return (to === null ? [...own, life] : [...own, to.socket, to.local.port]).join();
}

/** The key of the sum that includes a call. */
export function sumOfCall(call: CopyEvent | MoveEvent): string {
  return call.kind === 'move'
    ? keyOfSockets('move', call.from, call.to)
    : keyOfSockets(call.operation, call, null);
}

/** The key of a sum, from its event. */
export function keyOfSum({ operation, from, to }: TotalEvent): string {
  const own = [operation, from.socket, from.localPort, from.remotePort];
  return (to === null ? [...own, from.life] : [...own, to.socket, to.localPort]).join();
}
