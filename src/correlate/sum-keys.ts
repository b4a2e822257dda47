/** Which sum of the kernel's a call is part of: of one socket and direction, or of a pair of sockets that is spliced. */
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

/** The sum that counts a call. */
export function sumOfCall(call: CopyEvent | MoveEvent): string {
  return call.kind === 'move'
    ? keyOfSockets('move', call.from, call.to)
    : keyOfSockets(call.operation, call, null);
}

/** The same, of the sum as it was told. */
export function keyOfSum({ operation, from, to }: TotalEvent): string {
  const own = [operation, from.socket, from.localPort, from.remotePort];
  return (to === null ? [...own, from.life] : [...own, to.socket, to.localPort]).join();
}
