/** Sends connections by OTLP while a trace runs, through the SDK's queue; counts what did not arrive. */
import { setTimeout as sleep } from 'node:timers/promises';
import { getNumberFromEnv } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader, MeterProvider } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { OtlpEndpoint } from '../../model/otlp-endpoint.js';
import type { Connection } from '../../model/report.js';
import { measure } from '../../render/otlp/measures.js';
import { mapSpans, type SpanCoverage } from '../../render/otlp/spans.js';
import { Delivery, type DeliveryCounts, type Trouble } from './delivery.js';
import { createMetricExporter, createSpanExporter } from './exporters.js';
import { Meters } from './meters.js';
import { toReadable } from './readable.js';
import { describeTrouble } from './trouble.js';

export interface SinkOptions {
  readonly endpoint: OtlpEndpoint;
  readonly resource: Resource;
  /** Which signals are wanted. */
  readonly traces: boolean;
  readonly metrics: boolean;
  /** The program's version. */
  readonly version: string;
  /** Called when a receiver begins to fail, and when it accepts data again. */
  readonly onChange: (signal: Signal, trouble: Trouble) => void;
}

export type Signal = 'traces' | 'metrics';

export interface Sent {
  /** Null where no traces were wanted. */
  readonly spans: DeliveryCounts | null;
  /** Null where no metrics were wanted. Metrics are totals of the whole trace, so only the last request matters. */
  readonly metrics: { readonly trouble: Trouble; readonly refused: number } | null;
  /** Why the last request for traces failed, if it did. */
  readonly trouble: Trouble;
}

/** Most spans that wait or are in flight, about 25 MB. Beyond that, whole connections are dropped. */
const QUEUE = 8_192;
/** Milliseconds for sending the rest at the end. */
const PATIENCE = 12_000;
/** Milliseconds between two requests for metrics. */
const INTERVAL = 15_000;
/** Milliseconds between two checks for room in the queue. */
const LOOK = 20;

export class OtlpSink {
  readonly #options: SinkOptions;
  readonly #delivery: Delivery;
  readonly #metricDelivery: Delivery;
  readonly #queue = getNumberFromEnv('OTEL_BSP_MAX_QUEUE_SIZE') ?? QUEUE;
  readonly #processor: BatchSpanProcessor | null;
  readonly #provider: MeterProvider | null;
  readonly #meters: Meters | null;
  #metricsRefused = 0;

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#delivery = new Delivery((trouble) => options.onChange('traces', trouble));
    this.#metricDelivery = new Delivery((trouble) => options.onChange('metrics', trouble));
    this.#processor = options.traces ? this.#createProcessor() : null;
    this.#provider = options.metrics ? this.#createProvider() : null;
    this.#meters =
      this.#provider && new Meters(this.#provider.getMeter('trace-flow', options.version));
  }

  /** Never waits: a connection that finds no room is dropped and counted. */
  offer(connection: Connection, coverage: SpanCoverage): void {
    if (this.#processor === null) return;
    const { resource, version } = this.#options;
    const spans = mapSpans(connection, coverage);
    this.#delivery.offer(spans.length);
    if (this.#delivery.pending > this.#queue) {
      this.#delivery.drop(spans.length);
      this.#meters?.noteDropped();
      return;
    }
    for (const span of spans) this.#processor.onEnd(toReadable(span, resource, version));
  }

  /** Counts the connection in the metrics. */
  count(connection: Connection): void {
    this.#meters?.add(measure(connection));
  }

  /** @param total events that the trace has lost by now */
  noteLost(total: number): void {
    this.#meters?.noteLost(total);
  }

  /** Settles when half of the queue is free, or when requests fail; for callers that can wait. */
  async room(): Promise<void> {
    while (this.#delivery.pending > this.#queue / 2 && this.#delivery.trouble === null) {
      await sleep(LOOK);
    }
  }

  /** Sends the rest, for at most {@link PATIENCE}. */
  async close(): Promise<Sent> {
    const ends = [this.#processor, this.#provider].map(
      (end) => end?.shutdown() ?? Promise.resolve(),
    );
    const enough = new AbortController();
    // Failed requests have been counted already.
    const sent = Promise.allSettled(ends).then(() => enough.abort());
    const patience = sleep(PATIENCE, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([sent, patience]);
    const { pending, counts, trouble } = this.#delivery;
    const { taken } = this.#metricDelivery.counts;
    return {
      spans: this.#processor && counts,
      trouble: trouble ?? (pending > 0 ? SILENT : null),
      metrics: this.#provider && {
        trouble: this.#metricDelivery.trouble ?? (taken.spans === 0 ? SILENT : null),
        refused: this.#metricsRefused,
      },
    };
  }

  #createProcessor(): BatchSpanProcessor {
    const batch = getNumberFromEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512;
    const delay = getNumberFromEnv('OTEL_BSP_SCHEDULE_DELAY') ?? 5_000;
    const exporter = createSpanExporter({
      url: this.#options.endpoint.traces,
      // At the end, all waiting batches go out at once.
      concurrency: Math.ceil(this.#queue / batch) + 2,
      userAgent: `trace-flow/${this.#options.version}`,
      onEnd: (spans, error, refused) => {
        const sent = { spans: spans.length, connections: countConnections(spans) };
        if (error) {
          this.#delivery.fail(sent, describeTrouble(error));
          this.#meters?.noteDropped(sent.connections);
        } else this.#delivery.take(sent, refused);
      },
    });
    return new BatchSpanProcessor({
      exporter,
      // Leaves room to take the last connection whole.
      maxQueueSize: this.#queue + 1_024,
      maxExportBatchSize: batch,
      scheduledDelayMillis: delay,
    });
  }

  #createProvider(): MeterProvider {
    const exporter = createMetricExporter({
      url: this.#options.endpoint.metrics,
      concurrency: 2,
      userAgent: `trace-flow/${this.#options.version}`,
      onEnd: (_metrics, error, refused) => {
        this.#metricsRefused = refused;
        this.#metricDelivery.offer(1);
        const sent = { spans: 1, connections: 1 };
        if (error) this.#metricDelivery.fail(sent, describeTrouble(error));
        else this.#metricDelivery.take(sent, 0);
      },
    });
    const interval = getNumberFromEnv('OTEL_METRIC_EXPORT_INTERVAL') ?? INTERVAL;
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: interval,
      exportTimeoutMillis: Math.min(interval, PATIENCE),
    });
    return new MeterProvider({ resource: this.#options.resource, readers: [reader] });
  }
}

const SILENT = 'it does not answer';

function countConnections(spans: readonly ReadableSpan[]): number {
  return spans.filter(({ parentSpanContext }) => parentSpanContext === undefined).length;
}
