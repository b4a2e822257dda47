// Reads `nft -j list ruleset`.

import { canonicalAddress } from '../../model/address.js';
import type { RewriteTarget, RuleSet, Verdict } from '../../model/rules.js';
import {
  buildRuleSet,
  createChain,
  createTable,
  type DraftChain,
  type DraftTable,
  type Element,
  type Statement,
} from './nft-build.js';
import { writeValue, writeWords } from './nft-words.js';
import { parsePriority } from './nft-fields.js';
import { chance, classifyXt, note, readMarking } from './nft-odd.js';
import { malformed } from './rule-words.js';

type Json = Record<string, unknown>;

/** @throws UserError with the line's number for text that is not nft's JSON. */
export function parseNftJson(text: string, source: string): RuleSet {
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
  return buildRuleSet([...drafts.tables.values()]);
}

/** By family and name of the table, and by that and the chain's name. */
interface Drafts {
  readonly tables: Map<string, DraftTable>;
  readonly chains: Map<string, DraftChain>;
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
    const table = createTable(family, tableName);
    // Versions up to 1.0.6 cut the word off.
    table.dormant = [body['flags']].flat().some((flag) => /^dorm/.test(asText(flag)));
    tables.set(key, table);
    return;
  }
  if (!['chain', 'rule', 'set', 'map'].includes(kind)) return;
  const table = tables.get(key);
  if (!table) throw fail(`a ${kind} of table ${key}, which is not listed before it`);
  if (kind === 'chain') {
    const chain = readChain(body);
    table.chains.push(chain);
    chains.set(`${key} ${chain.name}`, chain);
  } else if (kind === 'rule') {
    const chain = chains.get(`${key} ${asText(body['chain'])}`);
    if (!chain)
      throw fail(`a rule of chain ${asText(body['chain'])}, which is not listed before it`);
    const statements = asList(body['expr']).flatMap(readStatement);
    const counter = asList(body['expr']).find((e) => isRecord(e) && isRecord(e['counter'])) as
      { counter: Json } | undefined;
    const packets = counter?.counter['packets'];
    const comment = asText(body['comment']);
    chain.rules.push({
      text: asList(body['expr']).flatMap(writeExpression).join(' '),
      statements,
      packets: typeof packets === 'number' ? packets : null,
      comment: comment === '' ? null : comment,
    });
  } else {
    table.sets.set(asText(body['name']), asList(body['elem']).map(readElement));
  }
}

function readChain(body: Json): ReturnType<typeof createChain> {
  const chain = createChain(asText(body['name']));
  const { type, hook, prio, policy } = body;
  if (typeof hook !== 'string') return chain;
  chain.type = asText(type);
  chain.hook = hook;
  chain.priority = typeof prio === 'number' ? prio : parsePriority(asText(prio));
  chain.devices = [body['dev'] ?? []].flat().filter((name) => typeof name === 'string');
  chain.policy = policy === 'drop' ? 'drop' : 'accept';
  return chain;
}

function readElement(item: unknown): Element {
  const pair = Array.isArray(item) && item.length === 2 ? (item as unknown[]) : null;
  const [key, data] = pair ?? [item, null];
  const verdict = data === null ? null : readVerdict(data);
  return { parts: readParts(key), value: data === null ? null : readParts(data), verdict };
}

function readParts(key: unknown): string[] {
  if (isRecord(key) && isRecord(key['elem'])) return readParts(key['elem']['val']);
  const concat = isRecord(key) ? key['concat'] : undefined;
  return Array.isArray(concat) ? concat.map(writeValue) : [writeValue(key)];
}

function readVerdict(data: unknown): Verdict {
  const words = isRecord(data) ? Object.entries(data) : [];
  const [first] = words;
  if (words.length !== 1 || !first) return { do: 'unknown', text: writeWords(data) };
  const [name, body] = first;
  switch (name) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      return { do: name };
    case 'jump':
    case 'goto':
      return { do: name, chain: asText(isRecord(body) ? body['target'] : '') };
    case 'reject':
      return {
        do: 'reject',
        how: writeWords(data).replace(/^reject ?/, ''),
        reset: isRecord(body) && body['type'] === 'tcp reset',
      };
    case 'masquerade':
      return { do: 'masquerade' };
    case 'redirect': {
      const port = isRecord(body) ? body['port'] : null;
      if (port == null) return { do: 'redirect', port: null };
      return typeof port === 'number' ? { do: 'redirect', port } : unknownVerdict(data);
    }
    case 'dnat':
    case 'snat': {
      const to = isRecord(body) ? readRewrite(name, body) : null;
      return to ? { do: name, ...to } : unknownVerdict(data);
    }
    default:
      return unknownVerdict(data);
  }
}

function unknownVerdict(data: unknown): Verdict {
  return { do: 'unknown', text: writeWords(data) };
}

function readRewrite(use: 'dnat' | 'snat', body: Json): RewriteTarget | null {
  const { addr } = body;
  // Which port a source gets does not matter here.
  const port = use === 'snat' ? undefined : body['port'];
  const address = typeof addr === 'string' ? canonicalAddress(addr) : null;
  if (addr !== undefined && address === null) return null;
  if (port !== undefined && typeof port !== 'number') return null;
  return { address, port: port ?? null };
}

const VERDICTS = new Set([
  ...['accept', 'drop', 'return', 'continue', 'jump', 'goto', 'reject', 'masquerade', 'redirect'],
  ...['dnat', 'snat', 'queue', 'tproxy', 'fwd', 'synproxy'],
]);
const NOTES = new Set([
  ...['log', 'last', 'ct helper', 'ct timeout', 'ct expectation', 'secmark', 'flow'],
  ...['dup', 'reset', 'map'],
]);
const CHANCE = new Set(['limit', 'quota', 'ct count', 'meter']);

function readStatement(expression: unknown): Statement[] {
  const words = isRecord(expression) ? Object.entries(expression) : [];
  const [first] = words;
  const text = writeWords(expression);
  const unknown: Statement = { kind: 'match', match: { on: 'unknown', text, not: false } };
  if (words.length !== 1 || !first) return [unknown];
  const [name, body] = first;
  if (name === 'counter') return [];
  if (name === 'match' && isRecord(body)) return [readMatch(body, text)];
  if (name === 'vmap' && isRecord(body)) return [readMap(body, text)];
  if (name === 'mangle' && isRecord(body)) return [readMangle(body, text)];
  if (name === 'notrack') return [{ kind: 'notrack' }];
  if (name === 'xt' && isRecord(body)) {
    return [classifyXt(body['type'] === 'target', asText(body['name']), text)];
  }
  if (name === 'set') return [isRated(body) ? chance(text) : note(text)];
  const map = isRecord(body) && isUse(name) ? readRewriteMap(name, body, text) : null;
  if (map) return [map];
  if (VERDICTS.has(name)) return [{ kind: 'verdict', verdict: readVerdict(expression) }];
  if (NOTES.has(name)) return [note(text)];
  if (CHANCE.has(name)) return [chance(text)];
  return [unknown];
}

/** Whether what a set keeps decides by rate or number. */
function isRated(body: unknown): boolean {
  return /"(limit|quota|ct count)":/.test(JSON.stringify(body));
}

function readMatch(body: Json, text: string): Statement {
  const { op, left, right } = body;
  const not = op === '!=';
  const fields = readFields(left);
  const order = isOrder(op) ? op : undefined;
  if ((!order && !['==', '!=', 'in'].includes(asText(op))) || fields === null) {
    return { kind: 'compare', field: writeWords(left), values: [], not: false, text };
  }
  if (fields.names.length > 1) {
    const from = typeof right === 'string' ? right.slice(1) : listSet(right).map(readElement);
    return { kind: 'look-up', fields: fields.names, from, text, not, use: null };
  }
  const values = listSet(right).map((value) =>
    writeValue(isRecord(value) && isRecord(value['elem']) ? value['elem']['val'] : value),
  );
  const [field = ''] = fields.names;
  return { kind: 'compare', field, values, not, text, mask: fields.mask, order };
}

function readMap(body: Json, text: string): Statement {
  const { key, data } = body;
  const fields = readFields(key)?.names ?? [];
  const from = typeof data === 'string' ? data.slice(1) : listSet(data).map(readElement);
  return { kind: 'look-up', fields, from, text, not: false, use: 'verdict' };
}

function isUse(name: string): name is 'dnat' | 'snat' | 'redirect' {
  return name === 'dnat' || name === 'snat' || name === 'redirect';
}

/** `dnat to tcp dport map { … }`; null when the target is written out. */
function readRewriteMap(
  use: 'dnat' | 'snat' | 'redirect',
  body: Json,
  text: string,
): Statement | null {
  const { addr, port } = body;
  if (!isRecord(addr) || port !== undefined || !isRecord(addr['map'])) return null;
  const { key, data } = addr['map'];
  const fields = readFields(key)?.names ?? [];
  const from = typeof data === 'string' ? data.slice(1) : listSet(data).map(readElement);
  return { kind: 'look-up', fields, from, text, not: false, use };
}

function isOrder(op: unknown): op is '<' | '>' | '<=' | '>=' {
  return op === '<' || op === '>' || op === '<=' || op === '>=';
}

function readMangle(body: Json, text: string): Statement {
  const { key, value } = body;
  const field = writeWords(key);
  if (field !== 'meta mark' && field !== 'ct mark') return note(text);
  return readMarking(field, writeWords(value));
}

function readFields(left: unknown): { names: string[]; mask?: string } | null {
  if (!isRecord(left)) return null;
  const concat = left['concat'];
  if (Array.isArray(concat)) return { names: concat.map(writeWords) };
  const masked = left['&'];
  if (Array.isArray(masked)) return { names: [writeWords(masked[0])], mask: writeValue(masked[1]) };
  return { names: [writeWords(left)] };
}

function listSet(right: unknown): unknown[] {
  if (Array.isArray(right)) return right;
  if (isRecord(right) && Array.isArray(right['set'])) return right['set'];
  if (isRecord(right) && Array.isArray(right['|'])) return right['|'];
  return [right];
}

function writeExpression(expression: unknown): string[] {
  if (isRecord(expression) && 'counter' in expression) return [];
  return [writeWords(expression)];
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
