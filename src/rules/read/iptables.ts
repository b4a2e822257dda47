/** Reads the output of iptables-save, ip6tables-save or `iptables -S`, with or without counters. Pure; loses nothing. */
import type { Backend, Chain, Hook, Rule, RuleSet, Step, Table } from '../../model/rules.js';
import { readRule, splitWords } from './iptables-rule.js';
import { malformed } from './rule-words.js';

type BaseOfTable = Readonly<Record<string, readonly [Hook, number]>>;

const everyHook = (priority: number): BaseOfTable => ({
  PREROUTING: ['prerouting', priority],
  INPUT: ['input', priority],
  FORWARD: ['forward', priority],
  OUTPUT: ['output', priority],
  POSTROUTING: ['postrouting', priority],
});

/** The kernel's hooks and priorities of the built-in chains. */
const BASES: Readonly<Record<string, BaseOfTable>> = {
  raw: everyHook(-300),
  mangle: everyHook(-150),
  nat: {
    PREROUTING: ['prerouting', -100],
    INPUT: ['input', 100],
    OUTPUT: ['output', -100],
    POSTROUTING: ['postrouting', 100],
  },
  filter: everyHook(0),
  security: everyHook(50),
};

interface DraftChain {
  name: string;
  policy: string;
  packets: number | null;
  rules: Rule[];
}

interface DraftTable {
  /** Null in the output of `iptables -S`, which does not name the table. */
  name: string | null;
  chains: Map<string, DraftChain>;
}

/** Facts that the text itself may lack; its own header wins. */
export interface SavedOptions {
  readonly backend?: Backend;
  readonly family?: 'ip' | 'ip6';
}

/**
 * Reads what iptables-save, ip6tables-save or `iptables -S` printed, also several outputs one after the other.
 * @param source names the text in errors.
 * @throws UserError with the line's number for text that is none of these, or that ends early.
 */
export function parseSaved(text: string, source: string, options: SavedOptions = {}): RuleSet {
  const tables: SavedTable[] = [];
  const notes: string[] = [];
  const hidden = new Set<Backend>();
  let header: SavedOptions = {};
  let draft: DraftTable | null = null;
  const lines = text.split('\n');
  const finish = (done: DraftTable, number: number): void => {
    const name = done.name ?? inferName(done);
    if (name === null) {
      throw malformed(source, number, 'these are single chains: the built-in ones are missing');
    }
    tables.push({ ...finishTable(done.chains, name), ...options, ...header });
  };
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    const number = index + 1;
    const fail = (problem: string): Error => malformed(source, number, problem);
    if (line === '') continue;
    if (line.startsWith('#')) {
      header = readHeader(line) ?? header;
      if (/legacy tables present/.test(line)) hidden.add('iptables-legacy');
      continue;
    }
    const listed = readListed(line);
    if (line.startsWith('*')) {
      if (draft?.name != null) throw fail(`table ${draft.name} does not end with COMMIT`);
      if (draft) finish(draft, number);
      draft = { name: line.slice(1).trim(), chains: new Map() };
    } else if (listed && draft?.name == null) {
      // `iptables -S` begins each table with its policies.
      const open = draft ? [...draft.chains.values()] : [];
      const begun = open.some(({ policy, rules }) => policy === '-' || rules.length > 0);
      if (draft && listed.policy !== '-' && (begun || draft.chains.has(listed.name))) {
        finish(draft, number);
        draft = null;
      }
      draft ??= { name: null, chains: new Map() };
      draft.chains.set(listed.name, listed);
    } else if (!draft) {
      const shown = /^Chain \S+ \(/.test(line)
        ? 'this is what iptables -L prints, which leaves out too much'
        : `"${clipLine(line)}" is outside of any table`;
      throw fail(shown);
    } else if (line === 'COMMIT' && draft.name !== null) {
      finish(draft, number);
      draft = null;
    } else readLine(draft, line, fail);
  }
  if (draft?.name != null) {
    throw malformed(source, lines.length, `table ${draft.name} ends without COMMIT: it is cut off`);
  }
  if (draft) finish(draft, lines.length);
  // Nothing marks the end of `iptables -S`.
  if (draft && lines.at(-1) !== '')
    notes.push(`${source} ends in the middle of a line: it may be cut off`);
  if (hidden.size > 0) notes.push('rules of iptables-legacy are loaded too');
  const settled = settleFamilies(tables, notes);
  return { tables: settled, notes, ...(hidden.size > 0 && { hidden: [...hidden] }) };
}

/** `-P FORWARD DROP` and `-N DOCKER` of `iptables -S`, or null. */
function readListed(line: string): DraftChain | null {
  const match = /^-(?:P (\S+) (ACCEPT|DROP)(?: -c (\d+) \d+)?|N (\S+))$/.exec(line);
  if (!match) return null;
  const [, builtIn, policy = '-', packets, own = ''] = match;
  return {
    name: builtIn ?? own,
    policy,
    rules: [],
    packets: packets === undefined ? null : Number(packets),
  };
}

/** The table that has these built-in chains; null for none. */
function inferName({ chains }: DraftTable): string | null {
  const has = (name: string): boolean => chains.has(name);
  if (has('FORWARD')) return has('PREROUTING') ? 'mangle' : 'filter';
  if (has('POSTROUTING')) return 'nat';
  return has('PREROUTING') && has('OUTPUT') ? 'raw' : null;
}

/** `# Generated by ip6tables-save v1.8.9 (nf_tables) on …` */
function readHeader(line: string): SavedOptions | null {
  const match = /^# Generated by (ip6?)tables[a-z-]*-save v\S+(?: \((\w+)\))?/.exec(line);
  if (!match) return null;
  // Versions before 1.8 had no nf_tables and named no backend.
  const backend = match[2] === 'nf_tables' ? 'iptables-nft' : 'iptables-legacy';
  return { backend, family: match[1] === 'ip6' ? 'ip6' : 'ip' };
}

function readLine(draft: DraftTable, line: string, fail: (problem: string) => Error): void {
  const chain = /^:(\S+) (ACCEPT|DROP|QUEUE|REJECT|RETURN|-)(?: \[(\d+):\d+\])?$/.exec(line);
  if (chain) {
    const [, name = '', policy = '-', packets] = chain;
    draft.chains.set(name, {
      name,
      policy,
      rules: [],
      packets: packets === undefined ? null : Number(packets),
    });
    return;
  }
  const rule = /^(?:\[(\d+):\d+\] )?-A (\S+)(?: (.*))?$/.exec(line);
  if (!rule) throw fail(`"${clipLine(line)}" is neither a chain nor a rule`);
  const [, packets, name = '', body = ''] = rule;
  const owner = draft.chains.get(name);
  if (!owner) {
    throw fail(
      `a rule of chain ${name}, which table ${draft.name ?? '(of iptables -S)'} does not have`,
    );
  }
  const words = splitWords(body);
  if (words === null) throw fail('a quotation mark is not closed');
  const parsed = readRule(words);
  if (typeof parsed === 'string') throw fail(parsed);
  owner.rules.push({
    text: writeRule(name, parsed.packets === null ? body : dropCounters(body)),
    steps: parsed.steps,
    packets: packets === undefined ? parsed.packets : Number(packets),
    comment: parsed.comment,
  });
}

function writeRule(chain: string, body: string): string {
  return `-A ${chain}${body === '' ? '' : ` ${body}`}`;
}

/** Removes the counters that `iptables -S -v` prints inside the rule. */
function dropCounters(body: string): string {
  return body.replace(/ ?-c \d+ \d+/, '');
}

/** A table whose family and backend may be unknown so far. */
type SavedTable = Omit<Table, 'family' | 'backend'> & SavedOptions;

function finishTable(drafts: ReadonlyMap<string, DraftChain>, table: string): SavedTable {
  const bases = BASES[table] ?? {};
  const chains = [...drafts.values()].map(({ name, policy, packets, rules }): Chain => {
    const base = bases[name];
    const type = table === 'nat' ? 'nat' : 'filter';
    return {
      name,
      packets,
      rules,
      base: base ? { hook: base[0], priority: base[1], type } : null,
      policy: policy === 'DROP' ? 'drop' : 'accept',
    };
  });
  return { name: table, chains };
}

/** Sets the family of tables without a header: a repeated table name begins the output of another tool. */
function settleFamilies(tables: readonly SavedTable[], notes: string[]): Table[] {
  const groups: SavedTable[][] = [];
  for (const table of tables) {
    const last = groups.at(-1);
    const goes = last?.[0]?.family === table.family && last?.[0]?.backend === table.backend;
    const again = table.family === undefined && last?.some(({ name }) => name === table.name);
    if (last && goes && !again) last.push(table);
    else groups.push([table]);
  }
  let earlier = false;
  return groups.flatMap((group): Table[] => {
    const told = group[0]?.family ?? tellFamily(group);
    const family = told ?? (earlier ? 'ip6' : 'ip');
    if (told === null && earlier) {
      notes.push('tables that come again without any address are taken for those of ip6tables');
    }
    earlier ||= family === 'ip';
    return group.map((table) => ({
      backend: table.backend ?? 'iptables-nft',
      family,
      name: table.name,
      chains: table.chains,
    }));
  });
}

/** Infers the family from the addresses and protocols in the rules; null if there are none. */
function tellFamily(tables: readonly SavedTable[]): 'ip' | 'ip6' | null {
  const families = new Set(
    tables.flatMap(({ chains }) =>
      chains.flatMap(({ rules }) => rules.flatMap(({ steps }) => steps.flatMap(listFamilies))),
    ),
  );
  return families.has(6) ? 'ip6' : families.has(4) ? 'ip' : null;
}

function listFamilies(step: Step): (4 | 6)[] {
  if (step.kind === 'verdict') {
    const address = 'address' in step.verdict ? step.verdict.address : null;
    return address === null ? [] : [address.includes(':') ? 6 : 4];
  }
  if (step.kind !== 'match') return [];
  const { match } = step;
  if (match.on === 'protocol') {
    return match.names.flatMap((name): (4 | 6)[] =>
      /^(ipv6-icmp|icmpv6|58)$/.test(name) ? [6] : name === 'icmp' ? [4] : [],
    );
  }
  const isAddress =
    match.on === 'source' || match.on === 'destination' || match.on === 'original-destination';
  return isAddress ? match.ranges.map(({ family }) => family) : [];
}

function clipLine(line: string): string {
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
