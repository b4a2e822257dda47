/** Names the rule that refused a connection, where no other rule that was read can have done it. */
import type { Endpoint } from '../../model/address.js';
import { isInRange, parseAddressNumber } from '../../model/range.js';
import type { Connection, Predicted } from '../../model/report.js';
import type { Match, Rule, RuleVerdict } from '../../model/rules.js';
import type { RuleSurvey } from '../../model/survey.js';

/** The rule as it is written, and where it is. */
export type NamedRule = { readonly rule: string } & Pick<Connection['end'], 'at'>;

/** Null where none did it, or more than one may have. */
export function nameRule(
  connection: Connection,
  predicted: Predicted | null,
  survey: RuleSurvey,
): NamedRule | null {
  const { by, cause } = connection.end;
  if (by !== 'host' || (cause !== 'rejected' && cause !== 'filtered')) return null;
  const stops = predicted?.path === 'refused' || predicted?.path === 'dropped';
  if (stops && predicted.agrees === true && predicted.rule !== null) {
    const { rule, at } = predicted;
    return { rule, ...(at && { at: { table: at.table, chain: at.chain } }) };
  }
  // A drop shows nothing of the rule behind it: it may be a policy or any of many rules.
  if (cause !== 'rejected') return null;
  // A rule that has changed since, or was not read, may have done it.
  if (!survey.complete || survey.changes === null || survey.changes.rules !== null) return null;
  const [only, ...others] = listCandidates(connection, survey);
  return only && others.length === 0 ? only : null;
}

/** Rules that may have rejected one of its packets. */
function listCandidates(connection: Connection, { rules }: RuleSurvey): NamedRule[] {
  const family = connection.client.address.includes(':') ? 'ip6' : 'ip';
  const packets = listPackets(connection);
  return rules.tables
    .filter((table) => table.family === family || table.family === 'inet')
    .flatMap(({ name: table, chains }) =>
      chains.flatMap(({ name: chain, rules: own }) =>
        own
          .filter((rule) => mayReject(rule))
          .filter((rule) => packets.some((packet) => mayMatch(rule, packet)))
          .map(({ text }) => ({ rule: text, at: { table, chain } })),
      ),
    );
}

/** Whether a rule may reject a packet; a verdict that is not understood may do anything. */
function mayReject({ steps }: Rule): boolean {
  const rejects = (verdict: RuleVerdict): boolean =>
    verdict.do === 'reject' || verdict.do === 'unknown';
  return steps.some((step) =>
    step.kind === 'map'
      ? step.entries.some(({ verdict }) => rejects(verdict))
      : step.kind === 'verdict' && rejects(step.verdict),
  );
}

interface Ways {
  readonly protocol: string;
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** The packets of both directions, before and after NAT. */
function listPackets({ protocol, client, server, container, relay }: Connection): Ways[] {
  const clients = [client, ...(relay?.client ? [relay.client] : [])];
  const servers = [server, container].filter((end) => end !== null);
  return clients.flatMap((one) =>
    servers.flatMap((end) => [
      { protocol, source: one, destination: end },
      { protocol, source: end, destination: one },
    ]),
  );
}

/** False only where a condition on addresses, ports or the protocol rules the packet out. */
function mayMatch({ steps }: Rule, packet: Ways): boolean {
  return steps.every((step) => step.kind !== 'match' || holds(step.match, packet) !== false);
}

/** Null where the packet's protocol and endpoints do not decide the condition. */
function holds(match: Match, { protocol, source, destination }: Ways): boolean | null {
  switch (match.on) {
    case 'source':
    case 'destination': {
      const number = parseAddressNumber((match.on === 'source' ? source : destination).address);
      if (number === null) return null;
      return (
        match.ranges.some((range) => isInRange(range, number.family, number.value)) !== match.not
      );
    }
    case 'source-port':
    case 'destination-port': {
      const { port } = match.on === 'source-port' ? source : destination;
      return match.ranges.some(({ low, high }) => port >= low && port <= high) !== match.not;
    }
    case 'protocol':
      return match.names.some((name) => name === 'all' || name === protocol) !== match.not;
    default:
      return null;
  }
}
