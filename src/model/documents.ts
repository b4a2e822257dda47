/** Lists every document that trace-flow prints as JSON Schema, made from the schemas that the program itself uses. */
import { z } from 'zod';
import { doctorSchema } from './doctor.js';
import { explanationSchema } from './explain.js';
import { reportSchema } from './report.js';

/** A line of `--ndjson`; events are told as the recording has them. */
const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('event'),
    event: z.looseObject({ id: z.number().int(), kind: z.string(), time: z.number() }),
  }),
  z.object({ type: z.literal('connection'), connection: reportSchema.shape.connections.element }),
  z.object({
    type: z.literal('summary'),
    connections: z.number().int().nonnegative(),
    summary: reportSchema.omit({ connections: true }),
  }),
]);

const DOCUMENTS = {
  report: { title: 'trace-flow and trace-flow read, --json', schema: reportSchema },
  line: { title: 'trace-flow and trace-flow read, a line of --ndjson', schema: lineSchema },
  explain: { title: 'trace-flow explain --json', schema: explanationSchema },
  doctor: { title: 'trace-flow doctor --json', schema: doctorSchema },
} as const;

/** By the name of its file, `report` for `schemas/report.json`; open to fields that later versions add. */
export function listSchemas(): { name: string; text: string }[] {
  return Object.entries(DOCUMENTS).map(([name, { title, schema }]) => ({
    name,
    text: `${JSON.stringify({ title, ...z.toJSONSchema(schema, { io: 'input' }) }, null, 2)}\n`,
  }));
}
