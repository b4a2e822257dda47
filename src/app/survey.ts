/** Reads rules and settings before and after a trace. A failure only warns, and then nothing is predicted. */
import { runCommand } from '../host/command.js';
import { resolveNamespace } from '../host/namespaces.js';
import { readRules, type RulesReading } from '../host/rules.js';
import { readSettings } from '../host/settings.js';
import type { HostSettings } from '../model/settings.js';
import type { RuleSurvey } from '../model/survey.js';
import type { PortMapping } from '../model/target.js';
import type { Topology } from '../model/topology.js';
import { compareRules } from '../rules/explain/changes.js';
import { findOtherMappings } from '../rules/evaluate/mappings.js';
import { pruneRules } from '../rules/evaluate/prune.js';

export interface Surveyor {
  /** Port mappings that only rules show: made by hand, by Podman, CNI or kube-proxy. */
  mappings(topology: Topology): Promise<PortMapping[]>;
  /** The survey of these ports, as read by `startSurvey`; null when nothing could be read. */
  before(ports: readonly number[]): Promise<RuleSurvey | null>;
  /** The same survey with what has changed since. */
  after(survey: RuleSurvey, ports: readonly number[]): Promise<RuleSurvey>;
}

interface Reading {
  readonly rules: RulesReading;
  readonly settings: HostSettings;
}

export function startSurvey(
  netns: string,
  signal: AbortSignal,
  warn: (text: string) => void,
): Surveyor {
  const giveUp = (error: unknown): null => {
    const why = error instanceof Error ? error.message : String(error);
    if (!signal.aborted) warn(`nothing is predicted: the rules could not be read (${why})`);
    return null;
  };
  const first = read(netns, signal).catch(giveUp);
  return {
    async mappings(topology) {
      const reading = await first;
      return reading ? findOtherMappings(reading.rules.rules, topology) : [];
    },
    async before(ports) {
      const reading = await first;
      if (!reading) return null;
      const { rules, settings } = reading;
      for (const problem of rules.problems) warn(problem);
      return {
        rules: pruneRules(rules.rules, ports),
        complete: rules.complete,
        settings,
        changes: null,
      };
    },
    async after(survey, ports) {
      // Without the signal, which may have ended the trace already.
      const reading = await read(netns, undefined).catch(() => null);
      if (!reading?.rules.complete) return survey;
      const rules = pruneRules(reading.rules.rules, ports);
      return { ...survey, changes: compareRules(survey.rules, rules) };
    },
  };
}

async function read(netns: string, signal: AbortSignal | undefined): Promise<Reading> {
  const path = netns === 'self' ? null : resolveNamespace(netns).path;
  const [rules, settings] = await Promise.all([
    readRules({ run: runCommand, path, signal }),
    readSettings(runCommand, path, signal),
  ]);
  return { rules, settings };
}
