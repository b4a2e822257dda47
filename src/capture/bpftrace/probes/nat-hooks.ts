/** Reads rewrites of packets by NAT: the hook, the rewritten end, its old and new value. */
import { NETFILTER_HOOKS, type NatEvent, type Unnumbered } from '../../../model/event.js';
import { CONNTRACK_FIELDS, PACKET_FIELDS } from '../field-reader.js';
import { hex } from '../line-fields.js';
import { defineLine, type ProbeSlice } from './slice.js';

/** Before the packet: hook, end that is rewritten, direction of the entry. */
const BARE = PACKET_FIELDS + 2;

const natLine = defineLine<Unnumbered<NatEvent>>({
  letter: 'N',
  kind: 'nat',
  fields: [BARE + CONNTRACK_FIELDS],
  numbers: [1],
  named: false,
  read(f, reader) {
    const view = reader.conntrack(f, BARE, 2);
    const place = hex(f[1]);
    // The new value of an end is the opposite end of the entry's other direction.
    const other = (place & 15) === 0 ? view.reply : view.original;
    const source = ((place >>> 4) & 15) === 0;
    return {
      kind: 'nat',
      ...reader.packet(f, 2),
      hook: NETFILTER_HOOKS[place >>> 8] ?? null,
      field: source ? 'source' : 'destination',
      becomes: source ? other.destination : other.source,
      conntrack: view,
    };
  },
  seal: ({ source, destination }) => ({ ends: [source, destination], sign: null }),
});

export const natHooks: ProbeSlice = {
  file: 'nat-hooks.bt',
  lines: [natLine],
  signs: [],
  when: 'functions',
  witnesses: [],
  guard: 'flow',
};
