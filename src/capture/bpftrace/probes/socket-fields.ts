/** Reads the fields that lines about a task's socket share: time, namespace, task, descriptor or state, both ends. */
import type { FieldReader } from '../field-reader.js';
import { hex, unescapeCommand } from '../line-fields.js';

/** How many fields such a line has, its letter and the name of the task included. */
export const SOCKET_LINE_FIELDS = 18;

export function readSocketFields(f: readonly string[], reader: FieldReader) {
  return {
    time: reader.time(f[1]),
    namespace: hex(f[2]),
    pid: hex(f[3]),
    tid: hex(f[4]),
    command: unescapeCommand(f.at(-1)),
    ...reader.socketEnds(f, 6),
  };
}
