/** Recordings: a trace as lines of JSON, header first, tail last, so that what was proved live is replayed anywhere. */
import { z } from 'zod';
import type { TraceEvent } from '../model/event.js';
import { UserError } from '../model/errors.js';
import { eventSchema } from '../model/event-schemas.js';
import type { Trace, TraceHeader, TraceTail } from '../model/trace.js';
import { headerSchema, tailSchema } from '../model/trace-schemas.js';
import { packSurvey, surveySchema } from './recording-survey.js';
import { restoreOrder } from './sequencer.js';

const SCHEMA = 'trace-flow/recording/1';

/** The first line. The epoch is a decimal number, since it is too large for one of JSON. */
const fileHeaderSchema = headerSchema.extend({
  schema: z.literal(SCHEMA),
  epoch: z.string().regex(/^\d{1,20}$/),
  survey: surveySchema.optional(),
  /** Its events were written as they came: out of order here and there, and those of other hosts' traffic among them. */
  appended: z.literal(true).optional(),
});

/** The whole recording as text: one JSON document a line. A capture has none: its file can be read again as it is. */
export function formatRecording(trace: Trace): string {
  if (trace.capture) throw new RangeError('what was read from a capture is not recorded');
  // Numbers come in their order; where that is not the order of time, it says so.
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

/** A header that is known at the end only: it stands in place of the first one. */
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
  return start.startsWith('{') && start.slice(0, 200).includes(`"schema":"${SCHEMA}"`);
}

/** Reads a recording from its text; see RecordingReader. `name` is for messages. */
export function parseRecording(content: string, name: string): Trace {
  const reader = new RecordingReader(name);
  for (const line of content.split('\n')) if (!reader.read(line)) break;
  return reader.end();
}

/**
 * Reads a recording line by line. A line that is no event ends it: what came before is kept, `truncated` is set and a
 * note says which line. Nothing is kept of a line but its event, and that only where nobody else takes it.
 */
export class RecordingReader {
  readonly #name: string;
  readonly #events: TraceEvent[] = [];
  readonly #onEvent: (event: TraceEvent) => void;
  #last = 0;
  #header: TraceHeader | null = null;
  #tail: TraceTail | null = null;
  #lines = 0;
  #appended = false;

  /** @param onEvent takes each event; unless it is given, `end` has them all */
  constructor(name: string, onEvent?: (event: TraceEvent) => void) {
    this.#name = name;
    this.#onEvent = onEvent ?? ((event) => this.#events.push(event));
  }

  /** Whether the events were written as they came, with those of other hosts' traffic among them. */
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

  /** What was read. Without its last line the recording was cut off, which is said. */
  end(): Trace {
    const header = this.#header ?? unpackHeader(parseHeader(null, this.#name));
    const tail = this.#tail ?? cutTail(`${this.#name} ends before its end: the trace was cut off`);
    return { source: 'recording', header, events: restoreOrder(this.#events), tail };
  }
}

/** The header that holds of a recording, without looking at its events: the last one, else the first. */
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

/** The first field that makes no sense, and why; empty where no field is to blame. */
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
