/** Says what to do when routing, the wire or the container itself stops a packet. */
import type { StopFault, Stopping } from '../../model/fault.js';
import { writePredictionReason } from '../predictions/reasons.js';
import type { FaultWords } from './engine.js';

export function writeStopping({ code, stop, vantage, to }: Stopping): FaultWords {
  return {
    evidence: `${writePredictionReason(stop)} (${vantage}, to ${to})`,
    remedy: STOP_REMEDIES[code],
  };
}

export const STOP_REMEDIES: Readonly<Record<StopFault, string>> = {
  'route-missing': 'add the route, or the default route, where it is missing: ip route add …',
  'route-refuses':
    'remove the route or the rule that says no (ip route show table all, ip rule), or add a more specific one',
  'no-carrier': 'find out why the device has no link: ip link, dmesg',
  'forwarding-off': 'switch that setting on (sysctl -w SETTING=1), and keep it in /etc/sysctl.d',
  'rp-filter':
    'make it loose (sysctl -w net.ipv4.conf.DEVICE.rp_filter=2, and the one of all as well), or give the way back a route by the same device',
  'own-source': 'two machines have one address, or accept_local would have to be 1 on that device',
  'answer-elsewhere':
    'check the way of the answer (ip route get CLIENT from SERVER iif DEVICE), and route it back by the device that the request came by, if it must',
  'gateway-elsewhere':
    "make the host the container's gateway: take it off the other network (docker network disconnect), or choose which network gives the gateway (gw-priority, since Docker 28)",
  'neighbour-fixed':
    'remove the entry that was made by hand, so that the kernel asks: ip neigh del …',
  'neighbours-stopped':
    'let neighbours find each other: accept ICMPv6 of the types 135 and 136 (and ARP), before rules that drop what is left',
  'bridge-port': 'check the port: ip -d link show dev PORT, bridge link set dev PORT …',
  'macvlan-host': 'give the host a macvlan of its own on the same device, or dial from elsewhere',
  'traffic-program':
    'check what it does: tc filter show dev DEVICE ingress, ip -d link show dev DEVICE, bpftool net show, bpftool cgroup tree',
  'inside-container':
    "look at the rules in the container's own namespace: nsenter -n -t PID nft list ruleset",
};
