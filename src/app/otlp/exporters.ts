/** Creates exporters of the OpenTelemetry SDK that report the result of each request. */
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import {
  MetricsExporterMetricsHelper,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
  type ISerializer,
} from '@opentelemetry/otlp-transformer';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/** Called when a request ends. @param refused number of its items that the receiver did not accept */
type OnEnd<T> = (sent: T, error: Error | null, refused: number) => void;

const HEADERS = { 'Content-Type': 'application/x-protobuf' };

export interface ExporterOptions<T> {
  readonly url: string;
  /** Requests at once. */
  readonly concurrency: number;
  readonly userAgent: string;
  readonly onEnd: OnEnd<T>;
}

class CountedExporter<T extends object> extends OTLPExporterBase<T> {
  readonly #onEnd: OnEnd<T>;
  readonly #answers: Answers;

  constructor(
    delegate: ConstructorParameters<typeof OTLPExporterBase<T>>[0],
    answers: Answers,
    onEnd: OnEnd<T>,
  ) {
    super(delegate);
    this.#answers = answers;
    this.#onEnd = onEnd;
  }

  override export(items: T, done: (result: ExportResult) => void): void {
    super.export(items, (result) => {
      // The answer is read right before this is called.
      const refused = this.#answers.takeRefused();
      const failed = result.code !== ExportResultCode.SUCCESS;
      this.#onEnd(items, failed ? (result.error ?? new Error('no answer')) : null, refused);
      done(result);
    });
  }
}

/** How many items the last answer refused. */
class Answers {
  #refused = 0;

  note(refused: number | string | undefined): void {
    this.#refused = Number(refused ?? 0);
  }

  takeRefused(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}

/**
 * Follows OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION, _CERTIFICATE and the like. Repeats requests that may
 * succeed later.
 */
export function createSpanExporter(options: ExporterOptions<ReadableSpan[]>): SpanExporter {
  const { url, concurrency, userAgent, onEnd } = options;
  const answers = new Answers();
  const serializer = readingAnswers(ProtobufTraceSerializer, (answer) =>
    answers.note(answer.partialSuccess?.rejectedSpans),
  );
  const config = { url, concurrencyLimit: concurrency, userAgent };
  const delegate = createOtlpHttpExportDelegate(
    convertLegacyHttpOptions(config, 'TRACES', 'v1/traces', HEADERS),
    serializer,
    'otlp_http_span_exporter',
    TraceExporterMetricsHelper,
    undefined,
  );
  return new CountedExporter(delegate, answers, onEnd);
}

/** Sends cumulative sums, as Prometheus wants them: the next request makes up for a lost one. */
export function createMetricExporter(
  options: ExporterOptions<ResourceMetrics>,
): PushMetricExporter {
  const { url, concurrency, userAgent, onEnd } = options;
  const answers = new Answers();
  const serializer = readingAnswers(ProtobufMetricsSerializer, (answer) =>
    answers.note(answer.partialSuccess?.rejectedDataPoints),
  );
  const config = { url, concurrencyLimit: concurrency, userAgent };
  const delegate = createOtlpHttpExportDelegate(
    convertLegacyHttpOptions(config, 'METRICS', 'v1/metrics', HEADERS),
    serializer,
    'otlp_http_metric_exporter',
    MetricsExporterMetricsHelper,
    undefined,
  );
  const exporter = new CountedExporter(delegate, answers, onEnd);
  return Object.assign(exporter, {
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  });
}

/** Passes each answer of the receiver to `read`, because the exporter itself only logs refused items. */
function readingAnswers<Request, Response>(
  serializer: ISerializer<Request, Response>,
  read: (answer: Response) => void,
): ISerializer<Request, Response> {
  return {
    serializeRequest: (request) => serializer.serializeRequest(request),
    deserializeResponse: (data) => {
      const answer = serializer.deserializeResponse(data);
      read(answer);
      return answer;
    },
  };
}
