/** Networks inside tunnels: the same address is another one's in another of them. */
import { addressFromBytes } from '../../model/address.js';
import type { TunnelPassed } from '../../model/conversation.js';
import type { Packet, Tunnel } from '../../decode/packet.js';

/** Networks that are told apart; what is in more of them shares the last number. */
const MAX_NETWORKS = 10_000;

export class Networks {
  readonly #numbers = new Map<string, number>();

  /** From 1; the same for both directions of a tunnel. */
  number(packet: Packet): number {
    const key = packet.tunnels.map((tunnel) => describe(packet.bytes, tunnel)).join(',');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = Math.min(this.#numbers.size + 1, MAX_NETWORKS);
    if (number < MAX_NETWORKS) this.#numbers.set(key, number);
    return number;
  }

  /** The tunnels of a packet that the sender of the conversation's stream `way` sent, as its first stream goes. */
  describe({ bytes, tunnels }: Packet, way: 0 | 1): TunnelPassed[] {
    return tunnels.map((tunnel) => {
      const [source, destination] = endsOf(bytes, tunnel);
      const ends =
        way === 0 ? { from: source, to: destination } : { from: destination, to: source };
      return { kind: tunnel.kind, id: tunnel.id, port: tunnel.port, ...ends };
    });
  }
}

/** By its number; one without is told by its ends. */
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
