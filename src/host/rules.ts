/** Reads the packet filter rules of a network namespace without loading a kernel module. */
import { existsSync } from 'node:fs';
import { UserError } from '../model/errors.js';
import { OWN_TABLE } from '../model/rule-trace.js';
import { joinRuleSets, type Backend, type RuleSet, type Table } from '../model/rules.js';
import type { RunCommand, RunResult } from './command.js';
import { parseSaved } from '../rules/read/iptables.js';
import { addToOthers, parseNft } from '../rules/read/nft.js';
import { readText } from './procfs.js';

export interface RulesReading {
  readonly rules: RuleSet;
  /** Whether all rules that may exist were read; if not, no prediction is certain. */
  readonly complete: boolean;
  /** What could not be read and why, one sentence each. */
  readonly problems: readonly string[];
}

export interface RulesReader {
  readonly run: RunCommand;
  /** Path of the namespace; null for our own, which needs no entering. */
  readonly path: string | null;
  readonly signal?: AbortSignal | undefined;
  /** Whether the kernel has nf_tables; looked up when left out. */
  readonly hasNft?: boolean;
}

const TIMEOUT = 10_000;

export async function readRules(reader: RulesReader): Promise<RulesReading> {
  const sets: RuleSet[] = [];
  const problems: string[] = [];
  const nft = reader.hasNft ?? hasNfTables();
  const [saved4, saved6, ruleset, legacy4, legacy6] = await Promise.all([
    nft ? enter(reader, 'iptables-nft-save', ['-c']) : null,
    nft ? enter(reader, 'ip6tables-nft-save', ['-c']) : null,
    nft ? enter(reader, 'nft', ['-j', 'list', 'ruleset']) : null,
    readLegacy(reader, 'ip'),
    readLegacy(reader, 'ip6'),
  ]);
  const read = (result: RunResult | null, name: string, parse: (text: string) => RuleSet): void => {
    if (result === null) return;
    if (!result.ok) {
      problems.push(`The rules that ${name} shows could not be read: ${explain(result)}.`);
      return;
    }
    try {
      sets.push(parse(result.stdout));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(`The rules that ${name} shows could not be read: ${error.message}.`);
    }
  };
  const saved = (name: string, backend: Backend, family: 'ip' | 'ip6') => (text: string) =>
    parseSaved(text, name, { backend, family });
  // Without the iptables tools there are no iptables-nft rules that nft cannot show.
  const skip = (result: RunResult | null): RunResult | null =>
    result?.failure === 'missing' && ruleset?.ok ? null : result;
  read(skip(saved4), 'iptables-nft-save', saved('iptables-nft-save', 'iptables-nft', 'ip'));
  read(skip(saved6), 'ip6tables-nft-save', saved('ip6tables-nft-save', 'iptables-nft', 'ip6'));
  const others = joinRuleSets(sets);
  const listed = ruleset?.ok && /"hook": ?"(?:in|e)gress"/.test(ruleset.stdout);
  // In some versions, nft's JSON does not contain the devices of a chain.
  const told = listed ? await enter(reader, 'nft', ['list', 'ruleset']) : null;
  if (ruleset?.failure !== 'missing' || saved4?.ok !== true) {
    read(ruleset, 'nft', (text) => {
      const { tables, notes } = parseNft(text, 'nft');
      const named = told?.ok ? nameDevices(tables, parseNft(told.stdout, 'nft').tables) : tables;
      const foreign = named.filter(({ name }) => !OWN_TABLE.test(name));
      return addToOthers({ tables: foreign, notes }, others);
    });
  } else problems.push('Native rules of nftables could not be read: nft is not installed.');
  read(legacy4, 'iptables-legacy-save', saved('iptables-legacy-save', 'iptables-legacy', 'ip'));
  read(legacy6, 'ip6tables-legacy-save', saved('ip6tables-legacy-save', 'iptables-legacy', 'ip6'));
  return { rules: joinRuleSets(sets), complete: problems.length === 0, problems };
}

/** Gives chains without devices the devices that another listing has for them. */
function nameDevices(tables: readonly Table[], told: readonly Table[]): Table[] {
  return tables.map((table) => ({
    ...table,
    chains: table.chains.map((chain) => {
      const { base } = chain;
      if (!base || (base.devices ?? []).length > 0) return chain;
      const same = told
        .find(({ name, family }) => name === table.name && family === table.family)
        ?.chains.find(({ name }) => name === chain.name);
      const devices = same?.base?.devices;
      return devices ? { ...chain, base: { ...base, devices } } : chain;
    }),
  }));
}

/** Reads iptables-legacy, only when its tables are already loaded: its tool would load them. */
async function readLegacy(reader: RulesReader, family: 'ip' | 'ip6'): Promise<RunResult | null> {
  const file = `/proc/net/${family}_tables_names`;
  if (!existsSync(file) && reader.path === null) return null;
  const names = await enter(reader, 'cat', [file]);
  if (!names.ok) return /Permission denied|not permitted/.test(names.stderr) ? names : null;
  if (names.stdout.trim() === '') return null;
  const tool = `${family}tables-legacy-save`;
  const result = await enter(reader, tool, ['-c']);
  return result.failure === 'missing' ? enter(reader, `${family}tables-save`, ['-c']) : result;
}

function enter(
  { run, path, signal }: RulesReader,
  command: string,
  parameters: readonly string[],
): Promise<RunResult> {
  const options = { timeout: TIMEOUT, signal };
  return path === null
    ? run(command, parameters, options)
    : run('nsenter', [`--net=${path}`, '--', command, ...parameters], options).then(missing);
}

/** Marks a program that nsenter did not find (it exits with 127) as missing. */
function missing(result: RunResult): RunResult {
  const lost = !result.ok && /failed to execute .*: No such file/.test(result.stderr);
  return lost ? { ...result, failure: 'missing', message: 'it is not installed' } : result;
}

function explain(result: RunResult): string {
  const denied = /permitted|denied|must be root|you must/i.test(
    `${result.stderr} ${result.message}`,
  );
  return denied ? 'that needs root' : result.message;
}

/** Whether nf_tables is in the kernel: otherwise its tools would load it. */
function hasNfTables(): boolean {
  if (existsSync('/sys/module/nf_tables')) return true;
  return / nft_register_chain_type$/m.test(readText('/proc/kallsyms') ?? '');
}
