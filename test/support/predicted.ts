/** A lab with containers of every kind, in which predictions are tried one by one. */
import * as assert from 'uvu/assert';
import { explain } from '../../src/app/explain.js';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import { explanationSchema, type Explanation, type Prediction } from '../../src/model/explain.js';
import { namePeers } from '../lab/name-peers.js';
import { attempt, countTranslations, type Outcome, type Stage } from './attempts.js';

export const FAR_BRIDGE = 'br-112233445566';

/** redis is 172.17.0.2, as in the rule sets of later versions; shut is .3, other .4 and udp .5; an engine with rules of its own has deaf too. */
export async function prepare(proxy: boolean, more: readonly string[] = []): Promise<Stage> {
  const lab = await up({ userlandProxy: proxy, dockerdArguments: more });
  const create = ['network', 'create', '--subnet', '172.30.0.0/16'];
  await lab.docker([...create, '-o', `com.docker.network.bridge.name=${FAR_BRIDGE}`, 'far']);
  const specs: Parameters<Lab['run']>[0][] = [
    { name: 'redis', command: REDIS, publish: ['6379:6379'] },
    { name: 'shut', command: REDIS, publish: ['127.0.0.1:6390:6379'] },
    { name: 'other', command: ['sleep', '1000'] },
    {
      name: 'udp',
      command: ['sleep', '1000'],
      publish: ['5300:5300/udp'],
      waitFor: false,
    },
    { name: 'far', command: ['sleep', '1000'], network: 'far' },
  ];
  if (more.length === 0) {
    specs.push({
      name: 'deaf',
      command: [...REDIS, '--bind', '127.0.0.1'],
      publish: ['6395:6379'],
    });
  }
  const containers = new Map<string, LabContainer>();
  for (const spec of specs) {
    const container = await lab.run(spec);
    containers.set(spec.name, container);
    if (spec.name === 'udp') await namePeers(lab, container, 5300);
  }
  return { lab, containers };
}

export function look({ lab }: Stage, ...ports: number[]): Promise<Explanation> {
  return explain({ query: { ports }, netns: lab.host.netns, dockerHost: lab.dockerHost });
}

/**
 * Every prediction is tried, and what is seen must be what was said.
 * @param options.open predictions may be that nobody knows, and not every rule for DNAT counts.
 */
export async function compare(
  stage: Stage,
  explanation: Explanation,
  { open = false, patience }: { open?: boolean; patience?: number } = {},
): Promise<Map<string, string>> {
  explanationSchema.parse(explanation);
  const { predictions } = explanation;
  const before = await countTranslations(stage);
  const outcomes = await attemptPatiently(stage, predictions, patience);
  const counted = (await countTranslations(stage)) - before;
  const found = new Map<string, string>();
  let translations = 0;
  for (const [i, prediction] of predictions.entries()) {
    const { path, way, from, to, sourceSeen, vantage } = prediction;
    const outcome = outcomes[i];
    if (!outcome) throw new Error(`no outcome for ${to}`);
    const { end, seen, translated } = outcome;
    const key = `${vantage}: ${from} → ${to}`;
    const told = `${key}: ${path} (${prediction.why}); seen ${JSON.stringify(outcome)}`;
    found.set(key, path);
    if (open && path === 'unknown') continue;
    assert.is.not(path, 'unknown', told);
    // A rule may reject with any of ICMP's errors.
    const kind = end === 'unreachable' && path === 'refused' ? 'refused' : end;
    assert.is(
      path === 'refused' || path === 'dropped' ? kind : end,
      predictedEnd(prediction),
      told,
    );
    const rewritten = path === 'dnat' || way === 'dnat';
    // What is dropped leaves no entry in conntrack: of it the rules' counters are the only witness.
    if (end === 'answered') assert.is(translated ?? false, rewritten, told);
    if (rewritten) translations += 1;
    if (seen !== null && sourceSeen !== null) assert.is(seen, sourceSeen, told);
    if (seen !== null && sourceSeen === null)
      assert.match(seen, /^198\.51\.100\.2$|^2001:db8:/, told);
  }
  if (open) return found;
  // A client that nobody answers sends again, and each time a rule counts it.
  assert.ok(counted >= translations, `${counted} translations, ${translations} were predicted`);
  if (translations === 0) assert.is(counted, 0);
  return found;
}

/** How a client's connection ends if the prediction is right. */
function predictedEnd({ path, protocol, obstacles }: Prediction): Outcome['end'] {
  if (path === 'refused' || path === 'dropped') return path;
  if (obstacles.length === 0) return 'answered';
  return protocol === 'udp' ? 'dropped' : 'reset';
}

/** A busy machine may answer late: who heard nothing and should have is asked once more, with more time. */
async function attemptPatiently(
  stage: Stage,
  predictions: readonly Prediction[],
  patience: number | undefined,
): Promise<Outcome[]> {
  const outcomes = await attempt(stage, predictions, null, patience);
  const late = predictions.filter(
    (one, i) =>
      one.path !== 'unknown' && outcomes[i]?.end === 'dropped' && predictedEnd(one) !== 'dropped',
  );
  if (late.length === 0) return outcomes;
  const again = await attempt(stage, late, null, UNHURRIED);
  return outcomes.map((outcome, i) => {
    const asked = late.findIndex((one) => one === predictions[i]);
    return again[asked] ?? outcome;
  });
}

/** Milliseconds. */
const UNHURRIED = 6_000;

export async function withStage(
  stage: Promise<Stage>,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const ready = await stage;
  try {
    await body(ready);
  } finally {
    await ready.lab.down();
  }
}

export function pathOf(found: Map<string, string>, beginning: string): string | undefined {
  return [...found].find(([key]) => key.startsWith(beginning))?.[1];
}
