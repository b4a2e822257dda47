/** Says why a connection took its path, by the facts that were seen; prove/predict adds reasons from rules. */
import { formatEndpoint, isLoopback } from '../model/address.js';
import type { Judged, RelayFacts } from '../model/judgement.js';

/** Null when no path is reported, or the dialled address is unknown. */
export function writeWhy({ facts, claims, judgement }: Judged): string | null {
  const { server, relay, redirect, taken } = facts;
  if (server === null) return null;
  const dialled = formatEndpoint(server);
  const redirected =
    redirect &&
    `a rule in ${redirect.hook ?? 'the nat table'} sends ${dialled} to the host's own ${formatEndpoint(redirect.to)}`;
  switch (judgement.path) {
    case 'dnat': {
      const rewriting = claims.find(({ code }) => code === 'nat-rewritten');
      const hook = rewriting?.code === 'nat-rewritten' ? rewriting.facts.hook : null;
      return `a DNAT rule matches ${dialled} in ${hook ?? 'the nat table'}`;
    }
    case 'docker-proxy':
    case 'relay': {
      const command = relay?.process?.command ?? 'the relay';
      return redirected
        ? `${redirected}, where ${command} takes it`
        : `no DNAT rule took ${dialled}, so it went to ${command}${writeListening(relay)}${writeException(server.address)}`;
    }
    case 'direct':
      return `${dialled} is the container's own address, which no rule rewrites`;
    case 'host':
      if (redirected) return `${redirected}, where a process of the host listens`;
      return taken
        ? `${dialled} belongs to the host, and a process of the host listens there`
        : `${dialled} belongs to the host, and nothing listens there`;
    case 'unknown':
      return null;
  }
}

function writeListening(relay: RelayFacts | null): string {
  if (relay?.listens) return `, where it listens on ${formatEndpoint(relay.listens)}`;
  return relay?.process ? ` (pid ${relay.process.pid})` : '';
}

/** Says so when Docker's exception for loopback addresses applies. */
function writeException(address: string): string {
  return isLoopback(address)
    ? ' (with the userland proxy on, Docker’s OUTPUT rule leaves out loopback addresses)'
    : '';
}
