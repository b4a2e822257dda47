/** Reads expressions of nft's JSON: libnftables-json(5). */
import type { BinaryOperator, NftVerdict, Element, Expression } from './ast.js';
import { writeWords } from './json-words.js';

export type Json = Record<string, unknown>;

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

const BINARY: ReadonlySet<string> = new Set(['&', '|', '^', '<<', '>>']);
/** The kinds of packet fields. */
const FIELDS = new Set([
  ...['payload', 'meta', 'ct', 'fib', 'exthdr', 'tcp option', 'ip option', 'sctp chunk'],
  ...['dccp option', 'rt', 'socket', 'osf', 'numgen', 'jhash', 'symhash', 'ipsec', 'tunnel'],
]);

export function readExpression(value: unknown): Expression {
  if (typeof value === 'string') return readWord(value);
  if (typeof value === 'number') return { kind: 'value', text: String(value) };
  if (typeof value === 'boolean') return { kind: 'value', text: value ? 'exists' : 'missing' };
  if (Array.isArray(value)) return { kind: 'list', items: value.map(readExpression) };
  const [entry, ...others] = isRecord(value) ? Object.entries(value) : [];
  if (!entry || others.length > 0) return { kind: 'unknown', text: writeWords(value) };
  return readNamed(entry[0], entry[1], value);
}

function readWord(text: string): Expression {
  if (text === '*') return { kind: 'rest' };
  if (text.startsWith('@')) return { kind: 'reference', name: text.slice(1) };
  return { kind: 'value', text };
}

function readNamed(name: string, body: unknown, whole: unknown): Expression {
  const unknown: Expression = { kind: 'unknown', text: writeWords(whole) };
  if (FIELDS.has(name)) return { kind: 'field', name: writeWords(whole) };
  if (Array.isArray(body)) {
    if (name === 'concat') return { kind: 'concat', parts: body.map(readExpression) };
    if (BINARY.has(name)) return foldBinary(name as BinaryOperator, body);
    if (name === 'set') return { kind: 'set', elements: body.map(readElement) };
    if (name === 'range') {
      const [low, high] = body.map(writeWords);
      return low === undefined || high === undefined ? unknown : { kind: 'range', low, high };
    }
  }
  const verdict = readDecision(name, body);
  if (verdict) return { kind: 'verdict', verdict };
  if (!isRecord(body)) return unknown;
  switch (name) {
    case 'prefix':
      return typeof body['len'] === 'number'
        ? { kind: 'prefix', address: writeWords(body['addr']), length: body['len'] }
        : unknown;
    case 'elem':
      return readExpression(body['val']);
    case 'map':
      return { kind: 'map', key: readExpression(body['key']), data: readExpression(body['data']) };
    default:
      return unknown;
  }
}

/** Newer versions of nft put more than two operands into one list. */
function foldBinary(operator: BinaryOperator, parts: readonly unknown[]): Expression {
  const [first, ...others] = parts.map(readExpression);
  if (!first) return { kind: 'unknown', text: operator };
  return others.reduce<Expression>(
    (left, right) => ({ kind: 'binary', operator, left, right }),
    first,
  );
}

export function readElement(item: unknown): Element {
  const pair = Array.isArray(item) && item.length === 2 ? (item as unknown[]) : null;
  if (!pair) return { key: readExpression(item), data: null };
  return { key: readExpression(pair[0]), data: readExpression(pair[1]) };
}

/** @returns null for anything but a verdict. */
export function readDecision(name: string, body: unknown): NftVerdict | null {
  switch (name) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      return { do: name };
    case 'jump':
    case 'goto':
      return { do: name, chain: asText(isRecord(body) ? body['target'] : '') };
    default:
      return null;
  }
}
