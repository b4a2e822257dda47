/** Names the rule that decided a connection's path, if the rules that were read predicted what was seen. */
import { formatEndpoint } from '../model/address.js';
import type { Connection, Predicted } from '../model/report.js';

/** What else the evaluator knows about the prediction. */
export interface Beyond {
  /** The engine's bridge that the dialled address is on. */
  readonly bridge: string | null;
  /** Whether the prediction found obstacles. */
  readonly obstructed: boolean;
}

/** The rule or fact that decided, if the evaluator predicted what was seen; null when it adds nothing. */
export function writeDeciding(
  { server, path, outcome, nat, relay }: Connection,
  { agrees, rule, at, why, path: predicted, target, service }: Predicted,
  { bridge, obstructed }: Beyond,
): string | null {
  if (agrees !== true || server === null) return null;
  const dialled = formatEndpoint(server);
  const named =
    rule !== null && at ? `the rule "${rule}" (${at.backend}, table ${at.table})` : null;
  if (predicted === 'dropped' || predicted === 'refused') return why;
  switch (path) {
    case 'dnat':
      return (
        named &&
        `${named} sends ${dialled} to ${target ?? 'a container'} in ${nat?.hook ?? 'NAT'}${service === undefined ? '' : writeService(service)}`
      );
    case 'docker-proxy':
    case 'relay': {
      const process = relay?.command
        ? `${relay.command}${relay.pid === null ? '' : ` (pid ${relay.pid})`}`
        : 'a relay';
      const end = outcome === 'reset' && obstructed ? `: ${why}` : '';
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

/** Says which Service of Kubernetes (`NAMESPACE/NAME`) a rule is for. */
export function writeService(service: string): string {
  return `, for the Service ${service} of Kubernetes`;
}

function family(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}

/** The same for rules that came while the trace ran. */
export function writeSince(deciding: string): string {
  return `${deciding} (by the rules at the end)`;
}
