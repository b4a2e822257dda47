/** Runs groups of scenarios in the lab: one engine per group, one trace for all scenarios of an entry, then its replay. */
import { isDeepStrictEqual } from 'node:util';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import type { Report } from '../../src/model/report.js';
import { up } from '../../src/lab/index.js';
import { HOPS } from '../../src/model/default-hops.js';
import { analyse } from '../../src/prove/analyse.js';
import { listImpossible } from '../support/possible.js';
import { traceWhile } from '../support/tracing.js';
import { check, type Finding } from './check.js';
import type { Dial, Group, Play, Scenario, Sent } from './scenario.js';
import { Stage } from './stage.js';

/** How much longer the pauses of the last attempt are. */
const SLOWEST = 4;

/** What one run has shown of a scenario; one finding per connection. */
export interface Result {
  readonly scenario: Scenario;
  readonly findings: readonly Finding[];
  /** The trace that it was part of, as a recording. */
  readonly recording: string;
}

/** Runs every scenario of a group once. @throws Error when the lab or the trace itself fails */
export async function runGroup(group: Group): Promise<Result[]> {
  const { userlandProxy, dockerdArguments, prepare, ports, further = [] } = group;
  const lab = await up({ userlandProxy, dockerdArguments });
  try {
    const stage = new Stage(lab, await prepare(lab));
    const results: Result[] = [];
    const traces = group.traces.map((scenarios) => ({ ports, scenarios }));
    for (const trace of [...traces, ...further]) {
      results.push(...(await runWhole(stage, trace.ports, trace.scenarios)));
    }
    return results;
  } finally {
    await lab.down();
  }
}

/** On a busy machine events are lost, and the report says so: then once more, at a slower pace. What was wrong stays. */
async function runWhole(
  stage: Stage,
  ports: readonly number[],
  scenarios: readonly Scenario[],
): Promise<Result[]> {
  const wrong: Result[] = [];
  for (stage.slowness = 1; ; stage.slowness *= 4) {
    const { whole, results } = await runTogether(stage, ports, scenarios);
    if (whole || stage.slowness >= SLOWEST) return [...wrong, ...results];
    wrong.push(...results.filter(isWrong));
  }
}

function isWrong({ findings }: Result): boolean {
  return findings.some(({ wrong }) => wrong.length > 0);
}

async function runTogether(
  stage: Stage,
  ports: readonly number[],
  scenarios: readonly Scenario[],
): Promise<{ whole: boolean; results: Result[] }> {
  const dials = scenarios.filter((one): one is Dial => 'from' in one);
  const plays = scenarios.filter((one): one is Play => 'play' in one);
  const ready = await Promise.all(plays.map(async (one) => [one, await one.play(stage)] as const));
  const sent = new Map<Scenario, readonly Sent[]>();
  const traced = await traceWhile(stage.lab, ports, async () => {
    await Promise.all([
      sendDials(stage, dials, sent),
      ...ready.map(async ([play, run]) => void sent.set(play, await run())),
    ]);
  });
  const recording = formatRecording(traced.trace);
  const replayed = isReplayedAlike(traced.report, recording);
  const drawn = analyse(traced.trace, { hops: null });
  const impossible = [traced.report, drawn].flatMap((one) => listImpossible(one, traced.trace));
  const relays = new Map<number, readonly number[]>();
  for (const port of ports) relays.set(port, await stage.findRelays(port));
  const { sealed, lostEvents, skippedRuns } = traced.report.coverage;
  const results = scenarios.map((scenario) => {
    const all = sent.get(scenario) ?? [];
    const findings = all.map((one) =>
      check({ stage, report: traced.report, relays }, scenario, one, all),
    );
    if (findings.length === 0) throw new Error(`${scenario.name}: nothing was sent`);
    const differs = replayed ? [] : ['replayed offline, the document differs'];
    const wrong = [...differs, ...impossible.map((one) => `drawn, but impossible: ${one}`)];
    const problem = { connection: null, problems: wrong, wrong };
    return {
      scenario,
      recording,
      findings: wrong.length === 0 ? findings : [...findings, problem],
    };
  });
  const seen = skippedRuns === undefined || listProblems(results).length === 0;
  return { whole: sealed && lostEvents === 0 && seen, results };
}

/** One process per place sends everything from there. */
async function sendDials(
  stage: Stage,
  dials: readonly Dial[],
  sent: Map<Scenario, readonly Sent[]>,
): Promise<void> {
  const places = [...new Set(dials.map(({ from }) => from))];
  await Promise.all(
    places.map(async (place) => {
      const those = dials.filter(({ from }) => from === place);
      const orders = those.map(({ to, port, truth, talk }) =>
        stage.order(stage.fill(to), port, truth, talk),
      );
      const told = await stage.send(place, orders);
      those.forEach((dial, index) => sent.set(dial, told.slice(index, index + 1)));
    }),
  );
}

/** The recording of a trace, replayed, is the same document but for its source. */
function isReplayedAlike(report: Report, recording: string): boolean {
  const again = analyse(parseRecording(recording, 'recording'), { hops: HOPS });
  return isDeepStrictEqual({ ...again, source: report.source }, report);
}

/** Everything that a run has shown to be wrong; empty when all is well. */
export function listProblems(results: readonly Result[]): string[] {
  return results.flatMap(({ scenario, findings }) =>
    findings.flatMap(({ problems }) => problems.map((problem) => `${scenario.name}: ${problem}`)),
  );
}
