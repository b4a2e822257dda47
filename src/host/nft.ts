// Reads a ruleset of nftables, as JSON or as text. Pure.

import type { RuleSet } from '../model/rules.js';
import { parseNftJson } from './nft-json.js';
import { parseNftText } from './nft-text.js';

/**
 * Reads the output of `nft -j list ruleset` or `nft list ruleset`.
 * @param source names the text in errors.
 * @throws UserError with the line's number for text that is neither.
 */
export function parseNft(text: string, source: string): RuleSet {
  // Editors of Windows put a mark of byte order in front.
  const plain = text.replace(/^\uFEFF/, '');
  return plain.trimStart().startsWith('{')
    ? parseNftJson(plain, source)
    : parseNftText(plain, source);
}
