/** Puts faults of a host's settings and devices into words. */
import type { RoutingFault } from '../../model/fault.js';
import type { Writers } from '../writers.js';
import type { FaultWords } from './engine.js';

/** Most rules that a finding names. */
const NAMED = 3;

export const ROUTING_FAULTS: Writers<RoutingFault, FaultWords> = {
  'conntrack-full': ({ count, most }) => ({
    evidence: `the table of connections holds ${count} of at most ${most}: when it is full, new connections are dropped`,
    remedy:
      'raise net.netfilter.nf_conntrack_max, and look who opens so many (conntrack -S, conntrack -L)',
  }),
  'mtu-smaller': ({ bridge, mtu, ways }) => ({
    evidence: `the MTU of ${bridge} is ${mtu}, and a default route leads by ${ways.map((way) => `${way.device} (${way.mtu})`).join(', ')}: full packets of containers become smaller only where ICMP messages arrive`,
    remedy:
      'give the network the smaller MTU (com.docker.network.driver.mtu), or clamp the MSS: -j TCPMSS --clamp-mss-to-pmtu',
  }),
  'policy-routing': ({ rules }) => {
    const named = rules.slice(0, NAMED).map((rule) => `"${rule}"`);
    const more = rules.length > NAMED ? ` and ${rules.length - NAMED} more` : '';
    return {
      evidence: `routing rules decide before the main table, as VPNs such as WireGuard and Tailscale make them: ${named.join(', ')}${more}`,
      remedy: 'ask which one a packet takes: ip route get CLIENT from SERVER iif DEVICE',
    };
  },
};
