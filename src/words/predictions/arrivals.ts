/** Says where a predicted connection ends: sockets of the host, relays and containers. */
import { formatEndpoint } from '../../model/address.js';
import type { ArrivalReason, HostPort, LoopbackReason, RelayName } from '../../model/reason.js';
import type { ReasonWriters } from './writer.js';

export const ARRIVALS: ReasonWriters<ArrivalReason> = {
  'redirected-to-process': ({ at, command }) =>
    `a rule sends it to ${writePort(at)} of this host, where ${command ?? 'a process'} listens: whether it answers or hands on is not known`,
  redirected: ({ at, listenersKnown }) =>
    `a rule sends it to ${writePort(at)} of this host, where ${listenersKnown ? 'nothing listens' : 'who listens is not known'}`,
  unserved: ({ at }) => `no rule sends it on, and nothing listens on ${writePort(at)}`,
  'nothing-listens': ({ at }) => `nothing listens on ${writePort(at)}`,
  served: ({ at, command }) =>
    `no rule sends it on, and ${command ?? 'a process'} listens on ${writePort(at)}`,
  held: ({ at, command }) =>
    `${command} holds ${writePort(at)} without serving it: only the rules lead to the container`,
  'no-rule-takes-it': () => 'no rule takes this packet to the container',
  'port-driver': ({ at, command }) =>
    `no rule sends it on, and ${command}, the port driver of a rootless engine, takes it on ${writePort(at)} and hands it on`,
  'relay-assumed': ({ at }) =>
    `no rule sends it on, so it goes to whoever listens on ${writePort(at)}: docker-proxy, as the rules are those of an engine that uses it`,
  'listener-unknown': ({ at }) =>
    `no rule sends it on, so it goes to whoever listens on ${writePort(at)}, which is not known`,
  relayed: ({ relay, leg }, tell) => {
    const lead = writeRelay(relay);
    if (leg === null) return lead;
    if ('fails' in leg) return `${lead}: ${tell(leg.fails)}`;
    const doubt = leg.doubt ? `; beyond that, ${tell(leg.doubt)}` : '';
    const stray = leg.stray ? `, but ${tell(leg.stray)}` : '';
    return `${lead} and connects to ${formatEndpoint(leg.to)}${doubt}${stray}`;
  },
  'relay-loops': ({ command, to }) =>
    `${command} connects to ${formatEndpoint(to)}, which leads back to it`,
  'relay-fails': ({ protocol, command, to }) => {
    const cause = `as ${command} cannot reach ${formatEndpoint(to)}`;
    return protocol === 'udp'
      ? `nothing comes back, ${cause}`
      : `its handshake with ${command} succeeds, and then it is reset, ${cause}`;
  },
  'stray-reply': ({ command, source, dialled }) =>
    `${command} answers from ${source ?? 'an own address that is not known'} and not from ${dialled ?? 'the one that was dialled'}, so the client takes the answer for a stranger's`,
  'may-stray': ({ source }) =>
    `answers from ${source ?? 'another address'} unless it minds the one that was dialled`,
  led: ({ translated, to }) =>
    `${translated ? 'a rule sends it' : 'it is routed'} to ${writeTarget(to)}`,
  balancer: () =>
    'the balancer (IPVS) of the swarm, which chooses a task: which one, and what it sees, is not known',
  'off-bridge': () => 'which is on no bridge of this host: who answers there is not known',
  'address-unheld': ({ bridge }) => `an address on ${bridge} that no running container has`,
  'address-unused': ({ address }) => `no running container has the address ${address}`,
  deaf: ({ container, port }) => `nothing listens on port ${port} in ${container}`,
  'deaf-outside': ({ container, port }) =>
    `${container} listens on 127.0.0.1:${port} only, which nobody outside the container can reach`,
};

export const LOOPBACK: ReasonWriters<LoopbackReason> = {
  'from-loopback': () => 'where a packet from 127.0.0.1 is taken for a fault',
  'loopback-unmasked': () => 'no rule masquerades what comes from 127.0.0.1',
  loopback6: () =>
    'a rule sends it on, but nothing beyond the host talks with ::1: IPv6 has no route_localnet',
  'loopback6-unrouted': () => 'a packet from ::1 cannot be routed to a container',
  'localnet-unknown': ({ device }) => `it depends on ${nameLocalnet(device)}, which is not known`,
  'localnet-needed': ({ device }) => `${nameLocalnet(device)} would have to be 1`,
  'localnet-bars': ({ device }) =>
    `a packet of 127.0.0.0/8 may not be routed over ${nameBridge(device)}: route_localnet is 0`,
  'localnet-off': ({ device }) => `${nameLocalnet(device)} is 0`,
};

function writePort({ address, port }: HostPort): string {
  return `${address ?? 'the host'} port ${port}`;
}

function writeTarget({ address, port }: HostPort): string {
  return address === null ? `port ${port}` : formatEndpoint({ address, port });
}

function writeRelay({ command, pid, listens }: RelayName): string {
  return `no rule sends it on, so ${command} (pid ${pid}), which listens on ${formatEndpoint(listens)}, takes it`;
}

function nameBridge(device: string | null): string {
  return device ?? "the container's bridge";
}

function nameLocalnet(device: string | null): string {
  return device === null
    ? `route_localnet of ${nameBridge(device)}`
    : `net.ipv4.conf.${device}.route_localnet`;
}
