/** Connections to send: those of the samples, and as many others as a test wants, made from one of them. */
import type { Connection } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { readSample } from '../support/samples.js';

export function readConnections(sample: string): Connection[] {
  return analyse(readSample(sample)).connections;
}

export function readFirst(sample: string): Connection {
  const [first] = readConnections(sample);
  if (!first) throw new Error(`the sample ${sample} has no connection`);
  return first;
}

/** Connections of other clients, one a millisecond. */
export function* multiply(connection: Connection, count: number): Generator<Connection> {
  for (let index = 0; index < count; index++) {
    const { timing, client } = connection;
    const start = new Date(Date.UTC(2026, 0, 1) + index).toISOString();
    yield {
      ...connection,
      id: index + 1,
      client: { ...client, port: 1_024 + (index % 60_000) },
      timing: { ...timing, start: start.replace('Z', '000000Z') },
    };
  }
}
