/** Reads `nft list ruleset` as text: tables with their chains, sets and maps. */
import { createChain, createNftTable, type Element, type NftChain, type NftTable } from './ast.js';
import { parsePriority } from './build.js';
import { readTextRule } from './statements.js';
import { Cursor, tokenize, type Token } from './tokens.js';
import { Unreadable, Words } from './words.js';
import { malformed } from '../rule-words.js';

type Fail = (problem: string) => Error;

const FAMILIES = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];

/** @throws UserError with the line's number for text that nft did not print, or that is cut off. */
export function readNftText(text: string, source: string): NftTable[] {
  const cursor = new Cursor(tokenize(text));
  const fail = (problem: string): Error => malformed(source, cursor.line(), problem);
  const tables: NftTable[] = [];
  const translated = new Set(
    [...text.matchAll(/^# Warning: table (\S+ \S+) is managed by iptables-nft/gm)].map(
      ([, name]) => name,
    ),
  );
  while (cursor.more('')) {
    if (cursor.peek() !== 'table')
      throw fail(`expected "table", not "${cursor.peek().slice(0, 40)}"`);
    cursor.next();
    const family = FAMILIES.includes(cursor.peek()) ? cursor.next() : 'ip';
    const table = createNftTable(family, cursor.next());
    table.translated = translated.has(`${family} ${table.name}`);
    openBrace(cursor, fail);
    readTable(cursor, table, fail);
    tables.push(table);
  }
  return tables;
}

function openBrace(cursor: Cursor, fail: Fail): void {
  if (cursor.peek() !== '{') throw fail(`expected "{", not "${cursor.peek().trim() || 'the end'}"`);
  cursor.next();
}

/** Other objects that a table holds; none of them stops a packet. */
const OTHERS = ['counter', 'quota', 'ct', 'limit', 'flowtable', 'secmark', 'synproxy', 'tunnel'];

function readTable(cursor: Cursor, table: NftTable, fail: Fail): void {
  while (cursor.more('}', ';')) {
    if (cursor.done()) throw fail(`table ${table.name} does not end: the text is cut off`);
    const word = cursor.next();
    if (word === 'chain') {
      const chain = createChain(cursor.next());
      table.chains.push(chain);
      openBrace(cursor, fail);
      readChain(cursor, chain, table, fail);
    } else if (word === 'set' || word === 'map') {
      const name = cursor.next();
      openBrace(cursor, fail);
      table.sets.set(name, readElements(cursor, name, fail));
    } else if (word === 'flags' || word === 'comment') {
      const words = takeLine(cursor, fail);
      if (word === 'flags') table.dormant ||= words.some(({ text }) => text === 'dormant');
    } else if (OTHERS.includes(word)) {
      while (!cursor.done() && cursor.peek() !== '{') cursor.next();
      openBrace(cursor, fail);
      takeBlock(cursor, fail);
    } else throw fail(`"${word}" is not expected in a table`);
  }
  cursor.next();
}

function readChain(cursor: Cursor, chain: NftChain, table: NftTable, fail: Fail): void {
  while (cursor.more('}', ';')) {
    if (cursor.done()) throw fail(`chain ${chain.name} does not end: the text is cut off`);
    const words = takeLine(cursor, fail);
    const first = words[0]?.text ?? '';
    if (first === 'type' && words[2]?.text === 'hook') readBase(chain, table, words, fail);
    else if (first === 'policy') chain.policy = words[1]?.text === 'drop' ? 'drop' : 'accept';
    else if (first !== 'comment' || words.length !== 2) chain.rules.push(readTextRule(words));
  }
  cursor.next();
}

/** `type nat hook output priority dstnat`, `type filter hook ingress devices = { a, b } priority 0` */
function readBase(chain: NftChain, table: NftTable, words: readonly Token[], fail: Fail): void {
  const texts = words.map(({ text }) => text);
  const at = texts.indexOf('priority');
  const priority = at < 0 ? null : parsePriority(texts.slice(at + 1).join(' '), table.family);
  if (priority === null) throw fail(`the priority of chain ${chain.name} is not understood`);
  const devices = words
    .slice(4, at)
    .filter(
      ({ text, quoted }) => quoted || !['device', 'devices', '=', '{', '}', ','].includes(text),
    )
    .map(({ text }) => text);
  Object.assign(chain, { type: texts[1] ?? '', hook: texts[3] ?? '', priority, devices });
}

/** Takes the words up to the line end or `;`, with everything in braces. */
function takeLine(cursor: Cursor, fail: Fail): Token[] {
  const words: Token[] = [];
  let depth = 0;
  while (!cursor.done()) {
    const mark = cursor.peek();
    if (depth === 0 && (mark === '\n' || mark === ';' || mark === '}')) return words;
    const token = cursor.take();
    if (mark === '{') depth += 1;
    if (mark === '}') depth -= 1;
    if (token) words.push(token);
  }
  if (depth > 0) throw fail('a brace is not closed: the text is cut off');
  return words;
}

function takeBlock(cursor: Cursor, fail: Fail): void {
  for (let depth = 1; depth > 0;) {
    if (cursor.done()) throw fail('a brace is not closed: the text is cut off');
    const mark = cursor.peek();
    cursor.next();
    if (mark === '{') depth += 1;
    if (mark === '}') depth -= 1;
  }
}

/** Reads the body of a set or map; only its elements matter. */
function readElements(cursor: Cursor, name: string, fail: Fail): readonly Element[] {
  let elements: readonly Element[] = [];
  while (cursor.more('}', ';')) {
    if (cursor.done()) throw fail(`set ${name} does not end: the text is cut off`);
    const words = takeLine(cursor, fail);
    if (words[0]?.text === 'elements') elements = parseElements(words.slice(2));
  }
  cursor.next();
  return elements;
}

/** Elements that are not understood are kept, so that no rule that asks for them is decided. */
function parseElements(tokens: readonly Token[]): readonly Element[] {
  try {
    return new Words(tokens, () => []).takeElements();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return [
      { key: { kind: 'unknown', text: tokens.map(({ text }) => text).join(' ') }, data: null },
    ];
  }
}
