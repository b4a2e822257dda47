/** Writes and reads recordings: a live trace as lines of JSON, header first and tail last, to replay it anywhere. */
import { z } from 'zod';
import type { TraceEvent } from '../model/event.js';
import { UserError } from '../model/errors.js';
import { eventSchema } from '../model/event-schemas.js';
import { joinCheckpoints } from '../model/checkpoints.js';
import type { Checkpoint, Trace, TraceHeader, TraceTail } from '../model/trace.js';
import { checkpointSchema, headerSchema, tailSchema } from '../model/trace-schemas.js';
import { packSurvey, surveySchema } from './recording-survey.js';
import { restoreOrder } from './sequencer.js';

const SCHEMA = 'trace-flow/recording/1';

/** The first line. The epoch is decimal text, because it is too large for a JSON number. */
const fileHeaderSchema = headerSchema.extend({
  schema: z.literal(SCHEMA),
  epoch: z.string().regex(/^\d{1,20}$/),
  survey: surveySchema.optional(),
  /** The events were written as they arrived: some are out of order, and some are of other hosts' traffic. */
  appended: z.literal(true).optional(),
});

/** The whole recording as text, one JSON document a line. A capture is refused: its file itself can be read again. */
export function formatRecording(trace: Trace): string {
  if (trace.capture) throw new RangeError('what was read from a capture is not recorded');
  // Events are written by number. When that is not the order of time, the header says so.
  const events = trace.events.toSorted((a, b) => a.id - b.id);
  const late = events.some((event, index) => event.time < (events[index - 1]?.time ?? 0));
  const lines = [
    formatHeader(trace.header, late),
    ...events.map(formatEvent),
    formatEnd(trace.tail),
  ];
  return lines.join('');
}

/** The first line. */
export function formatHeader(header: TraceHeader, appended = false): string {
  return formatLine({ schema: SCHEMA, ...(appended && { appended }), ...packHeader(header) });
}

export function formatEvent(event: TraceEvent): string {
  return formatLine(event);
}

/** Tells that all events of a part of the trace stand before this line. Recordings of versions before 0.3 have none. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return formatLine({ checkpoint });
}

/** A header that is known only at the end; it replaces the first one. */
export function formatLastHeader(header: TraceHeader): string {
  return formatLine({ header: { schema: SCHEMA, ...packHeader(header) } });
}

/** The last line. */
export function formatEnd(tail: TraceTail): string {
  return formatLine({ end: tail });
}

function formatLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function packHeader({ epoch, survey, ...header }: TraceHeader): object {
  return { ...header, epoch: String(epoch), ...(survey && { survey: packSurvey(survey) }) };
}

/** True when this is how a recording begins. */
export function isRecording(start: string): boolean {
  // Other programs that write JSON may put blanks between its parts.
  const compact = start.slice(0, 300).replaceAll(/\s/g, '');
  return compact.startsWith('{') && compact.includes(`"schema":"${SCHEMA}"`);
}

/** Reads a recording from its text; see RecordingReader. `name` is for messages. */
export function parseRecording(content: string, name: string): Trace {
  const reader = new RecordingReader(name);
  for (const line of content.split('\n')) if (!reader.read(line)) break;
  return reader.end();
}

export interface RecordingTakers {
  readonly event?: (event: TraceEvent) => void;
  readonly checkpoint?: (checkpoint: Checkpoint) => void;
}

/**
 * Reads a recording line by line. A line that is no event ends it: earlier events are kept, `truncated` is set and a
 * note names the line. Events are stored only when no `onEvent` takes them.
 */
export class RecordingReader {
  readonly #name: string;
  readonly #events: TraceEvent[] = [];
  readonly #onEvent: (event: TraceEvent) => void;
  readonly #onCheckpoint: ((checkpoint: Checkpoint) => void) | undefined;
  #complete: readonly Checkpoint[] = [];
  #last = 0;
  #header: TraceHeader | null = null;
  #tail: TraceTail | null = null;
  #lines = 0;
  #appended = false;

  /** @param on takes what is read as it comes; without `on.event`, `end` returns all events */
  constructor(name: string, on: RecordingTakers = {}) {
    this.#name = name;
    this.#onEvent = on.event ?? ((event) => this.#events.push(event));
    this.#onCheckpoint = on.checkpoint;
  }

  /** Whether the events were written as they arrived, some of them of other hosts' traffic. */
  get appended(): boolean {
    return this.#appended;
  }

  /**
   * Takes the next line.
   * @returns false when the recording has ended, whatever follows
   * @throws UserError when the header, which is the first line, cannot be read
   */
  read(line: string): boolean {
    this.#lines += 1;
    if (this.#header === null) {
      const first = parseHeader(parseJson(line), this.#name);
      this.#header = unpackHeader(first);
      this.#appended = first.appended === true;
      return true;
    }
    if (line === '') return true;
    const read = readLine(parseJson(line), this.#last);
    switch (read.kind) {
      case 'event':
        this.#last = read.event.id;
        this.#onEvent(read.event);
        return true;
      case 'header':
        this.#header = read.header;
        return true;
      case 'checkpoint':
        this.#complete = joinCheckpoints(this.#complete, read.checkpoint);
        this.#onCheckpoint?.(read.checkpoint);
        return true;
      case 'end':
        this.#tail = read.tail;
        return false;
      case 'bad':
        this.#tail = cutTail(
          `${this.#name}: line ${this.#lines} is no event of a recording${read.where}; what follows was not read`,
        );
        return false;
    }
  }

  /** Returns what was read. A recording without its last line was cut off; a note then says so. */
  end(): Trace {
    const header = this.#header ?? unpackHeader(parseHeader(null, this.#name));
    const told = this.#tail ?? cutTail(`${this.#name} ends before its end: the trace was cut off`);
    const complete = told.complete ?? this.#complete;
    const tail = complete.length > 0 ? { ...told, complete } : told;
    return { source: 'recording', header, events: restoreOrder(this.#events), tail };
  }
}

/** Finds the valid header of a recording without reading its events: the last one if there is one, else the first. */
export class HeaderReader {
  readonly #name: string;
  #header: TraceHeader | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  /** Takes the next line; see RecordingReader. */
  read(line: string): void {
    if (this.#header === null)
      this.#header = unpackHeader(parseHeader(parseJson(line), this.#name));
    if (!line.startsWith('{"header"')) return;
    const read = readLine(parseJson(line), 0);
    if (read.kind === 'header') this.#header = read.header;
  }

  end(): TraceHeader {
    return this.#header ?? unpackHeader(parseHeader(null, this.#name));
  }
}

type FileHeader = z.infer<typeof fileHeaderSchema>;

type Read =
  | { readonly kind: 'event'; readonly event: TraceEvent }
  | { readonly kind: 'header'; readonly header: TraceHeader }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'end'; readonly tail: TraceTail }
  /** `where` names the invalid field, in parentheses; it is empty when the whole line is invalid. */
  | { readonly kind: 'bad'; readonly where: string };

/** `last` is the number of the previous event. Numbers must rise, because evidence refers to events by number. */
function readLine(value: unknown, last: number): Read {
  if (typeof value === 'object' && value !== null && 'end' in value) {
    const end = tailSchema.safeParse(value.end);
    return end.success
      ? { kind: 'end', tail: end.data }
      : { kind: 'bad', where: describeIssue(end.error, ['end']) };
  }
  if (typeof value === 'object' && value !== null && 'checkpoint' in value) {
    const read = checkpointSchema.safeParse(value.checkpoint);
    return read.success
      ? { kind: 'checkpoint', checkpoint: read.data }
      : { kind: 'bad', where: describeIssue(read.error, ['checkpoint']) };
  }
  if (typeof value === 'object' && value !== null && 'header' in value) {
    const header = fileHeaderSchema.safeParse(value.header);
    return header.success
      ? { kind: 'header', header: unpackHeader(header.data) }
      : { kind: 'bad', where: describeIssue(header.error, ['header']) };
  }
  const result = eventSchema.safeParse(value);
  if (!result.success) return { kind: 'bad', where: describeIssue(result.error) };
  const event: TraceEvent = result.data;
  if (event.id <= last) {
    return { kind: 'bad', where: ` (id: ${event.id} does not come after ${last})` };
  }
  return { kind: 'event', event };
}

/** The first invalid field and the reason; empty when no single field is to blame. */
function describeIssue({ issues: [issue] }: z.ZodError, before: readonly string[] = []): string {
  const path = [...before, ...(issue?.path ?? [])];
  return issue && path.length > 0 ? ` (${path.join('.')}: ${issue.message})` : '';
}

function cutTail(note: string): TraceTail {
  return { lostEvents: 0, unparsedPackets: 0, truncated: true, sealed: false, notes: [note] };
}

function parseHeader(line: unknown, name: string): FileHeader {
  const result = fileHeaderSchema.safeParse(line);
  if (!result.success) {
    const where = describeIssue(result.error);
    throw new UserError(`${name} is not a recording that this version can read${where}`, {
      code: 'bad-recording',
      exit: 1,
      remedy: 'record it again with: trace-flow --port N --record FILE',
    });
  }
  return result.data;
}

function unpackHeader(file: FileHeader): TraceHeader {
  const { program, epoch, target, client, topology, probes, budget, survey } = file;
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
