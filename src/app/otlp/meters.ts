/** Creates the instruments of the metrics, and records values with them. */
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import {
  BUCKETS,
  INSTRUMENTS,
  type InstrumentName,
  type Measured,
} from '../../render/otlp/measures.js';

export class Meters {
  readonly #instruments: ReadonlyMap<InstrumentName, (value: number, of: Measured) => void>;
  readonly #lost: Counter;
  readonly #dropped: Counter;
  #lostSoFar = 0;

  constructor(meter: Meter) {
    const names = Object.keys(INSTRUMENTS) as InstrumentName[];
    this.#instruments = new Map(names.map((name) => [name, createInstrument(meter, name)]));
    this.#lost = meter.createCounter('trace_flow.lost_events', {
      unit: '{event}',
      description: 'Events of the kernel that were lost: verdicts from then on are lowered',
    });
    this.#dropped = meter.createCounter('trace_flow.otlp.dropped', {
      unit: '{connection}',
      description: 'Connections whose spans did not reach their receiver',
    });
    // Sends a zero from the start: nothing was lost so far.
    this.#lost.add(0);
    this.#dropped.add(0);
  }

  add(measured: Measured): void {
    for (const { instrument, value } of measured.measures) {
      this.#instruments.get(instrument)?.(value, measured);
    }
  }

  noteLost(total: number): void {
    this.#lost.add(Math.max(0, total - this.#lostSoFar));
    this.#lostSoFar = Math.max(total, this.#lostSoFar);
  }

  noteDropped(connections = 1): void {
    this.#dropped.add(connections);
  }
}

function createInstrument(
  meter: Meter,
  instrument: InstrumentName,
): (value: number, of: Measured) => void {
  const { name, kind, unit, description } = INSTRUMENTS[instrument];
  const made: Counter | Histogram =
    kind === 'counter'
      ? meter.createCounter(name, { unit, description })
      : meter.createHistogram(name, {
          unit,
          description,
          advice: { explicitBucketBoundaries: [...BUCKETS] },
        });
  return (value, { attributes }) => {
    const labels = { ...attributes } as Record<string, string>;
    if ('add' in made) made.add(value, labels);
    else made.record(value, labels);
  };
}
