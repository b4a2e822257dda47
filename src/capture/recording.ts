/** Recordings: a trace as lines of JSON, header first, tail last, so that what was proved live is replayed anywhere. */
import { z } from 'zod';
import type { TraceEvent } from '../model/event.js';
import { UserError } from '../model/errors.js';
import { eventSchema } from '../model/event-schemas.js';
import type { Trace, TraceHeader, TraceTail } from '../model/trace.js';
import { headerSchema, tailSchema } from '../model/trace-schemas.js';
import { packSurvey, surveySchema } from './recording-survey.js';

const SCHEMA = 'trace-flow/recording/1';

/** The first line. The epoch is a decimal number, since it is too large for one of JSON. */
const fileHeaderSchema = headerSchema.extend({
  schema: z.literal(SCHEMA),
  epoch: z.string().regex(/^\d{1,20}$/),
  survey: surveySchema.optional(),
});

/** The whole recording as text: one JSON document a line. A capture has none: its file can be read again as it is. */
export function formatRecording(trace: Trace): string {
  if (trace.capture) throw new RangeError('what was read from a capture is not recorded');
  const { epoch, survey, ...header } = trace.header;
  const lines: unknown[] = [
    {
      schema: SCHEMA,
      ...header,
      epoch: String(epoch),
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
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line === '') continue;
    const read = readLine(parseJson(line), events.at(-1)?.id ?? 0);
    if (read.kind === 'end') return { source: 'recording', header, events, tail: read.tail };
    if (read.kind === 'bad') {
      const note = `${name}: line ${index + 1} is no event of a recording${read.where}; what follows was not read`;
      return { source: 'recording', header, events, tail: cutTail(note) };
    }
    events.push(read.event);
  }
  const tail = cutTail(`${name} ends before its end: the trace was cut off`);
  return { source: 'recording', header, events, tail };
}

type Read =
  | { readonly kind: 'event'; readonly event: TraceEvent }
  | { readonly kind: 'end'; readonly tail: TraceTail }
  /** `where`: the field that makes no sense, in parentheses; empty where the whole line makes none. */
  | { readonly kind: 'bad'; readonly where: string };

/** `last` is the number of the event before it: evidence refers to events by number, so no number comes twice. */
function readLine(value: unknown, last: number): Read {
  if (typeof value === 'object' && value !== null && 'end' in value) {
    const end = tailSchema.safeParse(value.end);
    return end.success
      ? { kind: 'end', tail: end.data }
      : { kind: 'bad', where: describeIssue(end.error, ['end']) };
  }
  const result = eventSchema.safeParse(value);
  if (!result.success) return { kind: 'bad', where: describeIssue(result.error) };
  const event: TraceEvent = result.data;
  if (event.id <= last) {
    return { kind: 'bad', where: ` (id: ${event.id} does not come after ${last})` };
  }
  return { kind: 'event', event };
}

/** The first field that makes no sense, and why; empty where no field is to blame. */
function describeIssue({ issues: [issue] }: z.ZodError, before: readonly string[] = []): string {
  const path = [...before, ...(issue?.path ?? [])];
  return issue && path.length > 0 ? ` (${path.join('.')}: ${issue.message})` : '';
}

function cutTail(note: string): TraceTail {
  return { lostEvents: 0, unparsedPackets: 0, truncated: true, sealed: false, notes: [note] };
}

function parseHeader(line: string, name: string): TraceHeader {
  const result = fileHeaderSchema.safeParse(parseJson(line));
  if (!result.success) {
    const where = describeIssue(result.error);
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

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
