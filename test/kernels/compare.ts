/** The same traffic under pwru and under trace-flow: what each prints of one PING, how soon it is ready, and what it costs. */
import { execa } from 'execa';
import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeProfile } from '../../src/capture/bpftrace/tracer.js';
import { up } from '../../src/lab/index.js';
import type { Lab } from '../../src/lab/index.js';
import type { Connection, Report } from '../../src/model/report.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { furnish } from '../lab/scenarios.js';
import { traceWhile } from '../support/tracing.js';

/** The published port: all that somebody who asks knows. */
const PORT = 8080;
/** Requests of the benchmark, one after the other. */
const REQUESTS = 300;
/** Odd: its median counts. */
const ROUNDS = 5;
/** Milliseconds in which a tool has printed whatever it prints of a PING. */
const SETTLE = 4_000;

export interface Comparison {
  readonly tool: string;
  /** Seconds from its start until it is ready. */
  readonly start: number;
  /** Lines that it prints for one PING that goes by DNAT, and for one through docker-proxy. */
  readonly lines: { readonly dnat: number; readonly proxy: number };
  /** Of the second, whether packets between docker-proxy and the container are shown. */
  readonly secondLeg: boolean;
  readonly lost: number;
  /** Requests per second with it, to those without anything. */
  readonly throughput: number;
}

interface CompareRun {
  readonly folder: string;
  readonly patience: number;
  readonly say: (line: string) => void;
}

/** Runs pwru, then trace-flow with each profile, on a lab of their own. Null where there is no pwru. */
export async function compareWithPwru(run: CompareRun): Promise<Comparison[] | null> {
  const version = await execa('pwru', ['--version'], { reject: false });
  if (version.failed) return null;
  const lab = await up();
  try {
    const { redis } = await furnish(lab);
    const bare = async (): Promise<number> => benchmark(lab);
    await bare(); // what runs for the first time is slower
    const before = await bare();
    const measured = [await underPwru(lab, redis.ipv4, run)];
    for (const profile of ['tracepoint', 'kprobe', 'fentry'] as const) {
      measured.push(await underTraceFlow(lab, profile, run));
    }
    const plain = (before + (await bare())) / 2;
    run.say(`comparison: ${plain.toFixed(0)} requests per second without anything`);
    return measured.map((one) => ({ ...one, throughput: one.throughput / plain }));
  } finally {
    await lab.down();
  }
}

async function ping(lab: Lab, where: 'client' | 'host', address: string): Promise<void> {
  const command = ['redis-cli', '-h', address, '-p', String(PORT), 'ping'];
  await lab.exec(where, command, { allowFailure: true, timeoutMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, SETTLE));
}

/** Requests per second of one client from outside, the median of some rounds. */
async function benchmark(lab: Lab): Promise<number> {
  const target = ['-h', lab.host.ipv4, '-p', String(PORT)];
  const load = ['-c', '1', '-n', String(REQUESTS), '-t', 'ping_mbulk', '--csv'];
  const figures: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { stdout } = await lab.exec('client', ['redis-benchmark', ...target, ...load]);
    const figure = /"PING_MBULK","([\d.]+)"/.exec(stdout)?.[1];
    if (figure === undefined) throw new Error(`redis-benchmark said: ${stdout}`);
    figures.push(Number(figure));
  }
  figures.sort((a, b) => a - b);
  return figures[(ROUNDS - 1) / 2] ?? 0;
}

async function underPwru(lab: Lab, container: string, run: CompareRun): Promise<Comparison> {
  const ready = join(run.folder, 'pwru-ready');
  const output = join(run.folder, 'pwru.txt');
  await rm(ready, { force: true });
  const began = performance.now();
  const options = ['--filter-track-skb', '--output-tuple', '--ready-file', ready];
  const tool = execa('pwru', [...options, '--output-file', output, `tcp port ${PORT}`], {
    reject: false,
    all: true,
  });
  let ended = false;
  void tool.then(() => (ended = true));
  while (!(await exists(ready))) {
    if (ended) throw new Error(`pwru ended by itself: ${(await tool).all}`);
    if (performance.now() - began > run.patience) throw new Error('pwru was never ready');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const start = (performance.now() - began) / 1000;
  run.say(`pwru: ready after ${start.toFixed(1)} s`);
  await ping(lab, 'client', lab.host.ipv4);
  await ping(lab, 'host', '127.0.0.1');
  const legs = countLegs(await readQuiet(output), lab.client.ipv4, container);
  const throughput = await benchmark(lab);
  tool.kill('SIGINT');
  const { all: said } = await tool;
  run.say(`pwru: ${said.split('\n').slice(-5).join(' | ')}`);
  await rm(output, { force: true });
  return {
    tool: `pwru --filter-track-skb 'tcp port ${PORT}'`,
    start,
    lines: { dnat: legs.dnat, proxy: legs.loopback + legs.second },
    secondLeg: legs.second > 0,
    lost: sum(said.matchAll(/(?:lost|dropped)\D{0,20}(\d+)/gi)),
    throughput,
  };
}

/** Lines are printed late on a busy machine: what a file holds when it has stopped to grow. */
async function readQuiet(file: string): Promise<string> {
  for (let text = ''; ;) {
    const before = text;
    text = await readFile(file, 'utf8');
    if (text !== '' && text === before) return text;
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
  }
}

interface Legs {
  /** The client's connection by DNAT, before and after. */
  readonly dnat: number;
  /** The one over 127.0.0.1, which ends at docker-proxy. */
  readonly loopback: number;
  /** docker-proxy's own to the container. */
  readonly second: number;
}

/** Tells lines of pwru's with a tuple (`ADDRESS:PORT->ADDRESS:PORT(tcp)`) by the addresses in it. */
export function countLegs(text: string, client: string, container: string): Legs {
  const legs = { dnat: 0, loopback: 0, second: 0 };
  for (const [, source, target] of text.matchAll(/(\d[\d.]*):\d+->(\d[\d.]*):\d+/g)) {
    if (source === client || target === client) legs.dnat += 1;
    else if (source === container || target === container) legs.second += 1;
    else if (source === '127.0.0.1' && target === source) legs.loopback += 1;
  }
  return legs;
}

async function underTraceFlow(
  lab: Lab,
  profile: ProbeProfile,
  run: CompareRun,
): Promise<Comparison> {
  const began = performance.now();
  let start = 0;
  let throughput = 0;
  const { report } = await traceWhile(
    lab,
    [PORT],
    async () => {
      start = (performance.now() - began) / 1000;
      await ping(lab, 'client', lab.host.ipv4);
      await ping(lab, 'host', '127.0.0.1');
      throughput = await benchmark(lab);
    },
    { profile, patience: run.patience },
  );
  const [dnat] = report.connections.filter(({ path }) => path === 'dnat');
  const [proxy] = report.connections.filter(({ path }) => path === 'docker-proxy');
  return {
    tool: `trace-flow --port ${PORT} --probes ${profile}`,
    start,
    lines: { dnat: countLines(report, dnat), proxy: countLines(report, proxy) },
    secondLeg: proxy?.hops.some(({ leg }) => leg === 'container') ?? false,
    lost: report.coverage.lostEvents,
    throughput,
  };
}

/** Lines of the report for people with this connection alone. */
function countLines(report: Report, one: Connection | undefined): number {
  if (one === undefined) return 0;
  const text = renderTerminal({ ...report, connections: [one] }, { columns: 100, color: false });
  return text.trimEnd().split('\n').length;
}

function sum(matches: Iterable<RegExpExecArray>): number {
  return [...matches].reduce((total, match) => total + Number(match[1]), 0);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
