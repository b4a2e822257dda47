/** Type of a question: how a person asks it, what is wrong by construction, and what the first line must say. */

import type { Stage } from '../matrix/stage.js';

export interface Question {
  /** As people ask it. */
  readonly asked: string;
  /** What trace-flow is asked for: a port, or flags. */
  readonly about: readonly string[];
  /** Where the client runs: `host`, `client` (another machine), or a container's name. */
  readonly from: string;
  /** What it runs; may hold places of the stage (`{host}`, `{redis}`). */
  readonly client: readonly string[];
  /** Breaks something for the time of this question. @returns what mends it again */
  readonly breakIt?: (stage: Stage) => Promise<() => Promise<unknown>>;
  /** What the first line must say: the truth as it was set up. */
  readonly says: readonly RegExp[];
  /** What the fix must say. */
  readonly advises?: RegExp;
  /** Does what the fix advises; asked again, it must be answered. */
  readonly remedied?: (stage: Stage) => Promise<unknown>;
  /** What it must not say. */
  readonly never?: RegExp;
  /** The answer for the reader of the table. */
  readonly answer: string;
}

/** Commands on the lab's host: the first breaks, the second mends. */
export function onHost(
  broken: (stage: Stage) => readonly string[],
  mended: (stage: Stage) => readonly string[],
): NonNullable<Question['breakIt']> {
  return async (stage) => {
    await stage.lab.exec('host', broken(stage));
    return async () => stage.lab.exec('host', mended(stage));
  };
}

/** A rule of iptables, inserted first and deleted again. */
export function withRule(rule: (stage: Stage) => string): NonNullable<Question['breakIt']> {
  const words = (stage: Stage): string[] => rule(stage).split(' ');
  return onHost(
    (stage) => ['iptables', '-w', '-I', ...words(stage)],
    (stage) => ['iptables', '-w', '-D', ...words(stage)],
  );
}

/** A client that gives up after three seconds. */
export function ping(address: string, port: number): string[] {
  return ['timeout', '3', 'redis-cli', '-h', address, '-p', String(port), 'ping'];
}
