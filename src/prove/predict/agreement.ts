/** Turns a traced connection into an attempt that can be predicted, and checks whether it came as predicted. */
import type { Forecast } from '../../model/forecast.js';
import type { Connection } from '../../model/report.js';
import type { Attempt } from '../../rules/evaluate/vantages.js';
import type { RuleRef } from '../../rules/evaluate/rule-index.js';
import {
  familyOf,
  findBridgeOf,
  findWorldRoute,
  isOwnAddress,
  type World,
} from '../../rules/evaluate/world.js';

/** The attempt that a connection was; null when it is not known what was dialled, or from where. */
export function retrace(world: World, connection: Connection): Attempt | null {
  const { client, server, protocol, clientNamespace } = connection;
  if (server === null || familyOf(client.address) !== familyOf(server.address)) return null;
  const fields = {
    protocol,
    port: server.port,
    to: server.address,
    family: familyOf(server.address),
  };
  if (
    clientNamespace === 'host' ||
    (clientNamespace === null && isOwnAddress(world, client.address))
  ) {
    const vantage =
      server.address === '::1'
        ? 'loopback6'
        : server.address.startsWith('127.')
          ? 'loopback'
          : 'own-address';
    return { vantage, from: { kind: 'host' }, start: { ...fields, by: { kind: 'host' } } };
  }
  const owner = world.containers.find(({ places }) =>
    places.some(({ address }) => address === client.address),
  );
  const place = owner?.places.find(({ address }) => address === client.address);
  const bridge = place?.bridge ?? findBridgeOf(world, client.address)?.name;
  if (bridge != null) {
    const inside = connection.container?.name === owner?.name;
    const target = connection.container && findBridgeOf(world, connection.container.address);
    const vantage = inside ? 'self' : target?.name === bridge ? 'same-bridge' : 'other-bridge';
    const by = { kind: 'container', bridge, address: client.address } as const;
    return {
      vantage,
      from: { kind: 'container', name: owner?.name ?? client.address },
      start: { ...fields, by },
    };
  }
  // The host's rules and routes do not see what a container sends into an overlay.
  if (connection.via) return null;
  const device = findWorldRoute(world, client.address)?.device ?? null;
  const by = { kind: 'outside', device, source: client.address } as const;
  return { vantage: 'outside', from: { kind: 'outside' }, start: { ...fields, by } };
}

/** Whether a connection came as predicted; null where the prediction or the trace cannot tell. */
export function agree(
  connection: Connection,
  attempt: Attempt,
  prediction: Forecast,
  deciding: RuleRef | null,
): boolean | null {
  const { outcome, path, proof, drop } = connection;
  if (proof === 'inconclusive' || path === 'unknown' || prediction.path === 'unknown') return null;
  if (prediction.way !== null && !goesSameWay(connection, attempt, prediction)) return false;
  if (prediction.path === 'dropped') return isLostAsPredicted(connection, deciding);
  if (prediction.path === 'refused') {
    // A rule may refuse with an ICMP message that the client ignores.
    return outcome === 'refused' || (outcome !== 'answered' && rejects(deciding));
  }
  if (outcome === 'refused') return false;
  // A connection that should have been answered and was not met something outside the prediction.
  if (outcome === 'unanswered') return null;
  if (outcome !== 'dropped') return true;
  return drop === null || drop.reason === 'NETFILTER_DROP' ? false : null;
}

/** Whether a rule dropped it if one was predicted to, and something else if not; null where no drop was seen. */
function isLostAsPredicted(
  { outcome, drop }: Connection,
  deciding: RuleRef | null,
): boolean | null {
  if (outcome !== 'dropped' && outcome !== 'unanswered') return false;
  if (drop === null) return null;
  return (drop.reason === 'NETFILTER_DROP') === (deciding !== null && !translates(deciding));
}

function goesSameWay(
  { path, nat, outcome }: Connection,
  { start }: Attempt,
  prediction: Forecast,
): boolean {
  const { way, target } = prediction;
  // A connection that was stopped at the host reached no process, so its path does not show the relay it was meant for.
  const stops = prediction.path === 'refused' || prediction.path === 'dropped';
  const stopped = path === 'host' && (outcome === 'refused' || outcome === 'dropped');
  if (stopped && stops && (way === 'docker-proxy' || way === 'relay')) return true;
  if (path !== way) return false;
  if (path !== 'dnat' || !nat) return true;
  const hook = start.by.kind === 'host' ? 'OUTPUT' : 'PREROUTING';
  return (nat.hook ?? hook) === hook && (target ?? nat.target) === nat.target;
}

/** Whether the rule only translates the packet, which was then lost elsewhere. */
function translates({ rule }: RuleRef): boolean {
  return (
    rule?.steps.some((step) => step.kind === 'verdict' && TRANSLATIONS.has(step.verdict.do)) ??
    false
  );
}

const TRANSLATIONS: ReadonlySet<string> = new Set(['dnat', 'snat', 'masquerade', 'redirect']);

function rejects(deciding: RuleRef | null): boolean {
  return (
    deciding?.rule?.steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'reject') ??
    false
  );
}
