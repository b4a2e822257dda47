/** Formats routing rules and routes as `ip` writes them: this text names them. */
import type { PolicyRule, Route } from '../../../model/routing.js';

/** Formats a rule as `ip rule` does. */
export function writePolicyRule(rule: PolicyRule): string {
  const { mark, users } = rule;
  const ports = (word: string, span: PolicyRule['users']): string[] =>
    span === null
      ? []
      : [`${word} ${span.low === span.high ? span.low : `${span.low}-${span.high}`}`];
  const mask = mark === null || mark.mask === 0xffffffff ? '' : `/0x${mark.mask.toString(16)}`;
  return [
    ...(rule.not ? ['not'] : []),
    `from ${rule.from ?? 'all'}`,
    ...(rule.to === null ? [] : [`to ${rule.to}`]),
    ...(mark === null ? [] : [`fwmark 0x${mark.value.toString(16)}${mask}`]),
    ...(rule.inDevice === null ? [] : [`iif ${rule.inDevice}`]),
    ...(rule.outDevice === null ? [] : [`oif ${rule.outDevice}`]),
    ...(users === null ? [] : [`uidrange ${users.low}-${users.high}`]),
    ...(rule.protocol === null ? [] : [`ipproto ${rule.protocol}`]),
    ...ports('sport', rule.sourcePorts),
    ...ports('dport', rule.destinationPorts),
    ...(rule.unknown === null ? [] : [rule.unknown]),
    writeAction(rule),
    ...(rule.suppressed === null ? [] : [`suppress_prefixlength ${rule.suppressed}`]),
  ].join(' ');
}

function writeAction({ action, table, target }: PolicyRule): string {
  if (action === 'lookup') return `lookup ${table ?? ''}`;
  if (action === 'l3mdev') return 'lookup [l3mdev-table]';
  return action === 'goto' ? `goto ${target ?? ''}` : action;
}

/** Formats a route as `ip route` does. */
export function writeRoute({ type, destination, table, hops, metric }: Route): string {
  const bare = /^(0\.0\.0\.0|::)\/0$/.test(destination)
    ? 'default'
    : destination.replace(/(?<=\.\d+)\/32$|(?<=:.*)\/128$/, '');
  const ways = hops.map(({ device, gateway }) =>
    [...(gateway === null ? [] : [`via ${gateway}`]), `dev ${device ?? '?'}`].join(' '),
  );
  return [
    ...(type === 'unicast' ? [] : [type]),
    bare,
    ...(ways.length > 1 ? ways.map((way) => `nexthop ${way}`) : ways),
    ...(table === 'main' ? [] : [`table ${table}`]),
    ...(metric === 0 ? [] : [`metric ${metric}`]),
  ].join(' ');
}
