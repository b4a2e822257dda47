/** Opens the sink that `--otlp` asks for. Loaded only where it is asked for. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { getStringFromEnv } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { UserError } from '../../model/errors.js';
import { parseOtlpEndpoint, type OtlpEndpoint } from '../../model/otlp-endpoint.js';
import { OtlpSink, type SinkOptions } from './sink.js';

export interface OpenOptions {
  /** As given: `--otlp URL`. */
  readonly url: string;
  readonly version: string;
  /** A live trace sends metrics and belongs to this host. A trace that is read does neither. */
  readonly live: boolean;
  /** Distinguishes this agent from others on the host: its ports and containers. */
  readonly subject: string;
  /** Leaves out the host's name. */
  readonly anonymize: boolean;
  readonly onChange: SinkOptions['onChange'];
}

export interface OpenedSink {
  readonly sink: OtlpSink;
  readonly endpoint: OtlpEndpoint;
}

/** @throws UserError when the address is invalid, or no signal is wanted */
export function openSink(options: OpenOptions): OpenedSink {
  const { url, version, live, anonymize, onChange } = options;
  const endpoint = parseOtlpEndpoint(url);
  if (endpoint === null) {
    throw usage(
      '--otlp needs the address of a receiver over HTTP',
      'give e.g. http://localhost:4318',
    );
  }
  const traces = getStringFromEnv('OTEL_TRACES_EXPORTER') !== 'none';
  const metrics = live && getStringFromEnv('OTEL_METRICS_EXPORTER') !== 'none';
  if (!traces && !metrics) {
    throw usage(
      'nothing is left to send: OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER switch it off',
      live
        ? 'unset one of them'
        : 'unset OTEL_TRACES_EXPORTER: what is read goes out as traces only',
    );
  }
  const host = live && !anonymize ? hostname() : null;
  const own = resourceFromAttributes({
    'service.name': 'trace-flow',
    'service.version': version,
    ...(live && {
      'service.instance.id': host === null ? randomUUID() : `${host}/${options.subject}`,
    }),
    ...(host !== null && { 'host.name': host }),
  });
  const resource = own.merge(detectResources({ detectors: [envDetector] }));
  const sink = new OtlpSink({ endpoint, resource, traces, metrics, version, onChange });
  return { sink, endpoint };
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { code: 'usage', exit: 2, remedy });
}
