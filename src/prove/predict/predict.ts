/** Adds to each connection the prediction from the host's rules, and makes findings where they differ. */
import type { Finding } from '../../model/explain.js';
import type { Connection, Evidence, Predicted, ReportFinding } from '../../model/report.js';
import type { RuleSet } from '../../model/rules.js';
import type { RuleSurvey } from '../../model/survey.js';
import type { TraceHeader } from '../../model/trace.js';
import type { PredictedReport } from '../assemble.js';
import { agree, retrace } from './agreement.js';
import { buildWorld } from '../../rules/evaluate/build-world.js';
import { writeName } from '../../rules/explain/changes.js';
import { findDifferences, type Difference } from './differences.js';
import { KeptConnection } from '../kept-connection.js';
import { isAbout } from '../verdict/fix.js';
import { describeFailure } from '../verdict/headline.js';
import { nameRule, type NamedRule } from './name-rule.js';
import { predictAttempt } from '../../rules/evaluate/predict.js';
import type { Attempt } from '../../rules/evaluate/vantages.js';
import { RuleIndex, type RuleRef } from '../../rules/evaluate/rule-index.js';
import { findFaults } from '../../rules/findings/findings.js';
import { nameFault } from '../../rules/findings/routing.js';
import { withhold } from '../../rules/evaluate/withhold.js';
import { findBridgeOf, type World } from '../../rules/evaluate/world.js';
import { writeEvidence } from '../../words/claims.js';
import { STOP_REMEDIES } from '../../words/faults/stops.js';
import { writeFinding } from '../../words/findings.js';
import { writePredictionReason } from '../../words/predictions/reasons.js';
import { writeDeciding, writeSince } from '../../words/deciding.js';

/** Null where the rules were not read. */
export function predict(
  header: TraceHeader,
  connections: readonly Connection[],
): PredictedReport | null {
  const { survey } = header;
  if (!survey) return null;
  const before = new Oracle(header, survey, survey.rules);
  const end = survey.changes?.rules ?? null;
  const after = end && new Oracle(header, survey, end);
  const differences: Difference[] = [];
  const told = connections.map((connection) => {
    const answer = before.ask(connection);
    if (!answer) return withRule(connection, nameRule(connection, null, survey));
    const { server } = connection;
    const bridge = server && (findBridgeOf(before.world, server.address)?.name ?? null);
    const why = decide(connection, answer, bridge);
    if (answer.predicted.agrees !== false) return annotate(connection, answer, why, survey);
    const end = after?.ask(connection) ?? null;
    const since = end && decide(connection, end, bridge);
    const byEnd = end?.predicted.agrees === true;
    differences.push({ connection, predicted: answer.predicted, byEnd });
    return annotate(connection, answer, since && writeSince(since), survey);
  });
  const failed = told.filter(({ outcome }) => outcome !== 'answered');
  return {
    connections: told,
    findings: [
      ...findDifferences(differences, before.world, survey),
      ...(failed.length > 0 ? attributeFaults(before.findFaults(header), failed) : []),
    ],
  };
}

/** Keeps only the faults that made connections fail. */
function attributeFaults(
  faults: readonly Finding[],
  failed: readonly Connection[],
): ReportFinding[] {
  return faults.flatMap((fault) => {
    const connections = failed.flatMap((one) => {
      const failure = describeFailure(one);
      return failure && isAbout(fault, failure) ? [one.id] : [];
    });
    return connections.length > 0 ? [{ ...fault, connections }] : [];
  });
}

interface Answer {
  readonly predicted: Predicted;
  readonly deciding: RuleRef | null;
  /** Whether the prediction names obstacles that keep the connection from being served. */
  readonly obstructed: boolean;
}

function decide(
  connection: Connection,
  { predicted, obstructed }: Answer,
  bridge: string | null,
): string | null {
  return writeDeciding(connection, predicted, { bridge, obstructed });
}

/** Predicts connections by one rule set, and equal attempts only once. */
class Oracle {
  readonly world: World;
  readonly #survey: RuleSurvey;
  readonly #index: RuleIndex;
  readonly #known = new Map<string, ReturnType<typeof predictAttempt>>();

  constructor({ topology, target }: TraceHeader, survey: RuleSurvey, rules: RuleSet) {
    this.#survey = survey;
    const { settings } = survey;
    const { mappings } = target;
    this.world = buildWorld({ topology, rules, settings, mappings, measured: true });
    this.#index = new RuleIndex(rules);
  }

  ask(connection: Connection): Answer | null {
    const attempt = retrace(this.world, connection);
    if (!attempt) return null;
    const { prediction, deciding, stop } = this.#predict(attempt);
    const { path, way, target, rule, sourceSeen, obstacles } = prediction;
    const why = writePredictionReason(prediction.why);
    const agrees = agree(connection, attempt, prediction, deciding);
    const at = rule === null || !deciding ? null : describePlace(deciding);
    const code = stop && nameFault(stop);
    const predicted: Predicted = { path, way, target, rule, at, why, sourceSeen, agrees };
    if (prediction.service !== undefined) predicted.service = prediction.service;
    if (stop && code) {
      predicted.stop = {
        code,
        remedy: STOP_REMEDIES[code],
        why: writePredictionReason(stop.obstacle ?? stop.why),
      };
    }
    return { predicted, deciding, obstructed: obstacles.length > 0 };
  }

  /** Finds the faults of the host by the predictions made so far. */
  findFaults({ topology: { engine }, target }: TraceHeader): Finding[] {
    return findFaults({
      world: this.world,
      mappings: target.mappings,
      predictions: [...this.#known.values()].map(({ prediction }) => prediction),
      docker: engine !== null && engine.product !== 'podman',
      complete: this.#survey.complete,
    }).map(writeFinding);
  }

  #predict(attempt: Attempt): ReturnType<typeof predictAttempt> {
    const key = JSON.stringify(attempt);
    const known = this.#known.get(key);
    if (known) return known;
    const made = predictAttempt(this.world, this.#index, attempt);
    const told = this.#survey.complete
      ? made
      : { prediction: withhold(made.prediction, null), deciding: null, stop: null };
    this.#known.set(key, told);
    return told;
  }
}

function describePlace({ table, chain }: RuleRef): NonNullable<Predicted['at']> {
  const { backend, family, name } = table;
  return { backend, family, table: name, chain: chain.name };
}

function annotate(
  connection: Connection,
  answer: Answer,
  why: string | null,
  survey: RuleSurvey,
): Connection {
  const { predicted } = answer;
  const counted = witnessCounter(answer, survey);
  const named = withRule(connection, nameRule(connection, predicted, survey));
  if (named instanceof KeptConnection) {
    return named.extend({ predicted, ...(why !== null && { why }), witness: counted });
  }
  return {
    ...named,
    evidence: counted ? [...connection.evidence, counted] : connection.evidence,
    why: why ?? connection.why,
    predicted,
  };
}

function withRule(connection: Connection, named: NamedRule | null): Connection {
  if (named === null) return connection;
  const end = { ...connection.end, ...named };
  return connection instanceof KeptConnection ? connection.extend({ end }) : { ...connection, end };
}

/** Makes the claim that the deciding rule's counter grew; it never decides, because other traffic raises it too. */
function witnessCounter({ predicted, deciding }: Answer, { changes }: RuleSurvey): Evidence | null {
  const rule = deciding?.rule ?? null;
  if (!changes || !rule || rule.packets === null || !predicted.at || predicted.agrees !== true) {
    return null;
  }
  if (predicted.way === 'docker-proxy' && !returns(rule.steps)) return null;
  const name = writeName({ ...predicted.at, rule: rule.text });
  const packets = changes.counted.find((one) => writeName(one) === name)?.packets ?? 0;
  return writeEvidence({
    code: 'rule-counted',
    holds: packets > 0 ? true : null,
    events: [],
    facts: { chain: predicted.at.chain, packets },
  });
}

/** Whether the rule returns the packet from its chain. */
function returns(steps: NonNullable<RuleRef['rule']>['steps']): boolean {
  return steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'return');
}
