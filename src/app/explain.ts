/** Explains one host: its map and the predicted path of every client, from the machine or from saved files. */
import { readFile } from 'node:fs/promises';
import { runCommand, type RunCommand } from '../host/command.js';
import { parseSaved } from '../rules/read/iptables.js';
import { resolveNamespace } from '../host/namespaces.js';
import { addToOthers, parseNft } from '../rules/read/nft.js';
import { refuseOtherKinds } from '../rules/read/other-kinds.js';
import { describeUnasked } from '../host/problems.js';
import { readInsides } from '../host/insides.js';
import { readRules } from '../host/rules.js';
import { readSettings } from '../host/settings.js';
import { readTopology } from '../host/topology.js';
import { UserError } from '../model/errors.js';
import type { Explanation, Vantage } from '../model/explain.js';
import { joinRuleSets, type RuleSet } from '../model/rules.js';
import { resolvePorts, type TargetQuery } from '../model/target.js';
import type { Topology } from '../model/topology.js';
import { findOtherMappings } from '../rules/evaluate/mappings.js';
import { explainHost, listInsidePlaces, listWays, type HostReading } from './explain-host.js';
import { readMap } from './explain-topology.js';

export interface ExplainRequest {
  readonly query: TargetQuery;
  /** Limits predictions to one kind of vantage. */
  readonly from?: Vantage | null;
  /** Address of an outside client, for rules that match on it. */
  readonly client?: string | null;
  /** As `--netns`; the current namespace when left out. */
  readonly netns?: string;
  /** Milliseconds for the engine, and for all namespaces together; the defaults when left out. */
  readonly patience?: number;
  readonly dockerHost?: string | undefined;
  /** Files with saved rule sets: these are evaluated instead of this machine's. */
  readonly iptables?: readonly string[];
  readonly nft?: readonly string[];
  /** File with an `explain --json` document. */
  readonly topology?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws UserError for files that cannot be read or understood, and when nothing is published. */
export async function explain(request: ExplainRequest): Promise<Explanation> {
  const saved = [...(request.iptables ?? []), ...(request.nft ?? [])].length > 0;
  if (!saved && request.topology !== undefined) {
    throw new UserError('--topology alone says nothing of rules', {
      code: 'usage',
      exit: 2,
      remedy: 'add the rules: --iptables FILE or --nft FILE',
    });
  }
  const reading = saved ? await readSaved(request) : await readMachine(request);
  const { topology, rules } = reading;
  const mappings = findOtherMappings(rules.rules, topology);
  const target = resolvePorts(topology, { ...request.query, mappings });
  if (saved) return explainHost(reading, target, request);
  const places = listInsidePlaces(topology, listWays(topology, target));
  const { insides, problems } = await readInsides(runCommand, places, request.signal);
  const told = { ...topology, problems: [...topology.problems, ...problems] };
  return explainHost({ ...reading, topology: told, insides }, target, request);
}

async function readMachine(
  request: ExplainRequest,
  run: RunCommand = runCommand,
): Promise<HostReading> {
  const { netns = 'self', dockerHost, patience, signal } = request;
  const waits = patience === undefined ? {} : { dockerTimeout: patience, budget: patience };
  const path = netns === 'self' ? null : resolveNamespace(netns).path;
  const [topology, rules, settings] = await Promise.all([
    readTopology({ netns, dockerHost, signal, ...waits }),
    readRules({ run, path, signal }),
    readSettings(run, path, signal),
  ]);
  const problems = [...topology.problems, ...describeUnasked(settings.routing)];
  return { topology: { ...topology, problems }, rules, settings, measured: true };
}

/** Notes an empty file: a host without rules prints nothing, but so does a command that failed. */
function noteEmpty(text: string, file: string): string[] {
  return text.trim() === '' ? [`${file} is empty: it tells of no rules`] : [];
}

/** Versions of IP of which no file tells; none where no file was given. */
function listUnread(sets: readonly RuleSet[]): (4 | 6)[] {
  if (sets.length === 0) return [];
  const told = new Set(sets.flatMap(({ tables }) => tables.map(({ family }) => family)));
  return [...(told.has('ip') ? [] : [4 as const]), ...(told.has('ip6') ? [] : [6 as const])];
}

/**
 * The table that was left out by `iptables -S` or `iptables-save -t`: a list of filter rules alone tells nothing of NAT, and
 * a host with Docker's chains for NAT has a table for filters too.
 */
function findMissingTable(sets: readonly RuleSet[]): 'nat' | 'filter' | null {
  const tables = sets.flatMap((set) => set.tables);
  const nat = tables.filter(({ name }) => name === 'nat');
  const filters = tables.some(({ name }) => name === 'filter');
  if (filters) return nat.length === 0 ? 'nat' : null;
  return nat.some(({ chains }) => chains.some(({ name }) => name === 'DOCKER')) ? 'filter' : null;
}

function describeMissing(table: 'nat' | 'filter'): string {
  return `The table ${table} was not given: give the whole output of iptables-save, with --iptables FILE.`;
}

function describeUnread(family: 4 | 6): string {
  const tool = family === 4 ? 'iptables-save' : 'ip6tables-save';
  return `The rules of IPv${family} were not given: add what ${tool} prints, even if that is nothing, with --iptables FILE.`;
}

async function readSaved(request: ExplainRequest): Promise<HostReading> {
  const sets: RuleSet[] = [];
  for (const file of request.iptables ?? []) {
    const text = await load(file);
    refuseOtherKinds(text, file, 'iptables');
    const saved = parseSaved(text, file);
    sets.push({ ...saved, notes: [...saved.notes, ...noteEmpty(text, file)] });
  }
  const others = joinRuleSets(sets);
  for (const file of request.nft ?? []) {
    const text = await load(file);
    refuseOtherKinds(text, file, 'nft');
    const { tables, notes } = addToOthers(parseNft(text, file), others);
    sets.push({ tables, notes: [...notes, ...noteEmpty(text, file)] });
  }
  // nft lists all rules; iptables-save lists those of one version of IP. A file without any table stands for what is missing.
  const isWhole = (request.nft ?? []).length > 0 || sets.some(({ tables }) => tables.length === 0);
  const partly = isWhole ? [] : sets;
  const unread = listUnread(partly);
  const missing = findMissingTable(partly);
  const rules = {
    rules: joinRuleSets(sets),
    complete: missing === null,
    problems: [
      ...unread.map(describeUnread),
      ...(missing === null ? [] : [describeMissing(missing)]),
    ],
  };
  if (request.topology === undefined) {
    return { topology: NO_TOPOLOGY, rules, unread, settings: null, measured: false };
  }
  const map = readMap(await load(request.topology), request.topology);
  return { ...map, rules, unread, measured: true };
}

const NO_TOPOLOGY: Topology = {
  host: 0,
  namespaces: [],
  containers: [],
  relays: [],
  listeners: [],
  engine: null,
  problems: ['Devices, sockets and settings are not known: only the rules are.'],
};

async function load(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new UserError(`${file} cannot be read (${why})`, {
      code: 'cannot-read',
      exit: 1,
      cause,
      remedy: 'check the name and the right to read it',
    });
  }
}
