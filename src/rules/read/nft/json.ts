/** Reads `nft -j list ruleset`. */
import { createChain, createNftTable, type NftChain, type NftTable } from './ast.js';
import { parsePriority } from './build.js';
import { asList, asText, isRecord, readElement, type Json } from './json-expression.js';
import { readJsonRule } from './json-statement.js';
import { malformed } from '../rule-words.js';

/** @throws UserError with the line's number for text that is not nft's JSON. */
export function readNftJson(text: string, source: string): NftTable[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const at = Number(/position (\d+)/.exec(String(error))?.[1] ?? text.length);
    const line = text.slice(0, at).split('\n').length;
    const byte = new TextEncoder().encode(text.slice(0, at)).length;
    throw malformed(source, line, `from byte ${byte} on this is not JSON, or it is cut off`);
  }
  const list = isRecord(document) ? document['nftables'] : undefined;
  if (!Array.isArray(list)) throw malformed(source, 1, 'there is no list "nftables"');
  const drafts: Drafts = { tables: new Map(), chains: new Map() };
  const fail = (problem: string): Error => malformed(source, 1, problem);
  for (const item of list.filter(isRecord)) {
    for (const [kind, body] of Object.entries(item)) {
      if (isRecord(body)) readItem(kind, body, drafts, fail);
    }
  }
  return [...drafts.tables.values()];
}

/** Tables by family and name, and chains by that and the chain's name. */
interface Drafts {
  readonly tables: Map<string, NftTable>;
  readonly chains: Map<string, NftChain>;
}

function readItem(
  kind: string,
  body: Json,
  { tables, chains }: Drafts,
  fail: (problem: string) => Error,
): void {
  const family = asText(body['family']);
  const tableName = asText(kind === 'table' ? body['name'] : body['table']);
  const key = `${family} ${tableName}`;
  if (kind === 'table') {
    const table = createNftTable(family, tableName);
    table.dormant = isDormant(body['flags']);
    tables.set(key, table);
    return;
  }
  if (!['chain', 'rule', 'set', 'map', 'element'].includes(kind)) return;
  const table = tables.get(key);
  if (!table) throw fail(`a ${kind} of table ${key}, which is not listed before it`);
  if (kind === 'chain') {
    const chain = readChain(body, family);
    table.chains.push(chain);
    chains.set(`${key} ${chain.name}`, chain);
  } else if (kind === 'rule') {
    const chain = chains.get(`${key} ${asText(body['chain'])}`);
    if (!chain)
      throw fail(`a rule of chain ${asText(body['chain'])}, which is not listed before it`);
    chain.rules.push(readJsonRule(body));
  } else {
    const name = asText(body['name']);
    const elements = asList(body['elem']).map(readElement);
    table.sets.set(name, [...(table.sets.get(name) ?? []), ...elements]);
  }
}

const FLAGS = new Set(['owner', 'persist']);

/**
 * nft 1.0.6 writes whatever lies in memory in place of the flag's name, mostly another table's name. A table hardly
 * ever has another flag, so any unknown name counts as `dormant`.
 */
function isDormant(flags: unknown): boolean {
  return [flags ?? []].flat().some((flag) => typeof flag === 'string' && !FLAGS.has(flag));
}

function readChain(body: Json, family: string): NftChain {
  const chain = createChain(asText(body['name']));
  const { type, hook, prio, policy } = body;
  if (typeof hook !== 'string') return chain;
  chain.type = asText(type);
  chain.hook = hook;
  chain.priority = typeof prio === 'number' ? prio : parsePriority(asText(prio), family);
  chain.devices = [body['dev'] ?? body['devices'] ?? []]
    .flat()
    .filter((name) => typeof name === 'string');
  chain.policy = policy === 'drop' ? 'drop' : 'accept';
  return chain;
}
