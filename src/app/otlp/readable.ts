/** Converts a mapped span to the form that the SDK's processors take. */
import { SpanKind, SpanStatusCode, TraceFlags, type HrTime } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Attributes } from '../../render/otlp/names.js';
import type { SpanData } from '../../render/otlp/spans.js';

export function toReadable(span: SpanData, resource: Resource, version: string): ReadableSpan {
  const { traceId, spanId, parentSpanId, error } = span;
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
  return {
    name: span.name,
    // Neither end made the span: the connection was observed.
    kind: SpanKind.INTERNAL,
    spanContext: () => context,
    ...(parentSpanId !== null && { parentSpanContext: { ...context, spanId: parentSpanId } }),
    startTime: toHrTime(span.start),
    endTime: toHrTime(span.end),
    duration: toHrTime(span.end - span.start),
    status:
      error === null
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: error },
    attributes: copy(span.attributes),
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      time: toHrTime(time),
      attributes: copy(attributes),
      droppedAttributesCount: 0,
    })),
    links: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'trace-flow', version },
    droppedAttributesCount: 0,
    droppedEventsCount: span.droppedEvents,
    droppedLinksCount: 0,
  };
}

function copy(attributes: Attributes): ReadableSpan['attributes'] {
  return { ...attributes };
}

function toHrTime(nanoseconds: bigint): HrTime {
  return [Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n)];
}
