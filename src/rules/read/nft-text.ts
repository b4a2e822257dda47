// Reads `nft list ruleset` as text: tables with their chains, sets and maps.

import type { RuleSet } from '../../model/rules.js';
import {
  buildRuleSet,
  createChain,
  createTable,
  type DraftChain,
  type DraftTable,
  type Element,
} from './nft-build.js';
import { splitElements } from './nft-elements.js';
import { parsePriority } from './nft-fields.js';
import { readTextRule } from './nft-rule.js';
import { Cursor, tokenize, type Token } from './nft-tokens.js';
import { malformed } from './rule-words.js';

/** @throws UserError with the line's number for text that nft did not print, or that is cut off. */
export function parseNftText(text: string, source: string): RuleSet {
  const cursor = new Cursor(tokenize(text));
  const fail = (problem: string): Error => malformed(source, cursor.line(), problem);
  const tables: DraftTable[] = [];
  const translated = new Set(
    [...text.matchAll(/^# Warning: table (\S+ \S+) is managed by iptables-nft/gm)].map(
      ([, name]) => name,
    ),
  );
  while (cursor.more('')) {
    if (cursor.peek() !== 'table')
      throw fail(`expected "table", not "${cursor.peek().slice(0, 40)}"`);
    cursor.next();
    const known = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'].includes(cursor.peek());
    const family = known ? cursor.next() : 'ip';
    const table = createTable(family, cursor.next());
    table.translated = translated.has(`${family} ${table.name}`);
    openBrace(cursor, fail);
    readTable(cursor, table, fail);
    tables.push(table);
  }
  return buildRuleSet(tables);
}

function openBrace(cursor: Cursor, fail: (problem: string) => Error): void {
  if (cursor.peek() !== '{') throw fail(`expected "{", not "${cursor.peek().trim() || 'the end'}"`);
  cursor.next();
}

function readTable(cursor: Cursor, table: DraftTable, fail: (problem: string) => Error): void {
  while (cursor.more('}', ';')) {
    if (cursor.done()) throw fail(`table ${table.name} does not end: the text is cut off`);
    const word = cursor.next();
    if (word === 'chain') {
      const chain = createChain(cursor.next());
      table.chains.push(chain);
      openBrace(cursor, fail);
      readChain(cursor, chain, fail);
    } else if (word === 'set' || word === 'map') {
      const name = cursor.next();
      openBrace(cursor, fail);
      table.sets.set(name, readElements(cursor, name, fail));
    } else if (word === 'flags' || word === 'comment') {
      const words = takeLine(cursor, fail);
      if (word === 'flags') table.dormant ||= words.some(({ text }) => text === 'dormant');
    } else if (
      ['counter', 'quota', 'ct', 'limit', 'flowtable', 'secmark', 'synproxy'].includes(word)
    ) {
      while (!cursor.done() && cursor.peek() !== '{') cursor.next();
      openBrace(cursor, fail);
      takeBlock(cursor, fail);
    } else throw fail(`"${word}" is not expected in a table`);
  }
  cursor.next();
}

function readChain(cursor: Cursor, chain: DraftChain, fail: (problem: string) => Error): void {
  while (cursor.more('}', ';')) {
    if (cursor.done()) throw fail(`chain ${chain.name} does not end: the text is cut off`);
    const words = takeLine(cursor, fail);
    const first = words[0]?.text ?? '';
    if (first === 'type' && words[2]?.text === 'hook') readBase(chain, words, fail);
    else if (first === 'policy') chain.policy = words[1]?.text === 'drop' ? 'drop' : 'accept';
    else if (first !== 'comment' || words.length !== 2) chain.rules.push(readTextRule(words));
  }
  cursor.next();
}

/** `type nat hook output priority dstnat` */
function readBase(
  chain: DraftChain,
  words: readonly Token[],
  fail: (problem: string) => Error,
): void {
  const texts = words.map(({ text }) => text);
  const at = texts.indexOf('priority');
  const priority = at < 0 ? null : parsePriority(texts.slice(at + 1).join(' '));
  if (priority === null) throw fail(`the priority of chain ${chain.name} is not understood`);
  const devices = texts
    .slice(
      texts.findIndex((text) => text === 'device' || text === 'devices'),
      at,
    )
    .filter((text) => !['device', 'devices', '=', '{', '}', ','].includes(text));
  const named = texts.includes('device') || texts.includes('devices');
  Object.assign(chain, {
    type: texts[1] ?? '',
    hook: texts[3] ?? '',
    priority,
    devices: named ? devices : [],
  });
}

/** Words up to the end of the line or `;`, with all that stands in braces. */
function takeLine(cursor: Cursor, fail: (problem: string) => Error): Token[] {
  const words: Token[] = [];
  let depth = 0;
  while (!cursor.done()) {
    const mark = cursor.peek();
    if (depth === 0 && (mark === '\n' || mark === ';' || mark === '}')) return words;
    const token = cursor.take();
    if (mark === '{') depth += 1;
    if (mark === '}') depth -= 1;
    if (token && mark !== '\n') words.push(token);
  }
  if (depth > 0) throw fail('a brace is not closed: the text is cut off');
  return words;
}

function takeBlock(cursor: Cursor, fail: (problem: string) => Error): void {
  for (let depth = 1; depth > 0;) {
    if (cursor.done()) throw fail('a brace is not closed: the text is cut off');
    const mark = cursor.peek();
    cursor.next();
    if (mark === '{') depth += 1;
    if (mark === '}') depth -= 1;
  }
}

/** The body of a set or map; only its elements matter. */
function readElements(cursor: Cursor, name: string, fail: (problem: string) => Error): Element[] {
  let elements: Element[] = [];
  while (cursor.more('}', ';')) {
    if (cursor.done()) throw fail(`set ${name} does not end: the text is cut off`);
    const words = takeLine(cursor, fail).map(({ text }) => text);
    if (words[0] === 'elements') elements = splitElements(words.slice(3, -1));
  }
  cursor.next();
  return elements;
}
