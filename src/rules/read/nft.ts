/** Reads an nftables ruleset, as JSON or as text. */
import type { RuleSet, Table } from '../../model/rules.js';
import type { NftTable } from './nft/ast.js';
import { buildRuleSet } from './nft/build.js';
import { readNftJson } from './nft/json.js';
import { readNftText } from './nft/text.js';
import { malformed } from './rule-words.js';

/**
 * Reads the output of `nft -j list ruleset` or `nft list ruleset`.
 * @param source names the text in errors.
 * @throws UserError with the line's number for text that is neither.
 */
export function parseNft(text: string, source: string): RuleSet {
  // Windows editors put a byte order mark in front.
  const plain = text.replace(/^\uFEFF/, '');
  try {
    return buildRuleSet(readNft(plain, source));
  } catch (error) {
    // The only RangeError that can occur here is a stack overflow.
    if (!(error instanceof RangeError)) throw error;
    throw malformed(source, 1, 'something in it is nested deeper than nft itself allows');
  }
}

/** Reads as {@link parseNft} does, without building the model. */
export function readNft(text: string, source: string): NftTable[] {
  return text.trimStart().startsWith('{') ? readNftJson(text, source) : readNftText(text, source);
}

/**
 * Leaves out the tables that the iptables tools report better. For other tables made by iptables-nft, a note says that
 * those tools would.
 * @param others the rules as those tools report them.
 */
export function addToOthers({ tables, notes }: RuleSet, others: RuleSet): RuleSet {
  const name = (table: Table): string => `${table.family} ${table.name}`;
  const known = new Set(others.tables.map(name));
  const rest = tables.filter((table) => !known.has(name(table)));
  const translated = rest.filter(({ backend }) => backend === 'iptables-nft');
  return { tables: rest, notes: [...notes, ...translated.map(tellTranslated)] };
}

function tellTranslated({ family, name }: Table): string {
  const tool = family === 'ip6' ? 'ip6tables-save' : 'iptables-save';
  return `table ${family} ${name} was made by iptables-nft, whose rules nft shows in part or translated: the output of ${tool} tells them whole`;
}
