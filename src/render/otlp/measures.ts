/** Computes what one connection adds to the metrics; a latency that was not seen adds nothing. */
import type { Connection } from '../../model/report.js';
import { ATTR, known, type Attributes } from './names.js';

interface Instrument {
  readonly name: string;
  readonly kind: 'counter' | 'histogram';
  readonly unit: string;
  readonly description: string;
}

/** Every instrument, by the name that measures use. */
export const INSTRUMENTS = {
  connections: {
    name: 'trace_flow.connections',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that are over, by path, proof, outcome and container',
  },
  bytesFromClient: {
    name: 'trace_flow.connection.received',
    kind: 'counter',
    unit: 'By',
    description: 'Payload bytes from clients',
  },
  bytesFromServer: {
    name: 'trace_flow.connection.sent',
    kind: 'counter',
    unit: 'By',
    description: 'Payload bytes to clients',
  },
  retransmits: {
    name: 'trace_flow.connection.retransmits',
    kind: 'counter',
    unit: '{segment}',
    description: 'Segments that were sent again, of connections where all of them could be seen',
  },
  connect: {
    name: 'trace_flow.connection.connect.duration',
    kind: 'histogram',
    unit: 's',
    description: "From the SYN to the client's ACK",
  },
  firstReply: {
    name: 'trace_flow.connection.first_reply.duration',
    kind: 'histogram',
    unit: 's',
    description: "From the client's first payload to the server's first",
  },
  duration: {
    name: 'trace_flow.connection.duration',
    kind: 'histogram',
    unit: 's',
    description: 'From the first thing seen of a connection to the last',
  },
  relay: {
    name: 'trace_flow.relay.duration',
    kind: 'histogram',
    unit: 's',
    description: "From the first payload's coming to the relay to its leaving it",
  },
} as const satisfies Record<string, Instrument>;

export type InstrumentName = keyof typeof INSTRUMENTS;

/** Upper bounds of the histograms in seconds: from 50 µs on a machine to minutes of a long connection. */
export const BUCKETS = [
  ...[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
];

export interface Measure {
  readonly instrument: InstrumentName;
  /** In the instrument's unit. */
  readonly value: number;
}

export interface Measured {
  readonly attributes: Attributes;
  readonly measures: readonly Measure[];
}

type Measurable = Pick<
  Connection,
  'protocol' | 'path' | 'proof' | 'outcome' | 'because' | 'container' | 'bytes' | 'retransmits'
> &
  Pick<Connection, 'timing'>;

export function measure(connection: Measurable): Measured {
  const { protocol, path, proof, outcome, because, container } = connection;
  const { bytes, retransmits, timing } = connection;
  const seconds = (nanoseconds: number | null): number | null =>
    nanoseconds === null ? null : nanoseconds / 1e9;
  const values: Record<InstrumentName, number | null> = {
    connections: 1,
    bytesFromClient: bytes.fromClient,
    bytesFromServer: bytes.fromServer,
    retransmits,
    connect: seconds(timing.connect),
    firstReply: seconds(timing.firstReply),
    duration: seconds(timing.duration),
    relay: seconds(timing.relay),
  };
  return {
    attributes: known({
      [ATTR.transport]: protocol,
      [ATTR.path]: path,
      [ATTR.proof]: proof,
      [ATTR.outcome]: outcome,
      // Only the first of its codes, of which few exist: more would make too many rows.
      [ATTR.because]: proof === 'inconclusive' ? because?.[0] : null,
      [ATTR.container]: container?.name,
    }),
    measures: (Object.keys(values) as InstrumentName[]).flatMap((instrument) => {
      const value = values[instrument];
      return value === null ? [] : [{ instrument, value }];
    }),
  };
}
