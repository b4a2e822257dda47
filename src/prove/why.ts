/** Why a connection took its path: the observed fact that sent it this way, or the rule, where rules were read. */
import type { Nat } from '../correlate/leg.js';
import { formatEndpoint, isLoopback } from '../model/address.js';
import type { Connection, Predicted } from '../model/report.js';
import type { Path } from '../model/verdict.js';
import type { Observed } from './observed.js';

export function tellWhy(subject: Observed, path: Path | 'unknown'): string | null {
  const { leg, topology, relayAccept, hostAccept, link, redirect } = subject;
  if (leg.server === null) return null;
  const dialled = formatEndpoint(leg.server);
  switch (path) {
    case 'dnat':
      return `a DNAT rule matches ${dialled} in ${leg.nat?.hook ?? 'the nat table'}`;
    case 'docker-proxy':
    case 'relay': {
      const pid = link?.pid ?? relayAccept?.pid;
      const relay = topology.relays.find((candidate) => candidate.pid === pid);
      const listens = relay
        ? `, where it listens on ${formatEndpoint(relay.listens)}`
        : numberOf(pid);
      const command = link?.command ?? relayAccept?.command ?? 'the relay';
      if (redirect) return `${tellRedirect(redirect, dialled)}, where ${command} takes it`;
      return `no DNAT rule took ${dialled}, so it went to ${command}${listens}${tellException(leg.server.address)}`;
    }
    case 'direct':
      return `${dialled} is the container's own address, which no rule rewrites`;
    case 'host':
      if (redirect)
        return `${tellRedirect(redirect, dialled)}, where a process of the host listens`;
      return hostAccept
        ? `${dialled} belongs to the host, and a process of the host listens there`
        : `${dialled} belongs to the host, and nothing listens there`;
    case 'unknown':
      return null;
  }
}

function numberOf(pid: number | undefined): string {
  return pid === undefined ? '' : ` (pid ${pid})`;
}

function tellRedirect({ view, hook }: Nat, dialled: string): string {
  return `a rule in ${hook ?? 'the nat table'} sends ${dialled} to the host's own ${formatEndpoint(view.reply.source)}`;
}

/** Docker's rules name loopback addresses as exceptions; that is worth saying where it applies. */
function tellException(address: string): string {
  return isLoopback(address)
    ? ' (with the userland proxy on, Docker’s OUTPUT rule leaves out loopback addresses)'
    : '';
}

/**
 * The rule or fact that the evaluator names, where it predicted what was seen; null where it cannot add to that.
 * @param bridge the engine's bridge that the dialled address is on
 */
export function tellDeciding(
  { server, path, outcome, nat, relay }: Connection,
  { agrees, rule, at, why, path: predicted, target }: Predicted,
  bridge: string | null,
): string | null {
  if (agrees !== true || server === null) return null;
  const dialled = formatEndpoint(server);
  const named =
    rule !== null && at ? `the rule "${rule}" (${at.backend}, table ${at.table})` : null;
  if (predicted === 'dropped' || predicted === 'refused') return why;
  switch (path) {
    case 'dnat':
      return (
        named && `${named} sends ${dialled} to ${target ?? 'a container'} in ${nat?.hook ?? 'NAT'}`
      );
    case 'docker-proxy':
    case 'relay': {
      const process = relay?.command
        ? `${relay.command}${relay.pid === null ? '' : ` (pid ${relay.pid})`}`
        : 'a relay';
      const end = outcome === 'reset' && why.includes(' cannot reach ') ? `: ${why}` : '';
      return named
        ? `${named} leaves ${dialled} alone, so ${process} takes it${end}`
        : `no ${family(server.address)} rule sends ${dialled} on, so ${process} takes it${end}`;
    }
    case 'direct':
      return `${dialled} is the container's own address${bridge === null ? '' : `, reached over the bridge ${bridge}`}, and no rule rewrites or stops it`;
    case 'host':
    case 'unknown':
      return why;
  }
}

function family(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}
