/** Tests nft's `meta iifkind` and `oifkind`: the kind of the device that a packet comes in on or leaves by. */
import type { Match } from '../../model/rules.js';
import { wonder, type Answer } from './doubt.js';
import type { TrialPacket } from './packet.js';
import type { World } from './world.js';

type KindMatch = Match & { readonly on: 'in-kind' | 'out-kind'; readonly names: readonly string[] };

/**
 * A device of hardware, lo, and no device at all have no kind. Then the rule does not match, not even a negated condition
 * (nft_meta_get_eval_kind in net/netfilter/nft_meta.c).
 */
export function testKind(
  { on, names, not }: KindMatch,
  packet: TrialPacket,
  { routing }: World,
): Answer {
  const device = on === 'in-kind' ? packet.inDevice : packet.outDevice;
  if (device === null || device === 'lo') return false;
  const link =
    typeof device === 'string'
      ? routing?.facts.links.find(({ name }) => name === device)
      : undefined;
  if (link === undefined) {
    const field = on === 'in-kind' ? 'iifkind' : 'oifkind';
    return wonder({ code: 'as-written', text: `${field} ${not ? '!= ' : ''}${names.join(', ')}` });
  }
  return link.kind !== null && names.includes(link.kind) !== not;
}
