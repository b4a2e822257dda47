/** Maps the host, resolves the target and reads the rules before the first probe of a live trace starts. */
import { resolvePorts, type Target } from '../model/target.js';
import type { RuleSurvey } from '../model/survey.js';
import type { Topology } from '../model/topology.js';
import type { RuleTracing } from './rule-tracing.js';
import type { Surveyor } from './survey.js';
import { PATIENCE, type TraceEffects, type TraceRequest } from './trace-request.js';

/** Milliseconds for the engine's answer, and for looking into all namespaces. */
const DOCKER_PATIENCE = 2_000;
const TOPOLOGY_PATIENCE = 5_000;

/** What is known about the host before the first probe starts. */
export interface Prepared {
  readonly topology: Topology;
  readonly readTopology: (signal: AbortSignal | undefined) => Promise<Topology>;
  readonly target: Target;
  readonly surveyor: Surveyor;
  /** The survey runs while the probes start. */
  readonly surveying: Promise<RuleSurvey | null>;
}

/** Maps the host, resolves the target and starts the survey of rules. */
export async function prepare(
  rules: RuleTracing,
  request: TraceRequest,
  { progress, stop }: TraceEffects,
): Promise<Prepared> {
  const warn = (text: string): void => progress.warn(text);
  const readTopology = await openTopology(request);
  const { startSurvey } = await import('./survey.js');
  const surveyor = startSurvey(request.netns, stop, warn);
  const topology = await readTopology(stop);
  for (const problem of topology.problems) warn(problem);
  const mappings = await surveyor.mappings(topology);
  const target = resolvePorts(topology, { ...request.query, mappings });
  const surveying = surveyor.before(target.ports);
  if (request.traceRules) {
    await surveying; // so that it does not find our own table
    await rules.start(request.netns, target, warn);
  }
  return { topology, readTopology, target, surveyor, surveying };
}

async function openTopology(
  request: TraceRequest,
): Promise<(signal: AbortSignal | undefined) => Promise<Topology>> {
  const { readTopology } = await import('../host/topology.js');
  const { netns, dockerHost, patience = PATIENCE } = request;
  // Users give the probes more time on a slow machine, where everything else takes longer too.
  const slow = Math.max(1, patience / PATIENCE);
  const limits = { dockerTimeout: DOCKER_PATIENCE * slow, budget: TOPOLOGY_PATIENCE * slow };
  return async (signal) => readTopology({ netns, dockerHost, signal, ...limits });
}
