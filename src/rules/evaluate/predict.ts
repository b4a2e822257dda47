/** Predicts the path of every client: tries each doubt both ways and reports only what all runs agree on. */
import type { Forecast } from '../../model/forecast.js';
import type { OpenQuestion, PredictedEnd } from '../../model/reason.js';
import { formatTarget, type TrialEnd } from './journey-end.js';
import { Traveller } from './journey.js';
import { isSameQuestion, Undecidable, type Undecided } from './doubt.js';
import { listAttempts, type Attempt, type WayIn } from './vantages.js';
import { RuleIndex, type RuleRef } from './rule-index.js';
import { findServiceOfRule } from './service.js';
import { Walk } from './walk.js';
import { withhold } from './withhold.js';
import type { Decide } from './hook-end.js';
import type { RouteStop } from './routing/stops.js';
import type { World } from './world.js';

export interface Foresight {
  readonly predictions: readonly Forecast[];
  /** Every rule that a packet met in any run. */
  readonly met: ReadonlySet<RuleRef['rule']>;
  /** The forecasts that a rule or route stops, or in which a rule changes the client's source. */
  readonly stopped: readonly StoppedForecast[];
}

/** What decides one prediction, besides its path. */
export interface StoppedForecast {
  readonly prediction: Forecast;
  /** The fact of routing, of the link or of the container's side that stops it; null if none does. */
  readonly stop: RouteStop | null;
  /** The rule or policy that stops it, and the container in whose namespace it is (null for the host). */
  readonly ruled: { readonly by: RuleRef; readonly inside: string | null } | null;
  /** The rule that changed its source. */
  readonly masked: RuleRef | null;
}

/** The prediction for one connection. */
export interface Foreseen {
  readonly prediction: Forecast;
  readonly deciding: RuleRef | null;
  /** As in {@link StoppedForecast}. */
  readonly stop: RouteStop | null;
}

/** The most runs for one connection: with more, it has too many doubts. */
const MOST_RUNS = 64;

/** @param from keeps only this kind of vantage; null keeps all. */
export function predictWays(
  world: World,
  ways: readonly WayIn[],
  from: Forecast['vantage'] | null = null,
): Foresight {
  const index = new RuleIndex(world.rules);
  const met = new Set<RuleRef['rule']>();
  const predictions = new Map<string, Forecast>();
  const stopped: StoppedForecast[] = [];
  for (const way of ways) {
    for (const attempt of listAttempts(world, way)) {
      if (from !== null && attempt.vantage !== from) continue;
      const key = JSON.stringify([attempt.vantage, attempt.from, attempt.start]);
      if (predictions.has(key)) continue;
      const journey = foresee(world, index, attempt, met);
      const prediction = describe(attempt, journey);
      predictions.set(key, prediction);
      stopped.push(...tellStopped(prediction, journey));
    }
  }
  return { predictions: [...predictions.values()], met, stopped };
}

function tellStopped(prediction: Forecast, journey: TrialEnd): StoppedForecast[] {
  if (journey.unread !== undefined) return [];
  const { stop = null, ruledIn, deciding, masked = null } = journey;
  const ruled = ruledIn === undefined || !deciding ? null : { by: deciding, inside: ruledIn };
  return stop || ruled || masked ? [{ prediction, stop, ruled, masked }] : [];
}

/** Predicts one connection that somebody made or might make, with the rule that decides it. */
export function predictAttempt(world: World, index: RuleIndex, attempt: Attempt): Foreseen {
  const journey = foresee(world, index, attempt, new Set());
  const prediction = describe(attempt, journey);
  if (journey.unread !== undefined) return { prediction, deciding: null, stop: null };
  const { deciding, stop = null } = journey;
  return { prediction, deciding, stop };
}

/** The number of runs made even if their ends already differ: those ends are reported. */
const ENOUGH = 8;

function areDivided(runs: readonly Run[]): boolean {
  return new Set(runs.map(({ journey }) => keyOf(describeEnd(journey)))).size > 1;
}

/** The end and the path. A connection that a relay takes may still fail beyond it (`inVain`). */
function describeEnd({ end, way, obstacles }: TrialEnd): PredictedEnd {
  return { end, way, inVain: end === 'answered' && obstacles.length > 0 };
}

/** Returns equal keys for equal values. */
function keyOf(fields: PredictedEnd | OpenQuestion): string {
  return JSON.stringify(fields);
}

interface Run {
  readonly journey: TrialEnd;
  readonly doubts: readonly { readonly doubt: Undecided; readonly ref: RuleRef | null }[];
}

function foresee(
  world: World,
  index: RuleIndex,
  attempt: Attempt,
  met: Set<RuleRef['rule']>,
): TrialEnd {
  const runs: Run[] = [];
  const families = new Set<4 | 6>();
  const pending: boolean[][] = [[]];
  for (let choices = pending.pop(); choices; choices = pending.pop()) {
    if (runs.length >= MOST_RUNS || (runs.length >= ENOUGH && areDivided(runs))) break;
    const doubts: { doubt: Undecided; ref: RuleRef | null }[] = [];
    const given = choices;
    const decide: Decide = (doubt, ref) => {
      const known = doubts.findIndex(
        (one) => one.ref?.rule === ref?.rule && isSameQuestion(one.doubt.about, doubt.about),
      );
      if (known >= 0) return given[known] ?? false;
      doubts.push({ doubt, ref });
      return given[doubts.length - 1] ?? false;
    };
    const walk = new Walk(world, index, decide);
    const journey = travel(world, walk, attempt, decide);
    for (const { rule } of walk.met) met.add(rule);
    for (const family of walk.families) families.add(family);
    runs.push({ journey, doubts });
    for (let i = given.length; i < doubts.length; i++) {
      pending.push([...given, ...Array<boolean>(i - given.length).fill(false), true]);
    }
  }
  const unread = world.unread?.find((family) => families.has(family));
  return { ...combine(runs, pending.length > 0), ...(unread !== undefined && { unread }) };
}

function travel(world: World, walk: Walk, attempt: Attempt, decide: Decide): TrialEnd {
  const beyond = findBeyond(world);
  if (beyond !== null) {
    return {
      end: 'unknown',
      way: null,
      deciding: null,
      sourceSeen: null,
      target: null,
      why: { code: 'beyond-rules', by: beyond },
      obstacles: [],
    };
  }
  try {
    return new Traveller(world, walk, decide).go(attempt.start);
  } catch (error) {
    if (!(error instanceof Undecidable)) throw error;
    const { chain, table } = error.ref;
    return {
      end: 'unknown',
      way: null,
      deciding: error.ref,
      sourceSeen: null,
      target: null,
      why: {
        code: 'not-understood',
        chain: chain.name,
        table: table.name,
        what: error.about,
      },
      obstacles: [],
    };
  }
}

/** Finds eBPF or IPVS, which send packets elsewhere without any rule. */
function findBeyond({ devices, rules }: World): 'ebpf' | 'ipvs' | null {
  const has = (pattern: RegExp): boolean =>
    devices.some(({ name }) => pattern.test(name)) ||
    rules.tables.some(({ chains }) => chains.some(({ name }) => pattern.test(name)));
  if (has(/^(cilium_|CILIUM_|bpf(in|out)\.cali)/)) return 'ebpf';
  return has(/^kube-ipvs\d/) ? 'ipvs' : null;
}

/** Combines runs into one end: the common one if they agree, else what they disagree about. */
function combine(runs: readonly Run[], tooMany: boolean): TrialEnd {
  const [first] = runs;
  if (!first) throw new RangeError('no-run');
  const journeys = runs.map(({ journey }) => journey);
  const outcome = (journey: TrialEnd): string =>
    JSON.stringify([describeEnd(journey), journey.target, journey.sourceSeen]);
  const outcomes = new Set(journeys.map(outcome));
  if (outcomes.size === 1 && !tooMany) return first.journey;
  const doubts = runs.flatMap(({ doubts }) => doubts.map(({ doubt }) => doubt));
  const about = listOnce(runs.flatMap(({ doubts: met }) => met.map(describeQuestion)));
  // What is the same in all runs is certain: the path may be certain when the target is not.
  const ends = listOnce(journeys.map(describeEnd));
  const targets = [...new Set(journeys.flatMap(({ target }) => target ?? []))];
  const sources = new Set(journeys.map(({ sourceSeen }) => sourceSeen));
  if (ends.length === 1 && !tooMany) {
    const { why } = first.journey;
    const on = doubts.every(({ chance }) => chance) ? null : (about[0] ?? null);
    const named = targets.length > 1 && first.journey.end !== 'unknown';
    const [only = null] = sources.size === 1 ? sources : [];
    return {
      ...first.journey,
      target: targets.length === 1 ? first.journey.target : null,
      sourceSeen: only,
      why: named ? { code: 'other-targets', first: why, targets, on } : why,
    };
  }
  return {
    end: 'unknown',
    way: null,
    deciding: null,
    sourceSeen: null,
    target: null,
    why:
      tooMany && ends.length === 1
        ? { code: 'too-many-questions', first: about[0] ?? null }
        : { code: 'depends', on: about, ends },
    obstacles: [],
  };
}

/** Describes what is unknown and which rule asks for it. */
function describeQuestion({ doubt, ref }: Run['doubts'][number]): OpenQuestion {
  const by = ref && { rule: writeRef(ref), chain: ref.chain.name, table: ref.table.name };
  return { question: doubt.about, by };
}

/** Lists each value once, in order. */
function listOnce<T extends PredictedEnd | OpenQuestion>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [keyOf(one), one])).values()];
}

function describe(attempt: Attempt, journey: TrialEnd): Forecast {
  const { vantage, from, start } = attempt;
  const { end, way, deciding, why, sourceSeen, target, obstacles, unread } = journey;
  const service = way === 'dnat' && deciding ? findServiceOfRule(deciding) : null;
  const forecast: Forecast = {
    vantage,
    from,
    to: start.to === null ? `HOST:${start.port}` : formatTarget(start.to, start.port),
    protocol: start.protocol,
    path: end === 'answered' ? (way ?? 'unknown') : end,
    way: end === 'unknown' ? null : way,
    target,
    rule: deciding && writeRef(deciding),
    ...(service !== null && { service }),
    why,
    sourceSeen,
    obstacles,
  };
  return unread === undefined ? forecast : withhold(forecast, unread);
}

/** Formats a rule as it is written, or a chain's policy. */
export function writeRef({ chain, rule }: RuleRef): string {
  if (!rule) return `-P ${chain.name} ${chain.policy.toUpperCase()}`;
  return rule.text.startsWith('-A ') ? rule.text : `${chain.name}: ${rule.text}`;
}
