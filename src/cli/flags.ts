/** Defines the flags that `trace` and `read` share, and their values. */
import type { Interfaces } from '@oclif/core';
import * as Flags from '@oclif/core/flags';
import { canonicalAddress } from '../model/address.js';
import { UserError } from '../model/errors.js';
import { parseExpectation, type Expectation } from '../model/expectation.js';
import { parseOtlpEndpoint } from '../model/otlp-endpoint.js';
import type { Selection } from '../model/selection.js';
import { OUTCOMES, PATHS } from '../model/verdict.js';
import { findNearest } from './nearest.js';

const port = Flags.custom<number>({
  parse: (text) => Promise.resolve(parsePort(text)),
});

const address = Flags.custom<string>({
  parse: (text) => {
    const canonical = canonicalAddress(text);
    if (canonical === null) {
      throw usage(`--client ${text} is not an IP address`, 'give one such as 198.51.100.2 or ::1');
    }
    return Promise.resolve(canonical);
  },
});

const expectation = Flags.custom<Expectation>({
  parse: (text) => {
    const expected = parseExpectation(text);
    if (expected !== null) return Promise.resolve(expected);
    const words = [...PATHS, ...OUTCOMES];
    const nearest = findNearest(text, words);
    throw usage(
      `--expect ${text} is neither a path nor an outcome, nor one of each (dnat/dropped)`,
      nearest === undefined ? `give one of: ${words.join(', ')}` : `did you mean ${nearest}?`,
    );
  },
});

const receiver = Flags.custom<string>({
  parse: (text) => {
    if (parseOtlpEndpoint(text) !== null) return Promise.resolve(text);
    throw usage(
      '--otlp needs the address of a receiver over HTTP',
      'give e.g. --otlp http://localhost:4318',
    );
  },
});

/** `--hops all` or a whole number. */
const hops = Flags.custom<number | null>({
  parse: (text) => {
    const count = Number(text);
    if (text === 'all') return Promise.resolve(null);
    if (/^\d+$/.test(text) && count > 0) return Promise.resolve(count);
    throw usage(`--hops ${text} is neither a number nor "all"`, 'give e.g. --hops 200');
  },
});

export const sharedFlags = {
  port: port({
    char: 'p',
    multiple: true,
    helpValue: 'N',
    description: 'published port, or the port inside the container; any number of them',
  }),
  container: Flags.string({
    multiple: true,
    helpValue: 'NAME',
    description: 'only what leads to this container (name or id)',
  }),
  client: address({ helpValue: 'ADDR', description: 'only connections from this address' }),
  protocol: Flags.option({ options: ['tcp', 'udp', 'all'] as const })({
    default: 'all' as const,
    description: 'transport protocol',
  }),
  json: Flags.boolean({
    description: 'print one JSON document at the end instead of text',
    exclusive: ['ndjson'],
  }),
  ndjson: Flags.boolean({
    description:
      'print events, then connections as they end, then the summary, a JSON document a line',
  }),
  svg: Flags.string({ helpValue: 'FILE', description: 'write the sequence diagram as SVG' }),
  png: Flags.string({ helpValue: 'FILE', description: 'write the same picture as PNG' }),
  html: Flags.string({
    helpValue: 'FILE',
    description: 'write an interactive report: one HTML file, no network needed',
  }),
  mermaid: Flags.string({ helpValue: 'FILE', description: 'write it as a Mermaid diagram' }),
  pcapng: Flags.string({
    helpValue: 'FILE',
    description: 'write the packets for Wireshark: one interface per hop, a comment on each packet',
  }),
  anonymize: Flags.boolean({
    description:
      'pseudonyms for addresses and for names of containers, networks and processes, the same in all outputs of this run',
  }),
  perfetto: Flags.string({
    helpValue: 'FILE',
    description: 'write a trace for ui.perfetto.dev or chrome://tracing',
  }),
  otlp: receiver({
    helpValue: 'URL',
    description:
      'send connections as traces, and live metrics, to a receiver of OpenTelemetry (OTLP over HTTP)',
  }),
  quiet: Flags.boolean({
    char: 'q',
    exclusive: ['json', 'ndjson'],
    description: 'print no report and no progress: warnings, errors and what outputs came to',
  }),
  expect: expectation({
    helpValue: 'PATH|OUTCOME|PATH/OUTCOME',
    description:
      'exit 4 unless every connection took this path and was answered, or had this outcome; dnat/any asks for the path alone',
  }),
  path: Flags.option({ options: [...PATHS, 'unknown'] as const })({
    multiple: true,
    helpValue: 'PATH',
    description: 'show only connections that took this path',
  }),
  outcome: Flags.option({ options: OUTCOMES })({
    multiple: true,
    helpValue: 'OUTCOME',
    description: 'show only connections with this outcome',
  }),
  slowest: Flags.integer({ min: 1, helpValue: 'N', description: 'show only the N slowest' }),
  id: Flags.integer({
    min: 1,
    multiple: true,
    helpValue: 'N',
    description: 'show only this connection',
  }),
  hops: hops({
    helpValue: 'N|all',
    description: 'hops listed per connection in JSON and drawings [default: 64]',
  }),
  ladders: Flags.integer({
    min: 0,
    helpValue: 'N',
    description: 'connections that the terminal shows in full [default: 3]',
  }),
};

/** The outputs that the flags ask for, for `trace` and `read` alike. */
export function readOutputs(flags: Interfaces.InferredFlags<typeof sharedFlags>) {
  const { json, ndjson, anonymize, ladders, otlp, quiet } = flags;
  const { svg, png, html, mermaid, pcapng, perfetto } = flags;
  const files = { svg, png, html, mermaid, pcapng, perfetto };
  const expect = flags.expect ?? null;
  return {
    json,
    ndjson,
    anonymize,
    ladders,
    otlp,
    quiet,
    ...files,
    expect,
    show: readSelection(flags),
  };
}

/** The selection that the filter flags ask for. */
function readSelection(flags: {
  readonly path?: Selection['paths'] | undefined;
  readonly outcome?: Selection['outcomes'] | undefined;
  readonly slowest?: number | undefined;
  readonly id?: readonly number[] | undefined;
}): Selection {
  return {
    paths: flags.path ?? [],
    outcomes: flags.outcome ?? [],
    ids: flags.id ?? [],
    slowest: flags.slowest ?? null,
  };
}

function parsePort(text: string): number {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= 65_535) return number;
  throw usage(`--port ${text} is not a port`, 'give a whole number from 1 to 65535');
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { code: 'usage', exit: 2, remedy });
}
