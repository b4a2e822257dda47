/** Reads container ids that CNI plugins and netavark write beside rules, for containers without an engine or keeper. */
import type { RunCommand } from './command.js';

/** Prints the rules with both tools; a tool that is not installed prints nothing. */
const PRINT = 'iptables-save -t nat; ip6tables-save -t nat; nft list ruleset; true';

/** @param path of the host's namespace. @returns address → id; an address with several ids has none */
export async function readRuleNames(
  run: RunCommand,
  path: string,
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const words = [`--net=${path}`, '--', 'sh', '-c', `{ ${PRINT}; } 2>/dev/null`];
  const { stdout } = await run('nsenter', words, { timeout: 2_000, signal });
  return parseRuleNames(stdout);
}

/** `name: "web" id: "redis"` of CNI, `dnat name: podman id: 0123…` of netavark; nft writes quotation marks inside without escapes. */
const OWNER = /name: (?:\\?"[^"\\]*\\?"|\S+),? id: (?:\\?"([^"\\]+)\\?"|([\w.-]+))/;
const JUMP = /^-A \S+ .*-j ((?:CNI|NETAVARK)-DN-\S+)/;
const TARGET = /^-A (\S+) .*-j DNAT --to-destination \[?([0-9a-f.:]+?)\]?:\d+$/;
const SOURCE = /^-A POSTROUTING (?:.* )?-s ([0-9a-f.:]+?)(?:\/(?:32|128))? /;
/** CNI with nftables: `ip saddr 10.22.0.2 … comment "…, net: web, if: eth0, id: redis"`. */
const NFT = /\bip6? saddr (?:== )?([0-9a-f.:]+) .*\bcomment "[^"]*\bid: ([\w.-]+)"/;

/** Reads what {@link PRINT} printed. Total. */
export function parseRuleNames(text: string): Map<string, string> {
  const lines = text.split('\n').map((line) => line.trim());
  const chains = new Map<string, string>();
  const found = new Map<string, Set<string>>();
  const tell = (address: string | undefined, id: string | undefined): void => {
    if (address === undefined || id === undefined) return;
    found.set(address, (found.get(address) ?? new Set()).add(id));
  };
  for (const line of lines) {
    const owner = OWNER.exec(line);
    const id = owner?.[1] ?? owner?.[2];
    const chain = JUMP.exec(line)?.[1];
    if (id !== undefined && chain !== undefined) chains.set(chain, id);
    else if (id !== undefined) tell(SOURCE.exec(line)?.[1], id);
    const masquerade = NFT.exec(line);
    tell(masquerade?.[1], masquerade?.[2]);
  }
  for (const line of lines) {
    const [, chain = '', address] = TARGET.exec(line) ?? [];
    tell(address, chains.get(chain));
  }
  return new Map(
    [...found].flatMap(([address, ids]) => {
      const [only] = ids;
      return ids.size === 1 && only !== undefined ? [[address, only] as const] : [];
    }),
  );
}
