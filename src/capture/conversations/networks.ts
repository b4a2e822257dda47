/** Tells networks inside tunnels apart: the same address belongs to different hosts in different networks. */
import { addressFromBytes } from '../../model/address.js';
import type { TunnelPassed } from '../../model/conversation.js';
import type { Packet, Tunnel } from '../../decode/packet.js';

/** The most networks that are told apart; all further ones share the last number. */
const MAX_NETWORKS = 10_000;

export class Networks {
  readonly #numbers = new Map<string, number>();

  /** The number of the packet's network, from 1; the same for both directions of a tunnel. */
  number(packet: Packet): number {
    const key = packet.tunnels.map((tunnel) => describe(packet.bytes, tunnel)).join(',');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = Math.min(this.#numbers.size + 1, MAX_NETWORKS);
    if (number < MAX_NETWORKS) this.#numbers.set(key, number);
    return number;
  }

  /** The tunnels of a packet of stream `way`, with their ends in the direction of the conversation's first stream. */
  describe({ bytes, tunnels }: Packet, way: 0 | 1): TunnelPassed[] {
    return tunnels.map((tunnel) => {
      const [source, destination] = endsOf(bytes, tunnel);
      const ends =
        way === 0 ? { from: source, to: destination } : { from: destination, to: source };
      return { kind: tunnel.kind, id: tunnel.id, port: tunnel.port, ...ends };
    });
  }
}

/** Identifies a tunnel by its id, or by its ends when it has none. */
function describe(bytes: Uint8Array, tunnel: Tunnel): string {
  if (tunnel.id !== null) return `${tunnel.kind}${tunnel.id}`;
  return `${tunnel.kind}${endsOf(bytes, tunnel).sort().join('-')}`;
}

function endsOf(
  bytes: Uint8Array,
  { version, sourceAt, destinationAt }: Tunnel,
): [source: string, destination: string] {
  const size = version === 4 ? 4 : 16;
  const text = (at: number): string => addressFromBytes([...bytes.subarray(at, at + size)]);
  return [text(sourceAt), text(destinationAt)];
}
