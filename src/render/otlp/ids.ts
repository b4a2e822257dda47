/** Ids of traces and spans that are the same whenever the same connection is sent: a receiver that has it knows it again. */
import { createHash } from 'node:crypto';
import { formatEndpoint } from '../../model/address.js';
import type { Connection } from '../../model/report.js';

export type Identified = Pick<Connection, 'protocol' | 'client' | 'server'> & {
  readonly timing: Pick<Connection['timing'], 'start'>;
};

/**
 * 32 hexadecimal digits: of the protocol, the client's and the dialled address, and the nanosecond in which it was first
 * seen. The connection's number is no part of it: it may change while a trace runs.
 */
export function traceIdOf({ protocol, client, server, timing }: Identified): string {
  const dialled = server === null ? '' : formatEndpoint(server);
  return digest(`${protocol} ${formatEndpoint(client)} ${dialled} ${timing.start ?? ''}`, 32);
}

/** 16 hexadecimal digits. @param part of the trace, each named once */
export function spanIdOf(traceId: string, part: string): string {
  return digest(`${traceId} ${part}`, 16);
}

/** All zeros would be no id. */
function digest(text: string, digits: number): string {
  const hex = createHash('sha256').update(text).digest('hex').slice(0, digits);
  return /^0+$/.test(hex) ? `${hex.slice(1)}1` : hex;
}
