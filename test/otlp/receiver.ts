/** A receiver of OTLP: a real HTTP server that decodes by the published definitions, and behaves as it is told to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

const FOLDER = fileURLToPath(new URL('../../../test/otlp/proto/', import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${FOLDER}${target}`;
root.loadSync([
  'opentelemetry/proto/collector/trace/v1/trace_service.proto',
  'opentelemetry/proto/collector/metrics/v1/metrics_service.proto',
]);
const SERVICES = 'opentelemetry.proto.collector';
const TRACES = root.lookupType(`${SERVICES}.trace.v1.ExportTraceServiceRequest`);
const METRICS = root.lookupType(`${SERVICES}.metrics.v1.ExportMetricsServiceRequest`);
const ANSWER = root.lookupType(`${SERVICES}.trace.v1.ExportTraceServiceResponse`);

export type Value = string | number | boolean | Value[];
export type Values = Readonly<Record<string, Value>>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Values;
  readonly events: readonly {
    readonly name: string;
    readonly time: bigint;
    readonly attributes: Values;
  }[];
  readonly status: { readonly code?: string; readonly message?: string };
  readonly resource: Values;
}

export interface ReceivedPoint {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Values;
  /** Of a sum. */
  readonly value: number | null;
  /** Of a histogram. */
  readonly count: number | null;
  readonly sum: number | null;
  readonly buckets: readonly number[];
  readonly resource: Values;
}

/** What it does with a request. */
export type Behaviour =
  | { readonly does: 'take' }
  /** Takes all but so many, and says so. */
  | { readonly does: 'refuse'; readonly spans: number }
  | { readonly does: 'answer'; readonly status: number; readonly retryAfter?: string }
  | { readonly does: 'hang' };

export class Receiver {
  readonly spans: ReceivedSpan[] = [];
  /** Those of the last request that had any. */
  points: ReceivedPoint[] = [];
  /** The path of each request. */
  readonly requests: string[] = [];
  behave: (request: IncomingMessage) => Behaviour = () => ({ does: 'take' });
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#serve(request, response);
    });
  }

  /** @param port 0 for any */
  static async start(port = 0): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that are open are cut. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '';
    this.requests.push(path);
    const behaviour = this.behave(request);
    if (behaviour.does === 'hang') return;
    if (behaviour.does === 'answer') {
      const { status, retryAfter } = behaviour;
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
      response.end();
      return;
    }
    const whole = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole;
    const refused = behaviour.does === 'refuse' ? behaviour.spans : 0;
    if (path.endsWith('/v1/traces')) this.#takeSpans(body, refused);
    else if (path.endsWith('/v1/metrics')) this.points = readPoints(body);
    else throw new Error(`nobody sends to ${path}`);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' });
    const partial = { partialSuccess: { rejectedSpans: refused, errorMessage: 'too many' } };
    response.end(refused === 0 ? '' : ANSWER.encode(ANSWER.fromObject(partial)).finish());
  }

  #takeSpans(body: Buffer, refused: number): void {
    const spans = readSpans(body);
    this.spans.push(...spans.slice(0, spans.length - refused));
  }
}

type Message = Readonly<Record<string, unknown>>;

function decode(type: protobuf.Type, body: Buffer): Message {
  const options = { longs: String, enums: String, bytes: String, arrays: true };
  return type.toObject(type.decode(body), options);
}

function readSpans(body: Buffer): ReceivedSpan[] {
  return list(decode(TRACES, body)['resourceSpans']).flatMap((group) => {
    const resource = readValues((group['resource'] as Message | undefined)?.['attributes']);
    return list(group['scopeSpans']).flatMap((scope) =>
      list(scope['spans']).map((span) => ({
        traceId: hex(span['traceId']),
        spanId: hex(span['spanId']),
        parentSpanId: hex(span['parentSpanId'] ?? ''),
        name: String(span['name']),
        kind: String(span['kind']),
        start: BigInt(String(span['startTimeUnixNano'])),
        end: BigInt(String(span['endTimeUnixNano'])),
        attributes: readValues(span['attributes']),
        events: list(span['events']).map((event) => ({
          name: String(event['name']),
          time: BigInt(String(event['timeUnixNano'])),
          attributes: readValues(event['attributes']),
        })),
        status: span['status'] ?? {},
        resource,
      })),
    );
  });
}

function readPoints(body: Buffer): ReceivedPoint[] {
  return list(decode(METRICS, body)['resourceMetrics']).flatMap((group) => {
    const resource = readValues((group['resource'] as Message | undefined)?.['attributes']);
    return list(group['scopeMetrics']).flatMap((scope) =>
      list(scope['metrics']).flatMap((metric) => {
        const data = (metric['sum'] ?? metric['histogram']) as Message;
        return list(data['dataPoints']).map((point) => ({
          name: String(metric['name']),
          unit: String(metric['unit']),
          attributes: readValues(point['attributes']),
          value: number(point['asDouble'] ?? point['asInt']),
          count: number(point['count']),
          sum: number(point['sum']),
          buckets: ((point['bucketCounts'] ?? []) as unknown[]).map(Number),
          resource,
        }));
      }),
    );
  });
}

function list(value: unknown): Message[] {
  return (value ?? []) as Message[];
}

function number(value: unknown): number | null {
  return value === undefined ? null : Number(value);
}

function hex(base64: unknown): string {
  return Buffer.from(base64 as string, 'base64').toString('hex');
}

function readValues(attributes: unknown): Values {
  const pairs = list(attributes).map(({ key, value }) => [
    String(key),
    readValue(value as Message),
  ]);
  return Object.fromEntries(pairs) as Values;
}

function readValue(value: Message): Value {
  const { stringValue, intValue, doubleValue, boolValue, arrayValue } = value;
  if (arrayValue !== undefined) return list((arrayValue as Message)['values']).map(readValue);
  if (intValue !== undefined) return Number(intValue);
  return (stringValue ?? doubleValue ?? boolValue ?? '') as Value;
}
