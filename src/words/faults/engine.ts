/** Puts faults of the engine's rules, relays and containers into words. */
import { formatEndpoint } from '../../model/address.js';
import type { Finding } from '../../model/explain.js';
import type { EngineFault } from '../../model/fault.js';
import { writeLogsHint } from '../runtimes.js';
import { writePredictionReason } from '../predictions/reasons.js';
import type { Writers } from '../writers.js';

/** What a finding says. */
export type FaultWords = Pick<Finding, 'evidence' | 'remedy'>;

export const ENGINE_FAULTS: Writers<EngineFault, FaultWords> = {
  'docker-chains-missing': ({ unused }) => ({
    evidence: unused
      ? 'the chain DOCKER of table nat is there, but no rule jumps to it'
      : 'ports are published, but no table has the chain DOCKER for NAT: something has flushed the rules',
    remedy: 'restart the engine, which makes its rules anew: systemctl restart docker',
  }),
  'two-backends': ({ legacy, nft }) => ({
    evidence: `rules are loaded by iptables-legacy (${legacy.join(', ') || 'tables not read'}) and by iptables-nft (${nft.join(', ')}): a packet meets both, and each tool shows only its own`,
    remedy:
      'choose one (update-alternatives --config iptables), flush the other, and restart the engine',
  }),
  'stale-relay': ({ command, listens, target, about: { pid } }) => ({
    evidence: `${command} (pid ${pid}) listens on ${formatEndpoint(listens)} and leads to ${formatEndpoint(target)}, an address that no running container has`,
    remedy: `start the container again; if the port stays taken, end the relay: kill ${pid}`,
  }),
  'listens-on-loopback': ({ about: { container, port } }) => ({
    evidence: `the process in ${container} listens on 127.0.0.1:${port} only: the container's own loopback, which no published port reaches`,
    remedy: `make it listen on 0.0.0.0:${port} (an option such as bind or listen of the program)`,
  }),
  'nothing-listens': ({ protocol, runtime = {}, about: { container, port } }) => ({
    evidence: `nothing in ${container} listens on ${protocol} port ${port}`,
    remedy: `find out why it does not${writeLogsHint(container, runtime)}, or publish the port that it listens on`,
  }),
  'ip-forward-off': () => ({
    evidence: 'net.ipv4.ip_forward is 0: nothing from outside is forwarded to a container',
    remedy: 'sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d',
  }),
  'bridge-nf-off': () => ({
    evidence:
      'net.bridge.bridge-nf-call-iptables is off and there is no docker-proxy: a container that dials a published port of its own network gets replies from the wrong address',
    remedy: 'modprobe br_netfilter and sysctl -w net.bridge.bridge-nf-call-iptables=1',
  }),
  'source-lost': ({ dialled, seen }) => ({
    evidence: `clients from outside who dial ${dialled.join(', ')} come through docker-proxy: the container sees ${seen} instead of their address`,
    remedy:
      'give the container an address of the same family (for IPv6: --ipv6 networks), or see that the DNAT rule is there',
  }),
  'published-on-loopback': writeLocal,
};

function writeLocal({
  listens,
  neighbour: { path, why, rule, target },
}: Extract<EngineFault, { code: 'published-on-loopback' }>): FaultWords {
  const port = `port ${listens.port} is published on ${listens.address} only`;
  if (path === 'dropped' || path === 'refused') {
    return {
      evidence: `${port}, and what comes from elsewhere for it is ${path}: ${writePredictionReason(why)}`,
      remedy: `if others should reach it, publish it without the address: -p ${listens.port}:…`,
    };
  }
  const remedy =
    'Docker 28 and newer drop such packets; before: iptables -t raw -I PREROUTING -d 127.0.0.0/8 ! -i lo -j DROP';
  if (path === 'unknown') {
    const evidence = `${port}; whether a neighbour on the link reaches it is not known: ${writePredictionReason(why)}`;
    return { evidence, remedy };
  }
  const by = rule === null ? '' : ` by "${rule}"`;
  return {
    evidence: `${port}, but a neighbour on the link reaches it: a packet to ${listens.address} that comes from there is sent to ${target ?? 'the container'}${by}`,
    remedy,
  };
}
