/** Finds rule sets in files of any kind: listings, documents and sources of tests that hold them. Pure. */

export interface Extract {
  /** `script` is what `nft -f` takes: only nft can tell what comes of it. */
  readonly kind: 'iptables' | 'nft' | 'script';
  readonly text: string;
}

const SAVED = /^(?:\*\w+$|COMMIT$|:\S+ (?:ACCEPT|DROP|-)|(?:\[\d+:\d+\] )?-[APN] \S+)/;
const SCRIPT =
  /^(?:add|create|flush|delete|insert) (?:table|chain|rule|set|map|element|flowtable) /;
const TABLE = /^table (?:ip6?|inet|arp|bridge|netdev) \S+ \{/;

/** Rule sets of a text, each kind joined to one. */
export function extract(text: string): Extract[] {
  const trimmed = text.trimStart();
  if (trimmed.startsWith('{') && trimmed.includes('"nftables"')) return [{ kind: 'nft', text }];
  const found = { iptables: [] as string[], nft: [] as string[], script: [] as string[] };
  let depth = 0;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (depth > 0 || TABLE.test(line)) {
      found.nft.push(line);
      depth += count(line, '{') - count(line, '}');
    } else if (SAVED.test(line)) found.iptables.push(line);
    else if (SCRIPT.test(line)) found.script.push(line);
  }
  return (['iptables', 'nft', 'script'] as const).flatMap((kind) =>
    found[kind].length === 0 ? [] : [{ kind, text: `${found[kind].join('\n')}\n` }],
  );
}

function count(line: string, mark: string): number {
  return line.split(mark).length - 1;
}
