/** The recordings in samples/ and what is true of each, known from how its traffic was sent (test/lab/take-samples.ts, test/lab/scenarios.ts). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseRecording } from '../../src/capture/recording.js';
import type { Connection } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';

export interface Truth {
  readonly path: Connection['path'];
  readonly outcome: Connection['outcome'];
  readonly hook: 'PREROUTING' | 'OUTPUT' | null;
  /** `proven` unless the recording cannot show more. */
  readonly proof?: Connection['proof'];
}

const dnat = { path: 'dnat', outcome: 'answered', hook: 'PREROUTING' } as const;
const proxy = { path: 'docker-proxy', outcome: 'answered', hook: null } as const;

/** What is true of every connection of a sample; of a mixed one by the client's address. */
export const TRUTHS: Readonly<Record<string, Truth | ((one: Connection) => Truth)>> = {
  'dnat-outside': dnat,
  'dnat-own-address': { ...dnat, hook: 'OUTPUT' },
  'proxy-loopback': proxy,
  'proxy-loopback6': proxy,
  'proxy-same-bridge': proxy,
  'proxy-self': proxy,
  direct: { ...proxy, path: 'direct' },
  host: { ...proxy, path: 'host' },
  'host-chat': { ...proxy, path: 'host' },
  // It answers itself, but the query that it sent meanwhile might have been anything.
  'asks-database': { ...proxy, path: 'host', proof: 'likely' },
  // What was encrypted cannot be compared.
  'relay-encrypts': { ...proxy, path: 'relay', proof: 'likely' },
  'redirect-proxy': { ...proxy, hook: 'PREROUTING' },
  'refused-dnat': { ...dnat, outcome: 'refused' },
  'reset-proxy': { ...proxy, outcome: 'reset' },
  dropped: { ...dnat, outcome: 'dropped' },
  paused: { ...dnat, outcome: 'unanswered' },
  'too-big': { ...dnat, outcome: 'stalled' },
  'reset-beyond': { ...proxy, outcome: 'reset' },
  'no-neighbour': { ...dnat, outcome: 'dropped' },
  'hairpin-self': dnat,
  'answer-dropped': { path: 'dnat', outcome: 'dropped', hook: 'OUTPUT' },
  'udp-dnat': dnat,
  'udp-proxy': proxy,
  'udp-refused-dnat': { ...dnat, outcome: 'refused' },
  'udp-unanswered-proxy': { ...proxy, outcome: 'unanswered' },
  'relay-socat': { ...proxy, path: 'relay' },
  'relay-chain': { ...proxy, path: 'relay' },
  'relay-haproxy': { ...proxy, path: 'relay' },
  'nat-hooks': (one) =>
    one.client.address === '198.51.100.2' ? dnat : { ...dnat, hook: 'OUTPUT' },
  'mixed-20': (one) => (one.client.address === '127.0.0.1' ? proxy : dnat),
};

export function truthOf(name: string, one: Connection): Truth {
  const truth = TRUTHS[name];
  if (truth === undefined) throw new Error(`nothing is known of the sample ${name}`);
  return typeof truth === 'function' ? truth(one) : truth;
}

export function readSample(name: string): Trace {
  const file = fileURLToPath(new URL(`../../../samples/${name}.ndjson`, import.meta.url));
  return parseRecording(readFileSync(file, 'utf8'), `${name}.ndjson`);
}
