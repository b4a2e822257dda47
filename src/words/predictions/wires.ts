/** Writes reasons that lie between routing and the owner of the address: gateways, bridges, ports, neighbours. */
import type { WireReason } from '../../model/route-reason.js';
import type { ReasonWriters } from './writer.js';

export const WIRES: ReasonWriters<WireReason> = {
  'by-gateway': ({ to, device, gateway, container }) =>
    `the route to ${to} leads by ${device} to the gateway ${gateway}, and not to ${container} itself`,
  stacked: ({ container, kind, on, problem }) =>
    `${container} is a ${kind} on ${on}${writeStacked(problem)}`,
  'other-bridge': ({ to, device, container, bridge }) =>
    `the route to ${to} leads by ${device}, and ${container} is on ${bridge}`,
  'address-gone': ({ container, address }) => `no device of ${container} has ${address}`,
  'inner-down': ({ device, container }) => `${device} of ${container} is down`,
  'leaves-by-another': ({ device }) => `it leaves by another device, ${device}`,
  'leaves-by': ({ device, cameBy }) =>
    `it leaves by ${device ?? 'a device whose name is not known'}, and the request came in on ${cameBy ?? 'another device'}`,
  'from-own-address': ({ address }) =>
    `the container would get a packet from its own address ${address}, and drops it`,
  'own-port-unmasked': () => 'no rule masquerades what a container sends to its own published port',
  'straight-reply': ({ bridge, dialled }) =>
    `the reply would come straight over ${bridge} from another address than ${dialled ?? 'the one dialled'}`,
  'replies-untranslated': ({ bridge, family }) =>
    `net.bridge.bridge-nf-call-ip${family === 4 ? '' : '6'}tables is off, so replies inside ${bridge} are not translated back`,
  'no-hairpin': ({ port }) =>
    `it would have to go back by ${port}, the port that it came from, which is not in hairpin mode`,
  'hairpin-unknown': () =>
    'it would have to go back by the port of the bridge that it came from, and whether that port is in hairpin mode is not known',
  'xdp-program': ({ device }) => writeProgram(`an XDP program on ${device}`),
  'traffic-filter': ({ device, kind, direction }) =>
    writeProgram(`a traffic filter (tc, ${kind}) on ${device} for ${direction}`),
  'tcx-program': ({ device, direction }) =>
    writeProgram(`a program of BPF (tcx) on ${device} for ${direction}`),
  'group-program': ({ group, points }) =>
    writeProgram(`a program of BPF on the control group ${group} (${points.join(', ')})`),
  'vlan-filter': ({ bridge }) => `${bridge} filters VLANs, and which its ports are in is not read`,
  'port-down': ({ port, bridge }) => `${writePort(port, bridge)}, is down`,
  'port-blocked': ({ port, bridge }) =>
    `${writePort(port, bridge)}, is not in the state forwarding`,
  'strange-gateway': ({ gateway, device }) =>
    `it leaves ${device} by the gateway ${gateway}, though the client is on that link, and whether that hands it on is not known`,
  'forwarded-elsewhere': ({ port, bridge, lladdr }) =>
    `an entry of ${bridge} that was made by hand sends frames to ${lladdr} out by ${port}, another port`,
  'port-floods-not': ({ port }) =>
    `${port} is a port that not all frames go out by: whether those that ask for its neighbour do is not known`,
  'port-locked': ({ port }) => `${port} is a locked port, and whom it lets in is not read`,
  isolated: ({ ports, bridge }) =>
    `${ports.join(' and ')} ${ports.length === 1 ? 'is an isolated port' : 'are isolated ports'} of ${bridge ?? 'their bridge'}`,
  'fixed-neighbour': ({ address, device, lladdr, own }) => {
    const entry = `the neighbour entry of ${address} on ${device} is permanent (${lladdr ?? 'without an address'})`;
    return own === null
      ? `${entry}, and whether that is its hardware address is not known`
      : `${entry}, and not ${own}, which is its own`;
  },
};

function writeStacked(problem: Extract<WireReason, { code: 'stacked' }>['problem']): string {
  switch (problem.kind) {
    case 'routed-elsewhere':
      return `, and the route to ${problem.to} leads by ${problem.device}`;
    case 'vepa':
      return ' in mode vepa, so what the switch does decides';
    case 'own-host':
      return ', which its own host does not reach';
  }
}

function writeProgram(program: string): string {
  return `${program} decides here besides the rules, and what it does is not read`;
}

function writePort(port: string, bridge: string | null): string {
  return `${port}, the container's port on ${bridge ?? 'its bridge'}`;
}
