/**
 * A long trace of steady traffic, half by DNAT and half through docker-proxy: `npm run bench:soak`, as root. Memory over time, how
 * late connections are told, how long the end takes, and whether every connection is told right.
 */
import { execa } from 'execa';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import type { Connection, Report } from '../../src/model/report.js';

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const CLIENTS = fileURLToPath(new URL('soak-clients.js', import.meta.url));
const PORT = 8080;
/** Connections a second beyond which they are told in the report, and not one by one. */
const MOST_STREAMED = 100;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1200' },
    /** Connections a second. */
    rate: { type: 'string', default: '12' },
    /** Further flags of the trace, such as --flags='--budget 2'. */
    flags: { type: 'string', default: '' },
    /** Keeps the recording under this name. */
    keep: { type: 'string' },
  },
});

interface Line {
  readonly type: 'event' | 'connection' | 'summary';
  readonly connection?: Connection;
  readonly summary?: Pick<Report, 'coverage'>;
}

class Told {
  readonly counts = new Map<string, number>();
  /** Milliseconds from the end of each connection to its line. */
  readonly late: number[] = [];
  wrong = 0;
  total = 0;
  summary: Pick<Report, 'coverage'> | undefined;

  constructor(lab: Lab, ready: () => boolean) {
    this.#loopback = '127.0.0.1';
    this.#outside = lab.client.ipv4;
    this.#live = ready;
  }

  readonly #loopback: string;
  readonly #outside: string;
  readonly #live: () => boolean;

  takeReport(report: Report): void {
    for (const connection of report.connections) this.take({ type: 'connection', connection });
    this.summary = report;
  }

  take(line: Line): void {
    if (line.type === 'summary') this.summary = line.summary;
    if (line.connection === undefined) return;
    const { path, proof, outcome, client, timing } = line.connection;
    this.total += 1;
    const key = `${path} ${proof} ${outcome}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    const truth = new Map([
      [this.#loopback, 'docker-proxy'],
      [this.#outside, 'dnat'],
    ]).get(client.address);
    if (proof === 'proven' && path !== truth) this.wrong += 1;
    if (this.#live() && timing.start !== null && timing.duration !== null) {
      this.late.push(Date.now() - (Date.parse(timing.start) + timing.duration / 1e6));
    }
  }
}

async function readMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1024;
}

/** Processor time of a process so far, in seconds; NaN when it is gone. */
async function readProcessor(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function readChildren(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = threads.map(async (thread) =>
    readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => ''),
  );
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean).map(Number);
}

/** Samples memory and processor time of a trace, and of the bpftrace that it has started, until both are gone. */
class Sampler {
  /** Megabytes, once a second. */
  readonly memory: number[] = [];
  readonly #pid: number;
  readonly #began = new Map<number, number>();
  readonly #spent = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => void this.#sample(), 1_000);
    void this.#sample();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Seconds since the first sample. */
  get own(): number {
    return this.#spent.get(this.#pid) ?? NaN;
  }

  get children(): number {
    return [...this.#spent.values()].reduce((sum, one) => sum + one, 0) - this.own;
  }

  async #sample(): Promise<void> {
    const size = await readMemory(this.#pid);
    if (!Number.isNaN(size)) this.memory.push(size);
    for (const pid of [this.#pid, ...(await readChildren(this.#pid))]) {
      const now = await readProcessor(pid);
      if (Number.isNaN(now)) continue;
      if (!this.#began.has(pid)) this.#began.set(pid, now);
      this.#spent.set(pid, now - (this.#began.get(pid) ?? now));
    }
  }
}

function say(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(58)} ${value}\n`);
}

function quantile(list: readonly number[], part: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN);
}

async function soak(lab: Lab, folder: string): Promise<void> {
  const { host, client, dockerHost } = lab;
  const seconds = Number(values.seconds);
  const recording = values.keep ?? join(folder, 'soak.ndjson.gz');
  const more = values.flags.split(' ').filter(Boolean);
  const flags = ['--port', String(PORT), '--netns', host.netns, '--record', recording, ...more];
  // Events as lines would be most of the work of thousands of connections a second.
  const streams = Number(values.rate) <= MOST_STREAMED;
  const trace = execa(
    process.execPath,
    [PROGRAM, 'trace', ...flags, ...(streams ? ['--ndjson'] : ['--json', '--hops', '1'])],
    { reject: false, buffer: false, env: { DOCKER_HOST: dockerHost } },
  );
  const pid = trace.pid ?? 0;
  let live = true;
  const told = new Told(lab, () => live);
  const ended = new Promise<void>((resolve) => {
    const pieces: string[] = [];
    createInterface({ input: trace.stdout })
      .on('line', (line) => {
        if (streams) told.take(JSON.parse(line) as Line);
        else pieces.push(line);
      })
      .on('close', () => {
        if (!streams) told.takeReport(JSON.parse(pieces.join('')) as Report);
        resolve();
      });
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: trace.stderr }).on('line', (line) => {
      if (line.includes('ready:')) resolve();
    });
    void ended.then(() => reject(new Error('the trace ended before it was ready')));
  });
  const half = String(Number(values.rate) / 2);
  const run = (netns: string, to: string) =>
    execa('nsenter', [
      `--net=${netns}`,
      process.execPath,
      CLIENTS,
      to,
      String(PORT),
      half,
      String(seconds),
    ]);
  const sampler = new Sampler(pid);
  const clients = await Promise.all([run(client.netns, host.ipv4), run(host.netns, '127.0.0.1')]);
  const sent = clients.map(
    ({ stdout }) => JSON.parse(stdout) as { answered: number; failed: number },
  );
  live = false;
  const stopped = performance.now();
  trace.kill('SIGINT');
  await ended;
  const took = performance.now() - stopped;
  await trace;
  sampler.stop();
  const answered = sent.reduce((sum, one) => sum + one.answered, 0);
  say(
    'connections answered, failed',
    `${answered}, ${sent.reduce((sum, one) => sum + one.failed, 0)}`,
  );
  say('told, proven and wrong', `${told.total}, ${told.wrong}`);
  for (const [key, count] of told.counts) say(`  ${key}`, String(count));
  const { lostEvents, skippedRuns = 0 } = told.summary?.coverage ?? { lostEvents: NaN };
  say('events lost, runs skipped', `${lostEvents}, ${skippedRuns}`);
  const each = (seconds: number): string => `${((1000 * seconds) / answered).toFixed(2)} ms`;
  say(
    'processor time a connection: trace-flow, bpftrace',
    [sampler.own, sampler.children].map(each).join(', '),
  );
  const { memory } = sampler;
  const part = Math.ceil(memory.length / 10);
  const tenths = Array.from({ length: 10 }, (_, index) =>
    memory.slice(index * part, (index + 1) * part),
  );
  say(
    'memory over the tenths of the time, most',
    tenths.map((own) => `${Math.round(Math.max(0, ...own))}`).join(' ') + ' MB',
  );
  if (streams)
    say(
      'told after its end, p50, p95, most',
      `${quantile(told.late, 0.5)}, ${quantile(told.late, 0.95)}, ${quantile(told.late, 1)} ms`,
    );
  say('Ctrl-C to the last line', `${Math.round(took)} ms`);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-soak-'));
  const lab = await up();
  try {
    await lab.run({ name: 'soaked', command: REDIS, publish: [`${PORT}:6379`] });
    await soak(lab, folder);
  } finally {
    await lab.down();
    await rm(folder, { recursive: true });
  }
}

await main();
