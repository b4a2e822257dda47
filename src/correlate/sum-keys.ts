/** Which sum of the kernel's a call is part of: of one socket and direction, or of a pair of sockets that is spliced. */
import type { CopyEvent, MoveEvent, TotalEvent } from '../model/event.js';

/** The sum that counts a call. */
export function sumOfCall(call: CopyEvent | MoveEvent): string {
  if (call.kind === 'move') {
    const { from, to } = call;
    return [
      'move',
      from.socket,
      from.local.port,
      from.remote.port,
      to.socket,
      to.local.port,
    ].join();
  }
  const { operation, socket, local, remote, life } = call;
  return [operation, socket, local.port, remote.port, life].join();
}

/** The same, of the sum as it was told. */
export function keyOfSum({ operation, from, to }: TotalEvent): string {
  const own = [operation, from.socket, from.localPort, from.remotePort];
  return (to === null ? [...own, from.life] : [...own, to.socket, to.localPort]).join();
}
