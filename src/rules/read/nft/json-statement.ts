/** Reads statements of nft's JSON: libnftables-json(5). Statements without a JSON form are text in it. */
import type { NftRule, NftStatement, Operator, Translation } from './ast.js';
import {
  asList,
  asText,
  isRecord,
  readDecision,
  readExpression,
  type Json,
} from './json-expression.js';
import { writeWords } from './json-words.js';
import { readLooseStatements } from './statements.js';
import { tokenize } from './tokens.js';

const OPERATORS: Readonly<Record<string, Operator>> = {
  ...({ '==': '==', '!=': '!=', '<': '<', '>': '>', '<=': '<=', '>=': '>=', '!': '!' } as const),
  in: '',
};

const INERT = new Set([
  ...['log', 'last', 'ct timeout', 'ct expectation', 'secmark', 'dup', 'reset', 'map'],
]);
const RATES = new Set(['limit', 'quota', 'ct count', 'meter']);
const ACTIONS = new Set(['queue', 'tproxy', 'fwd', 'synproxy']);

export function readJsonRule(body: Json): NftRule {
  const expressions = asList(body['expr']);
  const statements = expressions.flatMap(readStatement);
  const comment = asText(body['comment']);
  if (comment !== '') statements.push({ kind: 'comment', text: comment });
  const shown = expressions
    .filter((one) => !(isRecord(one) && 'counter' in one))
    .map((one) => writeWords(one).replace(/\s*\n\s*/g, ' '));
  return { statements, text: shown.join(' '), line: null };
}

function readStatement(value: unknown): NftStatement[] {
  if (typeof value === 'string') return [...readLooseStatements(tokenize(value))];
  const [entry, ...others] = isRecord(value) ? Object.entries(value) : [];
  const text = writeWords(value);
  if (!entry || others.length > 0) return [{ kind: 'unknown', text }];
  const [name, body] = entry;
  const decision = readDecision(name, body);
  if (decision) return [{ kind: 'decide', decision }];
  return [readNamed(name, body, text)];
}

function readNamed(name: string, body: unknown, text: string): NftStatement {
  const fields = isRecord(body) ? body : {};
  switch (name) {
    case 'match':
      return readMatch(fields, text);
    case 'vmap':
      return {
        kind: 'vmap',
        key: readExpression(fields['key']),
        data: readExpression(fields['data']),
      };
    case 'mangle':
      return readMangle(fields, text);
    case 'counter': {
      const packets = fields['packets'];
      return { kind: 'counter', packets: typeof packets === 'number' ? packets : null, text };
    }
    case 'notrack':
      return { kind: 'notrack' };
    case 'reject':
      return {
        kind: 'reject',
        type: typeof fields['type'] === 'string' ? fields['type'] : null,
        code: fields['expr'] === undefined ? null : writeWords(fields['expr']),
      };
    case 'dnat':
    case 'snat':
    case 'masquerade':
    case 'redirect':
      return readTranslation(name, fields);
    case 'ct helper':
      return { kind: 'helper', name: asText(body) };
    case 'flow':
      return { kind: 'offload', text };
    case 'xt':
      return {
        kind: 'xt',
        target: fields['type'] === 'target',
        name: asText(fields['name']),
      };
    case 'set':
      return { kind: isRated(fields['stmt']) ? 'rate' : 'inert', text };
    default:
      if (INERT.has(name)) return { kind: 'inert', text };
      if (RATES.has(name)) return { kind: 'rate', text };
      return { kind: ACTIONS.has(name) ? 'action' : 'unknown', text };
  }
}

/** Whether a statement that a set keeps for each element decides by rate or number. */
function isRated(statements: unknown): boolean {
  return [statements ?? []]
    .flat()
    .some((one) => isRecord(one) && Object.keys(one).some((key) => RATES.has(key)));
}

function readMatch(body: Json, text: string): NftStatement {
  const operator = OPERATORS[asText(body['op'])];
  if (operator === undefined) return { kind: 'unknown', text };
  return {
    kind: 'match',
    operator,
    left: readExpression(body['left']),
    right: readExpression(body['right']),
  };
}

function readMangle(body: Json, text: string): NftStatement {
  const field = readExpression(body['key']);
  if (field.kind !== 'field') return { kind: 'unknown', text };
  return { kind: 'set', field: field.name, value: readExpression(body['value']) };
}

function readTranslation(act: Translation['do'], body: Json): Translation {
  const { addr, port, family, flags, type_flags: kinds } = body;
  const part = (value: unknown): Translation['address'] =>
    value === undefined ? null : readExpression(value);
  return {
    kind: 'nat',
    do: act,
    address: part(addr),
    port: part(port),
    family: typeof family === 'string' ? family : null,
    flags: [kinds ?? [], flags ?? []].flat(2).map(asText),
  };
}
