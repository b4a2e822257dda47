/** Writes reasons about rules that stop a packet, its answer, or later packets. */
import type {
  Following,
  FollowingReason,
  RuledPlace,
  RulePlace,
  RuleReason,
} from '../../model/reason.js';
import type { ReasonWriters } from './writer.js';

export const RULES: ReasonWriters<RuleReason> = {
  'stopped-in': ({ translated, ...stopped }) =>
    `${writeStopped(stopped)} in ${namePlace(stopped.place)}${translated ? ' after a rule has rewritten it' : ''}`,
  'stopped-by': writeStopped,
  'client-not-told': ({ how }) =>
    `a client of UDP is not told (${how ?? 'that nothing leads there'}) unless it asks for such messages`,
  'crossing-unknown': ({ place }) =>
    `${namePlace(place)} would drop it, but whether bridged packets meet the rules is not known`,
  'bridge-untranslated': () => 'no rule translates what a bridge sends back',
  'discovery-stopped': ({ by, place, message, device }) =>
    `${nameRule(by, place)} stops neighbour ${message}s of IPv6${device === null ? '' : ` on ${device}`}: it arrives only while both ends know each other's hardware address`,
  'arp-rules': ({ chain, table }) =>
    `rules of ARP (chain ${chain} of table ${table}) may keep neighbours from finding each other`,
  'no-arp': ({ device, ignores }) =>
    ignores
      ? `arp_ignore of ${device} is 8: it answers no neighbour that asks for its hardware address`
      : `${device} is set to use no ARP: it asks for no hardware address and tells none`,
  'message-stopped': ({ by, place }) => `${nameRule(by, place)} stops the message that says so`,
  'message-lost': ({ reason }, tell) => `the message that says so does not arrive: ${tell(reason)}`,
};

export const FOLLOWING: ReasonWriters<FollowingReason> = {
  'following-stopped': writeFollowing,
  'following-stopped-in': (stopped) => `${writeFollowing(stopped)} in ${stopped.place}`,
  'following-unheard': (stopped) =>
    `${writeFollowing(stopped)} in ${stopped.place} with a message of ICMP: the client is refused where that comes before it has looked, and else it hangs`,
  'following-at-bridge': ({ by, place, turn }) =>
    `${nameRule(by, place)} may drop ${nameTurn(turn)}, before or after it is rewritten`,
  'following-lost': ({ turn, reason }, tell) =>
    `${nameTurn(turn)} does not arrive: ${tell(reason)}`,
  'following-strays': ({ turn, stays }) =>
    stays
      ? `${nameTurn(turn)} would be routed on instead of to this host`
      : `${nameTurn(turn)} would be taken for this host`,
  mistaken: ({ turn, tracking }) =>
    `connection tracking takes ${nameTurn(turn)} for ${tracking}, so it does not come from where the client expects it`,
  'tracked-anew': ({ turn }) =>
    `connection tracking takes ${nameTurn(turn)} for the beginning of another connection, and what that comes to is not known`,
  'unless-offloaded': ({ first, stopped }, tell) =>
    `${tell(first)}; ${tell(stopped)}, unless the flow table forwards it before`,
  'when-asked-again': ({ reason }, tell) => `${tell(reason)} when it asks again`,
  'unless-pushed': ({ reason }, tell) => `${tell(reason)}, unless it carries data that is pushed`,
};

interface Stopped {
  readonly by: RulePlace | null;
  readonly place: RuledPlace;
  readonly rejects: boolean;
}

function writeStopped({ by, place, rejects }: Stopped): string {
  return `${nameRule(by, place)} ${rejects ? 'rejects' : 'drops'} it`;
}

function writeFollowing({
  by,
  place,
  rejects,
  turn,
}: Stopped & { readonly turn: Following }): string {
  return `${nameRule(by, place)} ${rejects ? 'rejects' : 'drops'} ${nameTurn(turn)}`;
}

function nameRule(by: RulePlace | null, place: RuledPlace): string {
  const where = by ? `chain ${by.chain} of table ${by.table}` : namePlace(place);
  return by?.rule == null ? `the policy of ${where}` : `the rule "${by.rule}" in ${where}`;
}

function namePlace(place: RuledPlace): string {
  return place === 'bridge' ? 'the bridge' : place;
}

function nameTurn(turn: Following): string {
  return turn === 'later' ? 'what follows it' : 'its answer';
}
