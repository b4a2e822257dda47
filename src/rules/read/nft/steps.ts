/**
 * Translates nft statements to steps of the model. A statement that is not understood stays as text and is never
 * skipped.
 */
import { canonicalAddress } from '../../../model/address.js';
import type { MapEntry, Match, Step, RuleVerdict } from '../../../model/rules.js';
import type {
  NftVerdict,
  Element,
  Expression,
  NftRule,
  NftStatement,
  NftTable,
  Translation,
} from './ast.js';
import { compare, isByLot } from './compare.js';
import { implyOf } from './implied.js';
import { readSetting } from './marking.js';
import { writeExpression, writeStatement } from './print.js';
import { INERT_TARGETS } from '../iptables-target.js';
import { parsePorts, unknownMatch } from '../rule-words.js';

export class StepBuilder {
  readonly #table: NftTable;
  readonly #addChain: (rules: readonly NftRule[]) => string;

  constructor(
    table: NftTable,
    /** Makes a chain of rules that are written in place, and returns its name. */
    addChain: (rules: readonly NftRule[]) => string,
  ) {
    this.#table = table;
    this.#addChain = addChain;
  }

  build(statement: NftStatement): Step[] {
    switch (statement.kind) {
      case 'match':
        return this.#match(statement);
      case 'vmap':
        return this.#lookUp(statement.key, statement.data, writeStatement(statement), (data) =>
          data?.kind === 'verdict' ? this.#decide(data.verdict) : null,
        );
      case 'decide':
        return [act(this.#decide(statement.decision))];
      case 'nat':
        return this.#translate(statement);
      case 'set':
        return readSetting(statement.field, statement.value, writeStatement(statement));
      case 'reject':
        return [act(reject(statement))];
      case 'counter':
      case 'comment':
        return [];
      case 'notrack':
        return [{ kind: 'notrack' }];
      case 'helper':
        return [{ kind: 'helper', name: statement.name }];
      case 'offload':
        return [{ kind: 'offload', text: statement.text }];
      case 'inert':
        return [{ kind: 'note', text: statement.text }];
      case 'rate':
        return [{ kind: 'match', match: { on: 'chance', text: statement.text, not: false } }];
      case 'action':
      case 'unknown':
        return [act({ do: 'unknown', text: statement.text })];
      case 'xt':
        return [readXtables(statement.target, statement.name)];
    }
  }

  #decide(decision: NftVerdict): RuleVerdict {
    if (!('chain' in decision)) return decision;
    const { chain } = decision;
    return { do: decision.do, chain: typeof chain === 'string' ? chain : this.#addChain(chain) };
  }

  #match(statement: Extract<NftStatement, { kind: 'match' }>): Step[] {
    const { operator, left, right } = statement;
    const text = writeStatement(statement);
    const elements = this.#listElements(right);
    const matches =
      elements &&
      (left.kind === 'concat'
        ? this.#matchParts(left.parts, elements, operator === '!=', text)
        : compare({
            operator,
            left,
            text,
            isSet: isSet(right),
            values: elements.map(({ key }) => key),
          }));
    const known = matches ?? [...implyOf(left), unknownMatch(text)];
    return known.map((match): Step => ({ kind: 'match', match }));
  }

  /** Matches a set whose elements have several parts. */
  #matchParts(
    fields: readonly Expression[],
    elements: readonly Element[],
    not: boolean,
    text: string,
  ): Match[] | null {
    const entries = elements.map(({ key }) => this.#matchKey(fields, key));
    if (!entries.every((entry) => entry !== null)) return null;
    return [{ on: 'one-of', entries, text, not }];
  }

  /** Reads the conditions of one key; null if one is not understood. */
  #matchKey(fields: readonly Expression[], key: Expression): Match[] | null {
    if (key.kind === 'rest') return [];
    const parts = key.kind === 'concat' ? key.parts : [key];
    if (parts.length !== fields.length) return null;
    const matches = fields.map((left, i) => {
      const value = parts[i];
      if (value === undefined) return null;
      if (value.kind === 'rest') return [];
      const text = `${writeExpression(left)} ${writeExpression(value)}`;
      return compare({ operator: '==', left, values: [value], isSet: true, text });
    });
    return matches.every((list) => list !== null) ? matches.flat() : null;
  }

  /** Lists the elements of a set given in place or by its name, or the single value; null for an unknown set. */
  #listElements(expression: Expression): readonly Element[] | null {
    if (expression.kind === 'set') return expression.elements;
    if (expression.kind === 'reference') return this.#table.sets.get(expression.name) ?? null;
    return [{ key: expression, data: null }];
  }

  /** Reads a map in which each entry leads to a verdict. */
  #lookUp(
    key: Expression,
    data: Expression,
    text: string,
    read: (data: Expression | null) => RuleVerdict | null,
  ): Step[] {
    const implied = implyOf(key).map((match): Step => ({ kind: 'match', match }));
    const elements = isSet(data) ? this.#listElements(data) : null;
    if (!elements) return [...implied, act({ do: 'unknown', text })];
    const fields = key.kind === 'concat' ? key.parts : [key];
    const keys = this.#matchKeys(fields, elements);
    if (!keys) return [...implied, act({ do: 'unknown', text })];
    const entries = keys.map((matches, i): MapEntry => ({
      matches,
      verdict: read(elements[i]?.data ?? null) ?? { do: 'unknown', text },
    }));
    return [{ kind: 'map', entries: putRestLast(entries) }];
  }

  #matchKeys(fields: readonly Expression[], elements: readonly Element[]): Match[][] | null {
    const [only] = fields;
    if (only?.kind === 'field' && isByLot(only.name)) return drawLots(only.name, elements.length);
    const keys = elements.map(({ key }) => this.#matchKey(fields, key));
    return keys.every((key) => key !== null) ? keys : null;
  }

  #translate(statement: Translation): Step[] {
    const { do: use, address, port } = statement;
    const ports =
      port !== null || statement.flags.some((flag) => flag === 'random' || flag === 'fully-random');
    const given = ports ? ({ ports } as const) : {};
    if (use === 'masquerade') return [act({ do: 'masquerade', ...given })];
    const text = writeStatement(statement);
    const mapped = address?.kind === 'map' ? address : port?.kind === 'map' ? port : null;
    if (mapped && (address === null || port === null)) {
      const asPort = port !== null || use === 'redirect';
      return this.#lookUp(mapped.key, mapped.data, text, (data) =>
        data ? this.#lead(use, asPort ? null : data, asPort ? data : null) : null,
      );
    }
    const simple = !statement.flags.some((flag) => flag === 'prefix' || flag === 'netmap');
    const verdict = simple ? this.#lead(use, address, port) : null;
    if (verdict?.do === 'snat') return [act({ ...verdict, ...given })];
    return [act(verdict ?? { do: 'unknown', text })];
  }

  /** Returns null for a range from which the kernel chooses one. */
  #lead(
    use: 'dnat' | 'snat' | 'redirect',
    address: Expression | null,
    port: Expression | null,
  ): RuleVerdict | null {
    // `10.0.0.1 . 80` gives both address and port.
    if (address?.kind === 'concat' && port === null) {
      const [first = null, second = null] = address.parts;
      return this.#lead(use, first, second);
    }
    const to = address === null ? null : readAddress(address);
    if (address !== null && to === null) return null;
    // Which port a source gets does not matter here.
    if (use === 'snat') {
      return { do: use, address: to, port: null, ...(port === null ? {} : { ports: true }) };
    }
    const number = port === null ? null : readPort(port);
    if (port !== null && number === null) return null;
    if (use === 'redirect') return { do: use, port: number };
    return { do: use, address: to, port: number };
  }
}

function isSet({ kind }: Expression): boolean {
  return kind === 'set' || kind === 'reference';
}

function act(verdict: RuleVerdict): Step {
  return { kind: 'verdict', verdict };
}

/** nft lists a range of one address as a prefix. */
function readAddress(expression: Expression): string | null {
  if (expression.kind === 'value') return canonicalAddress(expression.text);
  if (expression.kind !== 'prefix') return null;
  const address = canonicalAddress(expression.address);
  return expression.length === (address?.includes(':') ? 128 : 32) ? address : null;
}

function readPort(expression: Expression): number | null {
  const range = expression.kind === 'value' ? parsePorts(expression.text) : null;
  return range?.low === range?.high ? (range?.low ?? null) : null;
}

function reject({ type, code }: Extract<NftStatement, { kind: 'reject' }>): RuleVerdict {
  const how = type === null ? '' : ['with', type, ...(code === null ? [] : [code])].join(' ');
  return { do: 'reject', how, reset: type === 'tcp reset' };
}

function readXtables(target: boolean, name: string): Step {
  const text = `xt ${target ? 'target' : 'match'} ${name}`;
  // Only iptables-nft makes these.
  if (target ? INERT_TARGETS.has(name) : name === 'comment') return { kind: 'note', text };
  return target ? act({ do: 'unknown', text }) : { kind: 'match', match: unknownMatch(text) };
}

/** Makes a chance condition per entry. If the entries cover all numbers, the last one holds when no other does. */
function drawLots(name: string, count: number): Match[][] {
  const complete = Number(/ mod (\d+)/.exec(name)?.[1] ?? Infinity) <= count;
  return Array.from({ length: count }, (_, i): Match[] =>
    complete && i === count - 1
      ? []
      : [{ on: 'chance', text: `${name} is number ${i + 1}`, not: false }],
  );
}

/** An entry with `*` as its key holds for everything that no other entry matches. */
function putRestLast(entries: readonly MapEntry[]): MapEntry[] {
  return entries.toSorted(
    (a, b) => Number(a.matches.length === 0) - Number(b.matches.length === 0),
  );
}
