/** Reads one rule of nft's text as statements; one that is not understood is kept as text. */
import type { Expression, NftRule, NftStatement, Translation } from './ast.js';
import type { Token } from './tokens.js';
import { readValue, Unreadable, Words } from './words.js';

/** Words that always begin a statement: text that is not understood ends before them. */
const STARTS = new Set([
  ...['counter', 'comment', 'accept', 'drop', 'return', 'continue', 'jump', 'goto', 'reject'],
  ...['dnat', 'snat', 'masquerade', 'redirect', 'notrack', 'queue', 'tproxy', 'xt', 'synproxy'],
]);

export function readTextRule(tokens: readonly Token[]): NftRule {
  const words = new Words(tokens, readRules);
  const statements: NftStatement[] = [];
  const shown: string[] = [];
  while (!words.done()) {
    const start = words.at;
    if (words.peek() === '\n') {
      words.at += 1;
      continue;
    }
    const statement = readStatement(words, start);
    statements.push(statement);
    if (statement.kind !== 'counter' && statement.kind !== 'comment') {
      shown.push(words.textFrom(start));
    }
  }
  return { statements, text: shown.join(' '), line: tokens[0]?.line ?? null };
}

/** Reads consecutive rules, each ended by a line end or `;`. */
function readRules(tokens: readonly Token[]): NftRule[] {
  const lists: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (!token.quoted && token.text === '{') depth += 1;
    if (!token.quoted && token.text === '}') depth -= 1;
    const ends = !token.quoted && depth === 0 && (token.text === '\n' || token.text === ';');
    if (ends) lists.push([]);
    else lists.at(-1)?.push(token);
  }
  return lists.filter((list) => list.length > 0).map(readTextRule);
}

/** Reads a statement that is text inside nft's JSON. */
export function readLooseStatements(tokens: readonly Token[]): readonly NftStatement[] {
  return readTextRule(tokens).statements;
}

function readStatement(words: Words, start: number): NftStatement {
  try {
    const statement = parse(words, start);
    if (words.at > start) return statement;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
  words.at = start;
  return skipUnknown(words, start);
}

/** Skips text that is not understood: at least one word, up to a word that certainly begins a statement. */
function skipUnknown(words: Words, start: number): NftStatement {
  let depth = 0;
  do {
    const mark = words.peek();
    if (mark === '{') depth += 1;
    if (mark === '}') depth -= 1;
    words.at += 1;
  } while (!words.done() && (depth > 0 || !STARTS.has(words.peek())));
  return { kind: 'unknown', text: words.textFrom(start) };
}

function parse(words: Words, start: number): NftStatement {
  const decision = words.takeDecision();
  if (decision) return { kind: 'decide', decision };
  switch (words.peek()) {
    case 'counter':
      return readCounter(words, start);
    case 'comment':
      words.at += 1;
      return { kind: 'comment', text: words.take() };
    case 'notrack':
      words.at += 1;
      return { kind: 'notrack' };
    case 'reject':
      return readReject(words);
    case 'dnat':
    case 'snat':
    case 'masquerade':
    case 'redirect':
      return readTranslation(words, words.take() as Translation['do']);
    case 'xt': {
      words.at += 1;
      const target = words.take() === 'target';
      return { kind: 'xt', target, name: words.take() };
    }
    default:
      return readOption(words, start) ?? readComparison(words);
  }
}

function readCounter(words: Words, start: number): NftStatement {
  words.at += 1;
  let packets: number | null = null;
  if (words.takeIf('name')) words.take();
  else if (words.takeIf('packets')) {
    packets = Number(words.take());
    if (words.takeIf('bytes')) words.take();
  }
  return { kind: 'counter', packets, text: words.textFrom(start) };
}

function readReject(words: Words): NftStatement {
  words.at += 1;
  if (!words.takeIf('with')) return { kind: 'reject', type: null, code: null };
  const type = words.take();
  if (type === 'tcp') return { kind: 'reject', type: `tcp ${words.take()}`, code: null };
  words.takeIf('type');
  return { kind: 'reject', type, code: words.take() };
}

const LOG_OPTIONS = new Set(['prefix', 'level', 'group', 'snaplen', 'queue-threshold']);
const LOG_FLAGS = new Set(['all', 'tcp', 'ip', 'skuid', 'ether', 'sequence', 'options', ',']);
const SYNPROXY = new Set(['mss', 'wscale']);

/** Reads statements with options of their own; null if none begins here. */
function readOption(words: Words, start: number): NftStatement | null {
  const done = <K extends 'inert' | 'rate' | 'action' | 'offload'>(
    kind: K,
  ): { kind: K; text: string } => ({ kind, text: words.textFrom(start) });
  const first = words.peek();
  switch (first) {
    case 'log':
      words.at += 1;
      while (LOG_OPTIONS.has(words.peek()) || words.peek() === 'flags') {
        const flags = words.take() === 'flags';
        if (!flags) words.take();
        while (flags && LOG_FLAGS.has(words.peek())) words.at += 1;
      }
      return done('inert');
    case 'limit':
      words.at += 1;
      if (words.takeIf('name')) words.take();
      else readRate(words);
      return done('rate');
    case 'quota':
      words.at += 1;
      if (words.takeIf('name')) words.take();
      else {
        if (words.peek() === 'over' || words.peek() === 'until') words.at += 1;
        words.at += 2;
        if (words.takeIf('used')) words.at += 2;
      }
      return done('rate');
    case 'last':
      words.at += 1;
      if (words.takeIf('used')) words.take();
      return done('inert');
    case 'ct':
      return readTracked(words, done);
    case 'add':
    case 'update':
    case 'delete': {
      words.at += 1;
      words.take();
      const rated = skipBraces(words);
      return done(rated ? 'rate' : 'inert');
    }
    case 'meter':
      words.at += 2;
      if (words.takeIf('size')) words.take();
      skipBraces(words);
      return done('rate');
    case 'reset':
      words.at += 1;
      if (!words.takeField()) throw new Unreadable('a field is expected');
      return done('inert');
    case 'flow':
      words.at += 3;
      return done('offload');
    case 'queue':
    case 'tproxy':
    case 'fwd':
    case 'dup':
      readAction(words);
      return done(first === 'dup' ? 'inert' : 'action');
    case 'synproxy':
      words.at += 1;
      if (words.takeIf('name')) words.take();
      while (SYNPROXY.has(words.peek())) words.at += 2;
      while (words.peek() === 'timestamp' || words.peek() === 'sack-perm') words.at += 1;
      return done('action');
    default:
      return null;
  }
}

/** `rate over 10/second burst 5 packets`, `rate 10 mbytes/second` */
function readRate(words: Words): void {
  if (!words.takeIf('rate')) throw new Unreadable('a rate is expected');
  if (words.peek() === 'over' || words.peek() === 'until') words.at += 1;
  if (!words.take().includes('/')) words.at += 1;
  if (words.takeIf('burst')) words.at += 2;
}

function readTracked(
  words: Words,
  done: (kind: 'inert' | 'rate') => NftStatement,
): NftStatement | null {
  if (words.takeIf('ct', 'count')) {
    words.takeIf('over');
    words.take();
    return done('rate');
  }
  if (words.takeIf('ct', 'helper', 'set')) return { kind: 'helper', name: words.take() };
  if (words.takeIf('ct', 'timeout', 'set') || words.takeIf('ct', 'expectation', 'set')) {
    words.take();
    return done('inert');
  }
  return null;
}

/** @returns whether a statement in the braces lets only some packets pass. */
function skipBraces(words: Words): boolean {
  let rated = false;
  let depth = 0;
  do {
    const mark = words.peek();
    if (mark === '{') depth += 1;
    if (mark === '}') depth -= 1;
    rated ||= mark === 'limit' || mark === 'quota' || (mark === 'ct' && words.peek(1) === 'count');
    words.take();
  } while (depth > 0);
  return rated;
}

const ACTION_OPTIONS = new Set([
  'flags',
  'bypass',
  'fanout',
  'to',
  'num',
  'ip',
  'ip6',
  'device',
  ',',
]);

/** `queue flags bypass to 1-3`, `tproxy ip to :50080`, `fwd ip to 10.0.0.1 device "eth1"` */
function readAction(words: Words): void {
  words.at += 1;
  while (ACTION_OPTIONS.has(words.peek())) {
    const option = words.take();
    if (option === 'to' || option === 'num' || option === 'device') words.takeRight();
    if (words.takeIf('map')) skipBraces(words);
  }
  if (/^[\d":]/.test(words.peek()) || words.peek() === 'numgen') words.takeRight();
  while (ACTION_OPTIONS.has(words.peek())) words.at += 1;
}

const NAT_FLAGS = new Set(['random', 'fully-random', 'persistent', 'netmap', ',']);

function readTranslation(words: Words, act: Translation['do']): Translation {
  const flags: string[] = [];
  const family = words.peek() === 'ip' || words.peek() === 'ip6' ? words.take() : null;
  for (const kind of ['prefix', 'interval']) if (words.takeIf(kind)) flags.push(kind);
  words.takeIf('addr', '.', 'port');
  let target: Pick<Translation, 'address' | 'port'> = { address: null, port: null };
  if (words.takeIf('to')) target = readTarget(words, act === 'redirect' || act === 'masquerade');
  while (NAT_FLAGS.has(words.peek())) {
    const flag = words.take();
    if (flag !== ',') flags.push(flag);
  }
  return { kind: 'nat', do: act, family, ...target, flags };
}

/** `10.0.0.1:80`, `[fd00::1]:80`, `:8080`, `tcp dport map { … }`, `:tcp dport map { … }` */
function readTarget(words: Words, isPort: boolean): Pick<Translation, 'address' | 'port'> {
  const mapped = readMap(words);
  if (mapped) return { address: mapped, port: null };
  if (words.takeIf(':')) return { address: null, port: readMap(words) ?? readPart(words.take()) };
  const text = words.take();
  if (isPort) return { address: null, port: readPart(text) };
  const pair = /^(?:\[([^\]]*)\](-\[[^\]]*\])?|([\d.]+(?:-[\d.]+)?)):([\w-]+)$/.exec(text);
  if (pair) {
    const address = pair[3] ?? `${pair[1] ?? ''}${(pair[2] ?? '').replace(/[[\]]/g, '')}`;
    return { address: readPart(address), port: readPart(pair[4] ?? '') };
  }
  return { address: readPart(text.replace(/^\[(.*)\]$/, '$1')), port: null };
}

function readPart(text: string): Expression {
  const range = /^([\d.]+|[0-9a-f:]*:[0-9a-f:]*)-([\d.]+|[0-9a-f:]*:[0-9a-f:]*)$/i.exec(text);
  if (range) return { kind: 'range', low: range[1] ?? '', high: range[2] ?? '' };
  return readValue(text);
}

/** Reads a field and the map in which it is looked up. */
function readMap(words: Words): Expression | null {
  const start = words.at;
  const key = words.takeLeft();
  if (key && words.takeIf('map')) return { kind: 'map', key, data: words.takeRight() };
  words.at = start;
  return null;
}

function readComparison(words: Words): NftStatement {
  const left = words.takeLeft();
  if (!left) throw new Unreadable('no statement that is known');
  if (words.takeIf('vmap')) return { kind: 'vmap', key: left, data: words.takeRight() };
  if (words.takeIf('set')) {
    if (left.kind !== 'field') throw new Unreadable('only a field is set');
    return { kind: 'set', field: left.name, value: readMap(words) ?? words.takeRight() };
  }
  const operator = words.takeOperator();
  const right = words.takeRight();
  // In `tcp flags syn / syn,ack`, the second part is the mask and the first is the value.
  if (words.takeIf('/')) {
    const masked: Expression = { kind: 'binary', operator: '&', left, right: words.takeRight() };
    return { kind: 'match', operator: operator === '' ? '==' : operator, left: masked, right };
  }
  return { kind: 'match', operator, left, right };
}
