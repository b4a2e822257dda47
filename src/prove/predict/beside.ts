/** Prediction beside observation: what a traced connection should have done by the rules, and what a difference means. */
import { formatEndpoint } from '../../model/address.js';
import type { ExplainedRule, Finding, Prediction } from '../../model/explain.js';
import type { Connection } from '../../model/report.js';
import { predictAttempt } from './predict.js';
import type { Attempt } from './vantages.js';
import { familyOf, findBridgeOf, findRoute, isOwnAddress, type World } from './world.js';

/** Null when it is not known what was dialled, or from where. */
export function predictConnection(world: World, connection: Connection): Prediction | null {
  const attempt = retrace(world, connection);
  return attempt && predictAttempt(world, attempt);
}

function retrace(world: World, connection: Connection): Attempt | null {
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
    return { vantage, from: 'host', start: { ...fields, by: { kind: 'host' } } };
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
      from: `container ${owner?.name ?? client.address}`,
      start: { ...fields, by },
    };
  }
  const device = findRoute(world, client.address)?.device ?? null;
  const by = { kind: 'outside', device, source: client.address } as const;
  return { vantage: 'outside', from: 'outside', start: { ...fields, by } };
}

/** A finding where a proven connection went otherwise than predicted; null where they agree, or one of them cannot tell. */
export function findDifference(connection: Connection, prediction: Prediction): Finding | null {
  const { path, outcome, proof, server } = connection;
  if (proof === 'inconclusive' || prediction.path === 'unknown' || server === null) return null;
  const observed = outcome === 'dropped' || outcome === 'refused' ? outcome : path;
  const agrees =
    observed === prediction.path ||
    (prediction.path === 'docker-proxy' && observed === 'relay') ||
    // Nobody answers what is dropped on its way.
    (prediction.path === 'dropped' && outcome === 'unanswered') ||
    (prediction.way !== null &&
      prediction.way === path &&
      outcome === 'refused' &&
      prediction.path === 'refused');
  if (agrees) return null;
  return {
    ...{ code: 'prediction-differs', severity: 'warning' },
    evidence: `connection ${connection.id} to ${formatEndpoint(server)} went by ${observed}, and by the rules it should have been ${prediction.path}: ${prediction.why}`,
    remedy: suspect(connection, prediction),
  };
}

function suspect({ protocol, path }: Connection, prediction: Prediction): string {
  if (protocol === 'udp') {
    return 'probably a conntrack entry that is older than the rules: look with conntrack -L -p udp, and delete it with conntrack -D';
  }
  if (prediction.path === 'dnat' && path === 'docker-proxy') {
    return 'the rules have changed since, or those of another backend decide: compare iptables-nft-save with iptables-legacy-save';
  }
  if (path === 'dnat') {
    return 'a rule that was not read translates it (another backend, or eBPF), or the rules have changed since';
  }
  return 'something that is no rule of this host stops or diverts it (a stale relay, eBPF, another firewall), or the rules have changed since';
}

/** Rules whose counters grew between two explanations: a second witness of the path. */
export function listCounted(
  before: readonly ExplainedRule[],
  after: readonly ExplainedRule[],
): { readonly rule: ExplainedRule; readonly packets: number }[] {
  const key = ({ backend, family, table, chain, rule }: ExplainedRule): string =>
    [backend, family, table, chain, rule].join('\n');
  const counts = new Map(before.map((rule) => [key(rule), rule.packets]));
  return after.flatMap((rule) => {
    const earlier = counts.get(key(rule));
    if (earlier == null || rule.packets === null || rule.packets <= earlier) return [];
    return [{ rule, packets: rule.packets - earlier }];
  });
}
