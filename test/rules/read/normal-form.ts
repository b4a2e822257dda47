/** Rules as `nft -j list ruleset` tells them, in a form in which two listings that mean the same are equal. Pure. */

type Json = unknown;
type Fields = Readonly<Record<string, Json>>;

const isFields = (value: Json): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Statements of which only the kind has a meaning here. */
const KINDS = new Map<string, string>([
  ...['log', 'last', 'ct timeout', 'ct expectation', 'secmark', 'dup'].map(
    (name) => [name, 'inert'] as const,
  ),
  ...['limit', 'quota', 'ct count', 'meter'].map((name) => [name, 'rate'] as const),
  ...['queue', 'tproxy', 'fwd', 'synproxy'].map((name) => [name, 'action'] as const),
  ['counter', 'counter'],
]);

/** Chains and rules by family, table and name; named sets stand in place of their names. */
export function normalize(listing: string): Json {
  const { nftables } = JSON.parse(listing) as { nftables: readonly Fields[] };
  const list = (kind: string): Fields[] =>
    nftables.flatMap((item) => (isFields(item[kind]) ? [item[kind]] : []));
  const place = ({ family, table }: Fields): string => `${String(family)} ${String(table)}`;
  const sets = new Map(
    [...list('set'), ...list('map')].map((set) => [
      `${place(set)} @${String(set['name'])}`,
      { set: Array.isArray(set['elem']) ? set['elem'] : [] },
    ]),
  );
  const simplify = (value: Json, at: string): Json => {
    if (typeof value === 'string') {
      const named = value.startsWith('@') ? sets.get(`${at} ${value}`) : undefined;
      return named && named.set.length > 0 ? simplify(named, at) : value;
    }
    if (Array.isArray(value)) return value.map((one) => simplify(one, at));
    if (!isFields(value)) return value;
    const [name = ''] = Object.keys(value);
    const kind = KINDS.get(name);
    if (kind !== undefined) return kind;
    const { elem, set } = value;
    if (isFields(elem) && 'val' in elem) return simplify(elem['val'], at);
    if (Array.isArray(set)) {
      const plain = set.map((one) => simplify(one, at));
      return plain.length === 1 && !Array.isArray(plain[0]) ? plain[0] : { set: plain };
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, own]) =>
        key === 'handle' || key === 'index' ? [] : [[key, simplify(own, at)]],
      ),
    );
  };
  const rules = list('rule').map((rule) => simplify(rule, place(rule)));
  const chains = list('chain').map((chain) => simplify(chain, ''));
  return { chains, rules };
}
