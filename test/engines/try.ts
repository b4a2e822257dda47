/** Tries one engine: sets it up, traces traffic from every vantage, and compares what is told with what is true. */
import type { Report } from '../../src/model/report.js';
import { check, type Finding } from '../matrix/check.js';
import type { Dial, Sent } from '../matrix/scenario.js';
import { traceWhile } from '../support/tracing.js';
import { dialAll } from './dial.js';
import type { Engine, Prepared, Vantage } from './engine.js';
import { EngineHost } from './host.js';
import { findRelayPids } from './relays.js';

export interface Tried {
  readonly engine: Engine;
  readonly version: string;
  readonly results: readonly VantageResult[];
  readonly report: Report;
}

export interface VantageResult {
  readonly vantage: Vantage;
  readonly sent: Sent;
  readonly finding: Finding;
}

/** @param root of the engine's suite, or `/` */
export async function tryEngine(engine: Engine, root: string): Promise<Tried> {
  const host = await EngineHost.start(root);
  try {
    const prepared = await engine.prepare(host);
    return await traceEngine(engine, host, prepared);
  } finally {
    await host.down();
  }
}

async function traceEngine(engine: Engine, host: EngineHost, prepared: Prepared): Promise<Tried> {
  const { vantages, dockerHost, ports, version } = prepared;
  let sent: Sent[] = [];
  const place = { host: host.host, dockerHost };
  const { report } = await traceWhile(place, ports, async () => {
    sent = await dialAll(host, vantages);
  });
  const relays = new Map<number, number[]>();
  for (const port of ports) relays.set(port, await findRelayPids(host.host.netns, port));
  const seen = { stage: { fill: (text: string) => text }, report, relays };
  // Where the bytes are not followed, what the server sees need not be told.
  const known = sent.map((one, index) => (vantages[index]?.atLeast ? { ...one, seen: null } : one));
  const results = vantages.flatMap((vantage, index) => {
    const one = known[index];
    if (!one) return [];
    return [{ vantage, sent: one, finding: check(seen, toScenario(vantage), one, known) }];
  });
  return { engine, version, results, report };
}

function toScenario({ name, to, port, talk, truth, atLeast }: Vantage): Dial {
  return { name, from: '', to, port, talk, truth, ...(atLeast && { atLeast }) };
}
