/**
 * A real receiver of metrics: VictoriaMetrics of Debian's newest suite, in a root of its own. `npm run receivers`, as root on Debian.
 * What is sent is asked back; then it is stopped while more is counted, and started again. (Debian builds Prometheus without OTLP.)
 */
import { execa } from 'execa';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import * as assert from 'uvu/assert';
import { Sending } from '../../src/app/sending.js';
import type { Connection } from '../../src/model/report.js';
import { prepareRoot } from '../engines/roots.js';
import { multiply, readFirst } from './connections.js';

/** Milliseconds between two questions, and after which an answer has not come. */
const LOOK = 200;
const PATIENCE = 60_000;

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort());

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function findPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class VictoriaMetrics {
  readonly #root: string;
  readonly #port: number;
  readonly #data: string;
  #stop: (() => Promise<void>) | null = null;

  /** @param data a folder, seen from the root */
  constructor(root: string, port: number, data: string) {
    this.#root = root;
    this.#port = port;
    this.#data = data;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const ended = new AbortController();
    const child = execa(
      'chroot',
      [
        this.#root,
        'victoria-metrics',
        `-storageDataPath=${this.#data}/data`,
        `-httpListenAddr=127.0.0.1:${this.#port}`,
        '-opentelemetry.usePrometheusNaming',
        // What has come is found at once.
        '-search.latencyOffset=0s',
        '-search.disableCache',
      ],
      { reject: false, all: true, cancelSignal: AbortSignal.any([ended.signal, interrupt.signal]) },
    );
    this.#stop = async () => {
      ended.abort();
      await child;
    };
    await until(async () => (await fetch(`${this.url}/health`)).ok);
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = null;
  }

  /** Values by a label. */
  async ask(query: string, label: string): Promise<Map<string, number>> {
    const url = `${this.url}/api/v1/query?query=${encodeURIComponent(query)}`;
    const { data } = (await (await fetch(url)).json()) as {
      readonly data: {
        readonly result: readonly {
          readonly metric: Readonly<Record<string, string>>;
          readonly value: readonly [number, string];
        }[];
      };
    };
    return new Map(data.result.map(({ metric, value }) => [metric[label] ?? '', Number(value[1])]));
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end || interrupt.signal.aborted) throw new Error('it does not come');
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

const CONNECTIONS = 'sum by (trace_flow_path, trace_flow_outcome) (trace_flow_connections_total)';

async function tryReceiver(receiver: VictoriaMetrics): Promise<void> {
  process.env['OTEL_TRACES_EXPORTER'] = 'none';
  process.env['OTEL_METRIC_EXPORT_INTERVAL'] = '500';
  process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '400';
  const warnings: string[] = [];
  const sending = await Sending.open({
    url: `${receiver.url}/opentelemetry`,
    program: 'trace-flow 0.0.0',
    live: true,
    subject: 'test',
    anonymize: false,
    show: { paths: [], outcomes: [], ids: [], slowest: null },
    warn: (text) => warnings.push(text),
  });
  const send = (connection: Connection, count: number): void => {
    for (const one of multiply(connection, count)) sending.over(one);
  };
  const arrive = async (expected: Readonly<Record<string, number>>): Promise<void> =>
    until(async () => {
      const seen = await receiver.ask(CONNECTIONS, 'trace_flow_path');
      return Object.entries(expected).every(([path, count]) => seen.get(path) === count);
    });

  send(readFirst('proxy-loopback'), 6_000);
  send(readFirst('dropped'), 4_000);
  await arrive({ 'docker-proxy': 6_000, dnat: 4_000 });
  say('10000 connections: as many are asked back');

  const latency = (part: string): string =>
    `sum by (trace_flow_path) (trace_flow_connection_connect_duration_seconds_${part})`;
  const counts = await receiver.ask(latency('count'), 'trace_flow_path');
  assert.equal([...counts], [['docker-proxy', 6_000]], 'what was dropped has no latency');
  const sums = await receiver.ask(latency('sum'), 'trace_flow_path');
  const each = (readFirst('proxy-loopback').timing.connect ?? NaN) / 1e9;
  assert.ok(Math.abs((sums.get('docker-proxy') ?? NaN) / 6_000 / each - 1) < 1e-6);
  say('latencies: those that were seen, and no others');

  await receiver.stop();
  send(readFirst('direct'), 500);
  await until(() => Promise.resolve(warnings.some((text) => text.includes('takes no metrics'))));
  await receiver.start();
  await arrive({ 'docker-proxy': 6_000, dnat: 4_000, direct: 500 });
  assert.ok(warnings.some((text) => text.includes('takes metrics again')));
  say('stopped and started again: nothing is missing, and both were told');

  let told = '';
  assert.ok(await sending.close((text) => (told += text)), told);
  Reflect.deleteProperty(process.env, 'OTEL_TRACES_EXPORTER');
}

async function main(): Promise<void> {
  const suite = { name: 'sid', packages: ['victoria-metrics'] };
  const root = await prepareRoot(suite, { say, signal: interrupt.signal });
  const data = `/tmp/trace-flow-receiver-${process.pid}`;
  await mkdir(join(root, data), { recursive: true });
  const receiver = new VictoriaMetrics(root, await findPort(), data);
  try {
    await receiver.start();
    await tryReceiver(receiver);
  } finally {
    await receiver.stop();
    await rm(join(root, data), { recursive: true, force: true });
  }
}

await main();
