/** Recordings: a trace as lines of JSON, header first, tail last, so that what was proved live is replayed anywhere. */
import { z } from 'zod';
import type { TraceEvent } from '../model/event.js';
import { UserError } from '../model/errors.js';
import { parseRange } from '../model/range.js';
import { ruleTraceSchema } from '../model/rule-trace.js';
import { WITNESSES, type Trace, type TraceHeader, type TraceTail } from '../model/trace.js';
import { address, endpoint, eventSchema, protocol } from './recording-events.js';
import { packSurvey, surveySchema } from './recording-survey.js';

const SCHEMA = 'trace-flow/recording/1';

const text = z.string();
const device = z.object({
  ifindex: z.number(),
  name: text,
  kind: z.enum(['loopback', 'bridge', 'veth', 'other']),
  addresses: z.array(text.refine((value) => parseRange(value) !== null, 'no address')),
  master: z.number().nullable(),
  peerIfindex: z.number().nullable(),
  peerNamespace: z.number().nullable(),
});
const topologySchema = z.object({
  host: z.number(),
  namespaces: z.array(
    z.object({
      inode: z.number(),
      name: text,
      role: z.enum(['host', 'container', 'other']),
      devices: z.array(device),
    }),
  ),
  containers: z.array(
    z.object({
      id: text,
      name: text,
      pid: z.number(),
      namespace: z.number().nullable(),
      networkMode: text,
      networks: z.array(
        z.object({
          name: text,
          bridge: text.nullable(),
          addresses: z.array(address),
          gateway: text.nullable(),
        }),
      ),
      published: z.array(
        z.object({
          protocol,
          hostAddress: address,
          hostPort: z.number(),
          containerPort: z.number(),
        }),
      ),
    }),
  ),
  relays: z.array(
    z.object({
      pid: z.number(),
      command: text,
      arguments: z.array(text),
      protocol,
      listens: endpoint,
      target: endpoint.nullable(),
    }),
  ),
  listeners: z.array(
    z.object({
      namespace: z.number(),
      protocol,
      local: endpoint,
      pid: z.number().nullable(),
      command: text.nullable(),
    }),
  ),
  unheard: z.array(z.number()).exactOptional(),
  engine: z.object({ version: text }).nullable(),
  problems: z.array(text),
});

const headerSchema = z.object({
  schema: z.literal(SCHEMA),
  program: text,
  epoch: text.regex(/^\d+$/),
  target: z.object({
    protocol: z.enum(['tcp', 'udp', 'all']),
    asked: z.array(z.number()),
    ports: z.array(z.number()),
    containers: z.array(text),
    addresses: z.array(text),
    mappings: z.array(z.object({ protocol, listens: endpoint, target: endpoint })),
  }),
  client: address.nullable(),
  topology: topologySchema,
  probes: z.object({
    attached: z.array(text),
    missing: z.array(text),
    profile: z.enum(['tracepoint', 'kprobe', 'fentry']).optional(),
    witnesses: z.array(z.enum(WITNESSES)).optional(),
  }),
  budget: z.number().optional(),
  survey: surveySchema.optional(),
});

const tailSchema = z.object({
  lostEvents: z.number(),
  skippedRuns: z.number().optional(),
  unparsedPackets: z.number(),
  truncated: z.boolean(),
  sealed: z.boolean(),
  notes: z.array(text),
  rules: z.array(ruleTraceSchema).optional(),
});

/** The whole recording as text: one JSON document a line. A capture has none: its file can be read again as it is. */
export function formatRecording(trace: Trace): string {
  if (trace.capture) throw new RangeError('what was read from a capture is not recorded');
  const { epoch, survey, ...header } = trace.header;
  const lines: unknown[] = [
    {
      ...{ schema: SCHEMA, ...header, epoch: String(epoch) },
      ...(survey && { survey: packSurvey(survey) }),
    },
    ...trace.events,
    { end: trace.tail },
  ];
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
}

/** True when this is how a recording begins. */
export function isRecording(start: string): boolean {
  return start.startsWith('{') && start.slice(0, 200).includes(`"schema":"${SCHEMA}"`);
}

/**
 * Reads a recording. A line that is no event ends it: what came before is kept, `truncated` is set and a note says
 * which line. Throws UserError when the header cannot be read; `name` is for its message.
 */
export function parseRecording(content: string, name: string): Trace {
  const lines = content.split('\n');
  const header = parseHeader(lines[0] ?? '', name);
  const events: TraceEvent[] = [];
  let tail: TraceTail | null = null;
  let broken: string | null = null;
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line === '') continue;
    const value = parseJson(line);
    const end = z.object({ end: tailSchema }).safeParse(value);
    if (end.success) {
      tail = end.data.end;
      break;
    }
    const event = eventSchema.safeParse(value);
    if (!event.success) {
      const where = tellIssue(event.error);
      broken = `${name}: line ${index + 1} is no event of a recording${where}; what follows was not read`;
      break;
    }
    events.push(event.data);
  }
  return { source: 'recording', header, events, tail: tail ?? describeCut(name, broken) };
}

function describeCut(name: string, broken: string | null): TraceTail {
  const note = broken ?? `${name} ends before its end: the trace was cut off`;
  return { lostEvents: 0, unparsedPackets: 0, truncated: true, sealed: false, notes: [note] };
}

function parseHeader(line: string, name: string): TraceHeader {
  const result = headerSchema.safeParse(parseJson(line));
  if (!result.success) {
    const where = tellIssue(result.error);
    throw new UserError(`${name} is not a recording that this version can read${where}`, {
      code: 'bad-recording',
      exit: 1,
      remedy: 'record it again with: trace-flow --port N --record FILE',
    });
  }
  const { program, epoch, target, client, topology, probes, budget, survey } = result.data;
  const header = { program, epoch: BigInt(epoch), target, client, topology, probes, budget };
  return survey ? { ...header, survey } : header;
}

/** ` (topology.host: Invalid input)`; nothing where the whole is no such thing. */
function tellIssue({ issues: [issue] }: z.ZodError): string {
  return issue && issue.path.length > 0 ? ` (${issue.path.join('.')}: ${issue.message})` : '';
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
