/** The targets of the fuzz: every parser and document, each with valid seeds and the properties that must hold. */
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { explainHost, listWays } from '../../src/app/explain-host.js';
import { readMap } from '../../src/app/explain-topology.js';
import { createLineReader } from '../../src/capture/bpftrace/lines.js';
import { RuleTraceReader } from '../../src/capture/nftrace/parse.js';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import {
  parseContainer,
  parseContainerList,
  parseNetworks,
  parseEngineVersion,
} from '../../src/host/docker-answers.js';
import { parseLinks } from '../../src/host/links.js';
import {
  parseAllRoutes,
  parseLinkFacts,
  parseNeighbours,
  parsePolicyRules,
} from '../../src/host/routing.js';
import { parseListeners, SOCKET_TABLES } from '../../src/host/sockets.js';
import type { TraceEvent } from '../../src/model/event.js';
import type { Explanation } from '../../src/model/explain.js';
import { resolvePorts } from '../../src/model/target.js';
import type { Trace } from '../../src/model/trace.js';
import { findOtherMappings } from '../../src/rules/evaluate/mappings.js';
import { predictWays } from '../../src/rules/evaluate/predict.js';
import { parseSaved } from '../../src/rules/read/iptables.js';
import { parseNft } from '../../src/rules/read/nft.js';
import { readBytes, captureFile } from '../support/captures.js';
import { makeWorld, readRules, redis } from '../rules/evaluate/worlds.js';
import { BEGIN, LINES } from '../capture/samples.js';
import { anyChanges, changeBytes, changeJson, changeText, type Change } from './mutations.js';
import { drawExplanation, drawTrace } from './sinks.js';

/** One thing that reads. */
export interface Target {
  readonly name: string;
  /** Of 100 tries, how many go to it. */
  readonly share: number;
  /** Reads one mutated seed to the end and draws it. Throws what was found, UserError where it refuses. */
  readonly run: (seed: number, changes: readonly Change[]) => Promise<void> | void;
}

const PROJECT = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, PROJECT), 'utf8');
const pick = <T>(list: readonly T[], seed: number): T => {
  const one = list[seed % list.length];
  if (one === undefined) throw new RangeError('no seeds');
  return one;
};
const list = (folder: string, ending: string): string[] =>
  readdirSync(fileURLToPath(new URL(folder, PROJECT))).filter((name) => name.endsWith(ending));

const captures = list('samples/captures', '.pcap').concat(list('samples/captures', '.pcapng'));
const captureBytes = captures.map((name) => readFileSync(captureFile(name)).subarray(0, 20_000));
/** Recordings as lists of their lines; long ones would only be slow. */
const recordings = list('samples', '.ndjson')
  .map((name) => read(`samples/${name}`).trimEnd().split('\n'))
  .filter((lines) => lines.length < 250);
const maps = ['samples/host/explain.json', 'samples/captures/explain.json'].map(
  (path) => JSON.parse(read(path)) as Explanation,
);
const savedRules = ['docker-20.10-proxy.iptables', 'wild.iptables', 'kube-proxy.iptables'].map(
  readRules,
);
const nftTexts = ['hostile.nft', 'wild.nft', 'docker-29-proxy.nft'].map(readRules);
const nftJsons = ['hostile.nft.json', 'wild.nft.json', 'docker-20.10-proxy.nft.json'].map(
  (name) => JSON.parse(readRules(name)) as unknown,
);
const engines = ['docker-20.10.json', 'podman-4.3.json'].map(
  (name) => JSON.parse(read(`test/host/fixtures/${name}`)) as unknown,
);
const links = ['links-host.json', 'links-container.json'].map(
  (name) => JSON.parse(read(`test/host/fixtures/${name}`)) as unknown,
);
const RULES = parseSaved(read('samples/host/rules.iptables'), 'rules');

const WAYS = ['redis', null].map((name) => ({
  mapping: {
    protocol: 'tcp' as const,
    listens: { address: '0.0.0.0', port: 6379 },
    target: { address: '172.17.0.2', port: 6379 },
  },
  container:
    name === null
      ? null
      : { name, places: [{ bridge: 'docker0', address: '172.17.0.2' }], sockets: [redis()] },
  client: null,
}));

function evaluate(rules: ReturnType<typeof parseSaved>): void {
  predictWays(makeWorld(rules, true), WAYS, null);
}

async function readChangedCapture(seed: number, changes: readonly Change[]): Promise<void> {
  await drawTrace(await readBytes(changeBytes(pick(captureBytes, seed), changes)), seed);
}

async function readChangedRecording(seed: number, changes: readonly Change[]): Promise<void> {
  const lines = pick(recordings, seed);
  // Half of the changes go to the header, which is one line among many.
  const changed = new Map<number, unknown>();
  for (const change of changes) {
    const at = change.odd % 2 === 0 ? 0 : change.at % lines.length;
    const value: unknown = changed.has(at) ? changed.get(at) : JSON.parse(lines[at] ?? '');
    const place = Math.floor(change.at / lines.length) + seed;
    changed.set(at, changeJson(value, [{ ...change, at: place }]));
  }
  const text = lines
    .map((line, at) => (changed.has(at) ? JSON.stringify(changed.get(at)) : line))
    .join('\n');
  const trace = parseRecording(text, 'fuzz.tflow');
  parseRecording(formatRecording(trace), 'again');
  await drawTrace(trace, seed);
}

async function explainChanged(seed: number, changes: readonly Change[]): Promise<void> {
  const text = JSON.stringify(changeJson(pick(maps, seed), changes));
  const map = readMap(text, 'fuzz.json');
  const mappings = findOtherMappings(RULES, map.topology);
  const target = resolvePorts(map.topology, { mappings });
  const reading = { ...map, rules: { rules: RULES, complete: true, problems: [] }, measured: true };
  listWays(map.topology, target);
  await drawExplanation(explainHost(reading, target), seed);
}

function readHostAnswers(seed: number, changes: readonly Change[]): void {
  const answer = changeJson(pick(engines, seed), changes) as Record<string, unknown> | null;
  for (const part of [
    answer,
    ...Object.values(answer ?? {}),
    ...Object.values(answer ?? {}).flat(),
  ]) {
    parseEngineVersion(part);
    parseContainerList(part);
    const bridges = parseNetworks(part, 'docker');
    parseContainer(part, bridges, new Map());
  }
}

function readLinkAnswers(seed: number, changes: readonly Change[]): void {
  const text = JSON.stringify(changeJson(pick(links, seed), changes)) ?? '';
  try {
    parseLinks(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // which is what it says
  }
  for (const family of [4, 6] as const) {
    parsePolicyRules(text, family);
    parseAllRoutes(text, family);
  }
  parseLinkFacts(text);
  parseNeighbours(text);
}

const SOCKETS = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4251 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:18EB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4252 1 0 100 0 0 10 0
`;
const MONITOR = [
  'trace id 5b1144d6 inet trace-flow-99 output packet: oif "lo" ip saddr 127.0.0.1 ip daddr 127.0.0.9 ip protocol tcp tcp sport 42972 tcp dport 8080 tcp flags == syn',
  'trace id 5b1144d6 ip nat DOCKER rule ip daddr 127.0.0.9 tcp dport 8080  counter packets 0 bytes 0 dnat to 127.0.0.1:6379 (verdict accept)',
  'trace id 5b1144d6 ip filter OUTPUT policy accept ',
].join('\n');

async function readTracerLines(seed: number, changes: readonly Change[]): Promise<void> {
  const text = changeText(
    [BEGIN, ...Object.values(LINES), ...Object.values(LINES)].join('\n'),
    changes,
  );
  const reader = createLineReader({ dropReasons: new Map(), littleEndian: true, mark: '.' });
  const events: TraceEvent[] = [];
  for (const line of text.split('\n')) {
    const result = reader.read(line);
    if (result.kind === 'event') events.push({ ...result.event, id: events.length + 1 });
  }
  const { header, tail } = parseRecording(pick(recordings, seed).join('\n'), 'seed');
  const trace: Trace = { source: 'live', header, tail, events };
  await drawTrace(trace, seed);
}

function readTables(seed: number, changes: readonly Change[]): void {
  const text = changeText(SOCKETS, changes);
  for (const table of SOCKET_TABLES) parseListeners(table, text);
  const reader = new RuleTraceReader('trace-flow-99');
  for (const line of changeText(MONITOR, changes).split('\n')) reader.read(line, seed);
}

export const TARGETS: readonly Target[] = [
  { name: 'captures', share: 16, run: readChangedCapture },
  { name: 'recordings', share: 16, run: readChangedRecording },
  { name: 'explain documents', share: 16, run: explainChanged },
  {
    name: 'nft as JSON',
    share: 10,
    run: (seed, changes) =>
      evaluate(parseNft(JSON.stringify(changeJson(pick(nftJsons, seed), changes)) ?? '', 'fuzz')),
  },
  {
    name: 'nft as text',
    share: 8,
    run: (seed, changes) => evaluate(parseNft(changeText(pick(nftTexts, seed), changes), 'fuzz')),
  },
  {
    name: 'iptables-save',
    share: 10,
    run: (seed, changes) =>
      evaluate(parseSaved(changeText(pick(savedRules, seed), changes), 'fuzz')),
  },
  { name: 'lines of the tracer', share: 8, run: readTracerLines },
  { name: "the engine's answers", share: 6, run: readHostAnswers },
  { name: 'ip -j', share: 6, run: readLinkAnswers },
  { name: 'socket tables and nft monitor', share: 4, run: readTables },
];

/** Which seed document, and what happens to it. */
export const anyTry = fc.tuple(fc.nat(1000), anyChanges);
