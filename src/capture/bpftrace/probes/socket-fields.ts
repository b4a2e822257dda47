/** Reads the fields that lines about a task's socket share: time, namespace with a detail, task, both ends, name. */
import { SOCKET_FIELDS, type FieldReader } from '../field-reader.js';
import { escapeCommand, highHalf, lowHalf } from '../line-fields.js';

/** How many fields such a line has, its letter and the name of the task included. */
export const SOCKET_LINE_FIELDS = 5 + SOCKET_FIELDS;

/** A descriptor or states, which share a field with the namespace. */
export function readDetail(f: readonly string[]): number {
  return lowHalf(f[2]);
}

export function readSocketFields(f: readonly string[], reader: FieldReader) {
  return {
    time: reader.time(f[1]),
    namespace: highHalf(f[2]),
    pid: highHalf(f[3]),
    tid: lowHalf(f[3]),
    command: escapeCommand(f.at(-1)),
    ...reader.socketEnds(f, 4),
  };
}
