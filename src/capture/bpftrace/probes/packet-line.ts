/** Reads the lines that hops-out.bt and hops-in.bt print: of a packet, and of one inside a tunnel's packet. */
import type { OuterEvent, PacketEvent, Unnumbered } from '../../../model/event.js';
import { CONNTRACK_FIELDS, PACKET_FIELDS, TUNNEL_FIELDS } from '../field-reader.js';
import { defineLine } from './slice.js';

const BARE = PACKET_FIELDS + 2;

export const packetLine = defineLine<Unnumbered<PacketEvent>>({
  letter: 'P',
  kind: 'packet',
  fields: [BARE, BARE + CONNTRACK_FIELDS],
  numbers: [2],
  named: false,
  read(f, reader) {
    const direction = f[1];
    if (direction !== 'in' && direction !== 'out') return null;
    return {
      kind: 'packet',
      ...reader.packet(f, 2),
      direction,
      conntrack: f.length === BARE ? null : reader.conntrack(f, BARE, 2),
    };
  },
  seal: ({ source, destination, direction }) => ({ ends: [source, destination], sign: direction }),
});

export const outerLine = defineLine<Unnumbered<OuterEvent>>({
  letter: 'W',
  kind: 'outer',
  fields: [BARE + TUNNEL_FIELDS],
  numbers: [2],
  named: false,
  read(f, reader) {
    const direction = f[1];
    const tunnel = reader.tunnel(f, BARE);
    if ((direction !== 'in' && direction !== 'out') || tunnel === null) return null;
    return { kind: 'outer', ...reader.packet(f, 2), direction, tunnel };
  },
  seal: null,
});
