/** Derives ids of traces and spans from the connection, so that receivers recognise one that is sent again. */
import { createHash } from 'node:crypto';
import { formatEndpoint } from '../../model/address.js';
import type { Connection } from '../../model/report.js';

export type Identified = Pick<Connection, 'protocol' | 'client' | 'server'> & {
  readonly timing: Pick<Connection['timing'], 'start'>;
};

/**
 * 32 hexadecimal digits, from the protocol, the client's and the dialled address, and the nanosecond of the start. The
 * connection's number is left out, because it may change while a trace runs.
 */
export function traceIdOf({ protocol, client, server, timing }: Identified): string {
  const dialled = server === null ? '' : formatEndpoint(server);
  return digest(`${protocol} ${formatEndpoint(client)} ${dialled} ${timing.start ?? ''}`, 32);
}

/** 16 hexadecimal digits. @param part name of a part of the trace, unique in it */
export function spanIdOf(traceId: string, part: string): string {
  return digest(`${traceId} ${part}`, 16);
}

/** Avoids all zeros, which are no valid id. */
function digest(text: string, digits: number): string {
  const hex = createHash('sha256').update(text).digest('hex').slice(0, digits);
  return /^0+$/.test(hex) ? `${hex.slice(1)}1` : hex;
}
