/** The lab's scenarios, each traced and judged once per profile of probes: right, inconclusive or wrong. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeProfile } from '../../src/capture/bpftrace/tracer.js';
import { formatRecording } from '../../src/capture/recording.js';
import { readTopology } from '../../src/host/topology.js';
import { up, type Lab } from '../../src/lab/index.js';
import type { Connection, Coverage } from '../../src/model/report.js';
import {
  furnish,
  findFaults,
  listScenarios,
  send,
  SCENARIO_PORTS,
  type Scenario,
} from '../lab/scenarios.js';
import { connectionsTo, traceWhile } from '../support/tracing.js';
import { checkFunctions } from './functions.js';
import { checkHooks, type HookCheck } from './nat-hooks.js';

/** Milliseconds that the probes may take. */
const PATIENCE = 150_000;
/** The same for the engine and the namespaces when they are looked at for the first time. */
const UNHURRIED = { dockerTimeout: 60_000, budget: 60_000 };

export interface Judged {
  readonly scenario: string;
  readonly verdict: 'right' | 'inconclusive' | 'wrong';
  /** What the report said, in a few words that each profile of probes must say alike. */
  readonly told: string;
  readonly reason: string;
  readonly faults: readonly string[];
}

export interface ProfileResult {
  readonly profile: ProbeProfile;
  readonly judged: readonly Judged[];
  readonly coverage: Coverage | null;
  /** Seconds until the probes were live. */
  readonly start: number;
  /** Connections whose NAT hooks were checked, and what was missing; null where no hook was probed. */
  readonly hooks: HookCheck | null;
  /** What the functions tell otherwise than the ways say; empty where none was probed. */
  readonly functions: readonly string[];
  /** Why there is no trace at all. */
  readonly failure: string | null;
}

export interface ScenarioRun {
  readonly profiles: readonly ProbeProfile[];
  readonly slowness: number;
  /** Where a recording of each trace goes. */
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly bpftrace: string;
}

export async function runScenarios(run: ScenarioRun): Promise<ProfileResult[]> {
  const lab = await upWithin(run);
  try {
    const scenarios = listScenarios(await furnish(lab));
    await warmUp(lab, run.say);
    const results: ProfileResult[] = [];
    for (const profile of run.profiles) {
      run.say(`${profile}: starting the probes`);
      const result = await runProfile(lab, scenarios, profile, run).catch((error: unknown) => ({
        profile,
        judged: [],
        coverage: null,
        start: 0,
        hooks: null,
        functions: [],
        failure: error instanceof Error ? error.message : String(error),
      }));
      run.say(describeResult(result));
      results.push(result);
    }
    return results;
  } finally {
    await lab.down();
  }
}

/** What is read from a cold disk for the first time takes a slow machine longer than the patience for it. */
async function warmUp({ host, dockerHost }: Lab, say: (line: string) => void): Promise<void> {
  const { problems } = await readTopology({ netns: host.netns, dockerHost, ...UNHURRIED });
  for (const problem of problems) say(problem);
}

/** dockerd gives containerd few seconds to start; on a slow machine the second attempt finds it in the page cache. */
async function upWithin({ slowness, say }: ScenarioRun): Promise<Lab> {
  for (let attempt = 1; attempt < slowness; attempt += 1) {
    try {
      return await up();
    } catch (error) {
      say(`the lab did not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return up();
}

async function runProfile(
  lab: Lab,
  scenarios: readonly Scenario[],
  profile: ProbeProfile,
  { slowness, folder, say, bpftrace }: ScenarioRun,
): Promise<ProfileResult> {
  const began = performance.now();
  let start = 0;
  const { report, trace } = await traceWhile(
    lab,
    SCENARIO_PORTS,
    async () => {
      start = Math.round((performance.now() - began) / 100) / 10;
      say(`${profile}: live after ${start} s`);
      for (const scenario of scenarios) await send(lab, scenario, slowness);
    },
    { bpftrace, profile, patience: PATIENCE * slowness, hops: null },
  );
  await writeFile(join(folder, `${profile}.ndjson`), formatRecording(trace));
  await writeFile(join(folder, `${profile}.json`), JSON.stringify(report));
  const judged = scenarios.map((scenario) => {
    const { client, address, port } = scenario;
    return judge(scenario, connectionsTo(report.connections, client, address, port));
  });
  const { coverage } = report;
  const deep = coverage.probes.profile !== 'tracepoint';
  const hooks = deep ? checkHooks(report) : null;
  const functions = deep ? checkFunctions(report) : [];
  return { profile, judged, coverage, start, hooks, functions, failure: null };
}

/** Wrong is whatever is told and is not so; what is not told, or not proven, is inconclusive. */
function judge(scenario: Scenario, connections: readonly Connection[]): Judged {
  const { name } = scenario;
  const [one] = connections;
  if (!one) return bare(name, 'not seen');
  const told = `${one.path} (${one.proof}), ${one.outcome}`;
  const { reason } = one;
  if (one.path === 'unknown') return { ...bare(name, told), reason };
  const faults = connections.flatMap((each) => findFaults(scenario, each));
  const proven = connections.every(({ proof }) => proof === 'proven');
  const sentences = faults.map(({ sentence }) => sentence);
  const wrong = faults.some(({ lacking }) => !lacking);
  const right = proven && faults.length === 0;
  const verdict = wrong ? 'wrong' : right ? 'right' : 'inconclusive';
  return { scenario: name, verdict, told, reason, faults: sentences };
}

function bare(scenario: string, told: string): Judged {
  return { scenario, verdict: 'inconclusive', told, reason: '', faults: [] };
}

/** Scenarios that two profiles of probes tell differently, one sentence each. */
export function listDifferences(profiles: readonly ProfileResult[]): string[] {
  const [first, ...others] = profiles.filter(({ failure }) => failure === null);
  return others.flatMap(({ profile, judged }) =>
    judged.flatMap(({ scenario, told }) => {
      const before = first?.judged.find((one) => one.scenario === scenario);
      return before === undefined || before.told === told
        ? []
        : [`${scenario}: ${first?.profile} tells ${before.told}, ${profile} ${told}`];
    }),
  );
}

/** What the profiles of one machine tell otherwise than they should, beside wrong verdicts; those that left some open count for nothing. */
export function listFaults(profiles: readonly ProfileResult[]): string[] {
  const whole = profiles.filter((one) => findWeakness([one]) === null);
  return [
    ...listDifferences(whole),
    ...whole.flatMap(({ hooks, functions }) => [...(hooks?.faults ?? []), ...functions]),
  ];
}

export function countVerdicts({ judged }: ProfileResult, verdict: Judged['verdict']): number {
  return judged.filter((one) => one.verdict === verdict).length;
}

/** Why these results are weaker than they should be and in nothing wrong; null where they are neither, or wrong. */
export function findWeakness(profiles: readonly ProfileResult[]): string | null {
  if (profiles.some((one) => countVerdicts(one, 'wrong') > 0)) return null;
  const failed = profiles.find(({ failure }) => failure !== null);
  if (failed) return `${failed.profile} gave no trace: ${failed.failure}`;
  const open = profiles.find((one) => countVerdicts(one, 'inconclusive') > 0);
  return open ? `${open.profile} left verdicts open` : null;
}

function describeResult(result: ProfileResult): string {
  const { profile, judged, hooks, functions, failure } = result;
  if (failure !== null) return `${profile}: no trace: ${failure}`;
  const bad = judged.filter(({ verdict }) => verdict !== 'right');
  return [
    `${profile}: ${countVerdicts(result, 'right')} of ${judged.length} right`,
    ...bad.map(
      ({ verdict, scenario, told, reason, faults }) =>
        `  ${verdict}: ${scenario}: ${told}: ${reason} ${faults.join('; ')}`,
    ),
    ...(hooks === null ? [] : [`  NAT hooks in order: ${hooks.right} of ${hooks.checked}`]),
    ...(hooks?.faults ?? []).map((fault) => `  NAT hooks: ${fault}`),
    ...functions.map((fault) => `  functions: ${fault}`),
  ].join('\n');
}
