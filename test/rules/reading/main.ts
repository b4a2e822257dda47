/**
 * Reads every file of folders for rule sets: `npm run rules:read -- FOLDER…`. Tells which statements are not understood, and where
 * the ports lead that the rules publish. Scripts for `nft -f` are loaded into a network namespace of their own, which needs root and nft.
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildWorld } from '../../../src/rules/evaluate/build-world.js';
import { findMappings } from '../../../src/rules/evaluate/mappings.js';
import { predictInWords } from '../evaluate/worlds.js';
import { joinRuleSets, type RuleSet } from '../../../src/model/rules.js';
import type { Topology } from '../../../src/model/topology.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { addToOthers, parseNft } from '../../../src/rules/read/nft.js';
import { extract, type Extract } from './extract.js';
import { listLosses } from './losses.js';

const NOWHERE: Topology = {
  host: 0,
  namespaces: [],
  containers: [],
  relays: [],
  listeners: [],
  engine: null,
  problems: [],
};

/** What nft lists of a script that was loaded by itself. */
function load(script: string): string {
  const options = { input: script, encoding: 'utf8' } as const;
  return execFileSync(
    'unshare',
    ['--net', 'sh', '-ec', 'nft -f - && nft -j list ruleset'],
    options,
  );
}

function read({ kind, text }: Extract, file: string): RuleSet {
  if (kind === 'iptables') return parseSaved(text, file);
  return parseNft(kind === 'script' ? load(text) : text, file);
}

function readFile(file: string): RuleSet | null {
  const parts = extract(readFileSync(file, 'utf8'));
  if (parts.length === 0) return null;
  return parts.reduce<RuleSet>(
    (others, part) => {
      const own = read(part, file);
      return joinRuleSets([others, part.kind === 'iptables' ? own : addToOthers(own, others)]);
    },
    { tables: [], notes: [] },
  );
}

/** How clients from outside end, by the words of their predictions. */
function foretell(rules: RuleSet): string[] {
  const mappings = findMappings(rules);
  const parts = { topology: NOWHERE, rules, settings: null, mappings, measured: false };
  const world = buildWorld(parts);
  const ways = mappings.map((mapping) => ({ mapping, container: null, client: null }));
  return predictInWords(world, ways, 'outside').map(({ to, path, why }) =>
    path === 'unknown' ? `${to} unknown: ${why}` : `${to} ${path}`,
  );
}

const counts = { files: 0, without: 0, whole: 0, unread: 0, rules: 0, predicted: 0, unknown: 0 };
const losses = new Map<string, number>();
const files = process.argv
  .slice(2)
  .flatMap((folder) => globSync('**/*', { cwd: folder }).map((name) => join(folder, name)))
  .filter((file) => statSync(file).isFile())
  .toSorted();
for (const file of files) {
  try {
    const rules = readFile(file);
    if (rules === null) {
      counts.without += 1;
      continue;
    }
    counts.files += 1;
    counts.rules += rules.tables.flatMap(({ chains }) => chains.flatMap((c) => c.rules)).length;
    const lost = listLosses(rules);
    for (const { what, rule } of lost) {
      losses.set(what, (losses.get(what) ?? 0) + 1);
      console.log(`${file}: not understood: ${what} (${rule})`);
    }
    for (const note of rules.notes) console.log(`${file}: ${note}`);
    const told = foretell(rules);
    const unknown = told.filter((line) => line.includes(' unknown: '));
    for (const line of unknown) console.log(`${file}: ${line}`);
    counts.predicted += told.length;
    counts.unknown += unknown.length;
    if (lost.length === 0 && rules.notes.length === 0) counts.whole += 1;
  } catch (error) {
    counts.files += 1;
    counts.unread += 1;
    console.log(`${file}: ${String(error)}`);
  }
}
console.log(
  `${counts.files} files with ${counts.rules} rules: ${counts.whole} read without a loss, ${counts.unread} not read; ${counts.without} without rules`,
);
console.log(
  `${counts.predicted} predictions for clients from outside, of which ${counts.unknown} unknown`,
);
for (const [what, count] of [...losses].toSorted((a, b) => b[1] - a[1])) {
  console.log(`${count} × ${what}`);
}
