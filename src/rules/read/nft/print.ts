/** Writes nft rules as nft prints them: read again, they mean the same. */
import type {
  NftVerdict,
  Element,
  Expression,
  NftChain,
  NftRule,
  NftStatement,
  NftTable,
  Translation,
} from './ast.js';

export function writeExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'value':
      return writeWord(expression.text);
    case 'rest':
      return '*';
    case 'reference':
      return `@${expression.name}`;
    case 'prefix':
      return `${expression.address}/${expression.length}`;
    case 'range':
      return `${writeWord(expression.low)}-${writeWord(expression.high)}`;
    case 'list':
      return expression.items.map(writeExpression).join(',');
    case 'set':
      return `{ ${expression.elements.map(writeElement).join(', ')} }`;
    case 'concat':
      return expression.parts.map(writeExpression).join(' . ');
    case 'binary': {
      const right = writeExpression(expression.right);
      const bracketed = bracket(expression.right, right);
      return `${writeExpression(expression.left)} ${expression.operator} ${bracketed}`;
    }
    case 'field':
      return expression.name;
    case 'map':
      return `${writeExpression(expression.key)} map ${writeExpression(expression.data)}`;
    case 'verdict':
      return writeDecision(expression.verdict);
    case 'unknown':
      return expression.text;
  }
}

/** Flags separated by commas may only come last: elsewhere bars separate them. */
function bracket(expression: Expression, text: string): string {
  if (expression.kind === 'list') return `(${expression.items.map(writeExpression).join(' | ')})`;
  return expression.kind === 'binary' ? `(${text})` : text;
}

/** Names of devices and times may contain characters that are punctuation elsewhere. */
function writeWord(text: string): string {
  return /^[\w.:+/-]+$/.test(text) ? text : `"${text}"`;
}

function writeElement({ key, data }: Element): string {
  return data === null
    ? writeExpression(key)
    : `${writeExpression(key)} : ${writeExpression(data)}`;
}

function writeDecision(decision: NftVerdict): string {
  if (!('chain' in decision)) return decision.do;
  const { chain } = decision;
  if (typeof chain === 'string') return `${decision.do} ${chain}`;
  return `${decision.do} { ${chain.map((rule) => `${writeRule(rule)}; `).join('')}}`;
}

export function writeStatement(statement: NftStatement): string {
  switch (statement.kind) {
    case 'match': {
      const { operator, left, right } = statement;
      const shown = operator === '' ? '' : `${operator} `;
      return `${writeExpression(left)} ${shown}${writeExpression(right)}`;
    }
    case 'decide':
      return writeDecision(statement.decision);
    case 'vmap':
      return `${writeExpression(statement.key)} vmap ${writeExpression(statement.data)}`;
    case 'set':
      return `${statement.field} set ${writeExpression(statement.value)}`;
    case 'nat':
      return writeTranslation(statement);
    case 'reject': {
      const { type, code } = statement;
      const kind = [type, code].filter((part) => part !== null);
      return kind.length === 0 ? 'reject' : `reject with ${kind.join(' ')}`;
    }
    case 'comment':
      return `comment "${statement.text}"`;
    case 'notrack':
      return 'notrack';
    case 'helper':
      return `ct helper set "${statement.name}"`;
    case 'xt':
      return `xt ${statement.target ? 'target' : 'match'} "${statement.name}"`;
    // For these, only the kind matters here.
    case 'counter':
      return 'counter';
    case 'inert':
      return 'log';
    case 'rate':
      return 'limit rate 1/second';
    case 'action':
      return 'queue';
    case 'offload':
      return 'flow add @f';
    case 'unknown':
      return 'xt target "unknown"';
  }
}

function writeTranslation({ do: act, family, address, port, flags }: Translation): string {
  const isKind = (flag: string): boolean => flag === 'prefix' || flag === 'interval';
  const kinds = flags.filter(isKind);
  const others = flags.filter((flag) => !isKind(flag));
  const to = address === null ? '' : writeExpression(address);
  const bracketed = port !== null && to.includes(':') ? `[${to}]` : to;
  const target = port === null ? to : `${bracketed}:${writeExpression(port)}`;
  return [
    ...[act, ...(family === null ? [] : [family]), ...kinds],
    ...(target === '' ? [] : ['to', target]),
    ...(others.length === 0 ? [] : [others.join(',')]),
  ].join(' ');
}

function writeRule({ statements }: NftRule): string {
  return statements.map(writeStatement).join(' ');
}

/** Writes a table as text that `nft -f` reads, with sets and maps in place of their names. */
export function writeNftTable({ family, name, dormant, chains, sets }: NftTable): string {
  // All other sets are written in the rules, in place of their names.
  const empty = [...sets].flatMap(([own, elements]) => (elements.length === 0 ? [own] : []));
  return [
    `table ${family} ${name} {`,
    ...(dormant ? ['flags dormant'] : []),
    ...empty.map((own) => `set ${own} { }`),
    ...chains.map((chain) => writeChain(chain, sets)),
    '}',
  ].join('\n');
}

function writeChain(chain: NftChain, sets: NftTable['sets']): string {
  const { name, type, hook, priority, devices, policy, rules } = chain;
  const on = devices.length === 0 ? '' : ` devices = { ${devices.map(writeWord).join(', ')} }`;
  const base =
    hook === null
      ? []
      : [`type ${type ?? 'filter'} hook ${hook}${on} priority ${priority ?? 0}; policy ${policy};`];
  const lines = rules.map((rule) => writeRule(fillSets(rule, sets)));
  return [`chain ${name} {`, ...base, ...lines, '}'].join('\n');
}

/** Replaces references to sets by the sets themselves, which mean the same. */
function fillSets(rule: NftRule, sets: NftTable['sets']): NftRule {
  const fill = (expression: Expression): Expression => {
    switch (expression.kind) {
      case 'reference': {
        const elements = sets.get(expression.name);
        return elements && elements.length > 0 ? { kind: 'set', elements } : expression;
      }
      case 'map':
        return { ...expression, data: fill(expression.data) };
      default:
        return expression;
    }
  };
  const statements = rule.statements.map((statement): NftStatement => {
    if (statement.kind === 'match') return { ...statement, right: fill(statement.right) };
    if (statement.kind === 'vmap') return { ...statement, data: fill(statement.data) };
    if (statement.kind === 'set') return { ...statement, value: fill(statement.value) };
    if (statement.kind !== 'nat') return statement;
    return { ...statement, address: statement.address && fill(statement.address) };
  });
  return { ...rule, statements };
}
