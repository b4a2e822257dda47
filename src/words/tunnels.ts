/** Names the tunnels that a connection went through. */
import type { Connection } from '../model/report.js';

type Via = NonNullable<Connection['via']>[number];

const NAMES: Readonly<Record<Via['kind'], string>> = {
  vxlan: 'VXLAN',
  geneve: 'Geneve',
  gre: 'GRE',
  ipip: 'IP in IP',
  wireguard: 'WireGuard',
};

/** `VXLAN 4097` */
export function nameTunnel(kind: Via['kind'], id: number | null): string {
  return id === null ? NAMES[kind] : `${NAMES[kind]} ${id}`;
}

/** `inside VXLAN 4096 from 192.0.2.11 to 192.0.2.12`; the outermost tunnel comes first. */
export function tellTunnels(via: readonly Via[]): string {
  const told = via.map(({ kind, id, from, to }) => {
    return `${nameTunnel(kind, id)} from ${from} to ${to}`;
  });
  return `inside ${told.join(', inside that ')}`;
}
