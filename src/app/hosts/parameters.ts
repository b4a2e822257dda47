/** Writes the arguments with which each host's own trace-flow traces what was asked for. */
import type { TraceRequest } from '../trace-request.js';

/** What concerns the trace goes to the hosts; what concerns the report stays here. */
export function writeParameters(request: TraceRequest): string[] {
  const { query, client, netns, connections, budget, bpftrace, profile } = request;
  return [
    'trace',
    // Its lifeline is first: a version that is too old refuses it, and says so.
    '--lifeline',
    '--record=-',
    '--quiet',
    ...(query.ports ?? []).map((port) => `--port=${port}`),
    ...(query.containers ?? []).map((name) => `--container=${name}`),
    ...(query.protocol === undefined ? [] : [`--protocol=${query.protocol}`]),
    ...(client === null ? [] : [`--client=${client}`]),
    ...(netns === 'self' ? [] : [`--netns=${netns}`]),
    ...(connections === undefined ? [] : [`--connections=${connections}`]),
    ...(profile === undefined ? [] : [`--probes=${profile}`]),
    ...(request.traceRules === true ? ['--trace-rules'] : []),
    ...(request.passEnvironment === true ? ['--bpftrace-env'] : []),
    `--budget=${budget}`,
    `--bpftrace=${bpftrace}`,
  ];
}
