// The lab's scenarios, each traced and judged once per profile of probes: right, inconclusive or wrong.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeProfile } from '../../src/capture/bpftrace/tracer.js';
import { formatRecording } from '../../src/capture/recording.js';
import { up, type Lab } from '../../src/lab/index.js';
import type { Connection, Coverage } from '../../src/model/report.js';
import {
  furnish,
  listFaults,
  listScenarios,
  send,
  SCENARIO_PORTS,
  type Scenario,
} from '../lab/scenarios.js';
import { connectionsTo, traceWhile } from '../support/tracing.js';

/** Milliseconds that the probes may take. */
const PATIENCE = 150_000;

export interface Judged {
  readonly scenario: string;
  readonly verdict: 'right' | 'inconclusive' | 'wrong';
  /** What the report said. */
  readonly told: string;
  readonly faults: readonly string[];
}

export interface ProfileResult {
  readonly profile: ProbeProfile;
  readonly judged: readonly Judged[];
  readonly coverage: Coverage | null;
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
    const results: ProfileResult[] = [];
    for (const profile of run.profiles) {
      run.say(`${profile}: starting the probes`);
      const result = await runProfile(lab, scenarios, profile, run).catch((error: unknown) => ({
        profile,
        judged: [],
        coverage: null,
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
  const start = performance.now();
  const { report, trace } = await traceWhile(
    lab,
    SCENARIO_PORTS,
    async () => {
      say(`${profile}: live after ${Math.round((performance.now() - start) / 1000)} s`);
      for (const scenario of scenarios) await send(lab, scenario, slowness);
    },
    { bpftrace, profile, patience: PATIENCE * slowness },
  );
  await writeFile(join(folder, `${profile}.ndjson`), formatRecording(trace));
  await writeFile(join(folder, `${profile}.json`), JSON.stringify(report));
  const judged = scenarios.map((scenario) => {
    const { client, address, port } = scenario;
    return judge(scenario, connectionsTo(report.connections, client, address, port));
  });
  return { profile, judged, coverage: report.coverage, failure: null };
}

/** Wrong is a path that was said to be proven or likely and is not the true one, or any other thing told that is not so. */
function judge(scenario: Scenario, connections: readonly Connection[]): Judged {
  const { name } = scenario;
  const [one] = connections;
  if (!one) return { scenario: name, verdict: 'inconclusive', told: 'not seen', faults: [] };
  const told = `${one.path} (${one.proof}), ${one.outcome}: ${one.reason}`;
  if (one.path === 'unknown') return { scenario: name, verdict: 'inconclusive', told, faults: [] };
  const faults = connections.flatMap((each) => listFaults(scenario, each));
  if (faults.length > 0) return { scenario: name, verdict: 'wrong', told, faults };
  const proven = connections.every(({ proof }) => proof === 'proven');
  return { scenario: name, verdict: proven ? 'right' : 'inconclusive', told, faults };
}

export function countVerdicts({ judged }: ProfileResult, verdict: Judged['verdict']): number {
  return judged.filter((one) => one.verdict === verdict).length;
}

function describeResult(result: ProfileResult): string {
  const { profile, judged, failure } = result;
  if (failure !== null) return `${profile}: no trace: ${failure}`;
  const bad = judged.filter(({ verdict }) => verdict !== 'right');
  return [
    `${profile}: ${countVerdicts(result, 'right')} of ${judged.length} right`,
    ...bad.map((one) => `  ${one.verdict}: ${one.scenario}: ${one.told} ${one.faults.join('; ')}`),
  ].join('\n');
}
