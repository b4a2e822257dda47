/** What a trace costs: `npm run bench`, as root. Kernel time by probe and run (bpf_stats), ready and stop, and throughput ratios. */
import { execa } from 'execa';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startTracer } from '../../src/capture/bpftrace/tracer.js';
import { readTopology } from '../../src/host/topology.js';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import { resolvePorts } from '../../src/model/target.js';

const STATS = '/proc/sys/kernel/bpf_stats_enabled';
const PROBES = fileURLToPath(new URL('../../../probes', import.meta.url));
const REQUESTS = 40_000;

interface Cost {
  readonly runs: number;
  readonly nanoseconds: number;
  readonly skipped: number;
}

/** By the number that the kernel gave to the program. */
type Costs = ReadonlyMap<string, Cost>;

/** Requests per second of redis-benchmark over loopback (docker-proxy) to a port of the lab. */
async function measure(lab: Lab, port: number): Promise<number> {
  const command = ['redis-benchmark', '-p', String(port), '-c', '8', '-n', String(REQUESTS)];
  const { stdout } = await lab.exec('host', [...command, '-t', 'ping_mbulk', '-q'], {
    timeoutMs: 120_000,
  });
  return Number(/([\d.]+) requests per second/.exec(stdout)?.[1] ?? NaN);
}

/** What each program of a process has cost, by the fdinfo of its descriptors. */
async function readCosts(pid: number): Promise<Costs> {
  const costs = new Map<string, Cost>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    if (!target.includes('bpf-prog')) continue;
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(info)?.[1] ?? 0);
    costs.set(String(field('prog_id')), {
      runs: field('run_cnt'),
      nanoseconds: field('run_time_ns'),
      skipped: field('recursion_misses'),
    });
  }
  return costs;
}

const NONE: Cost = { runs: 0, nanoseconds: 0, skipped: 0 };

function subtract(to: Costs, from: Costs): Costs {
  return new Map(
    [...to].map(([id, cost]) => {
      const before = from.get(id) ?? NONE;
      const runs = cost.runs - before.runs;
      const nanoseconds = cost.nanoseconds - before.nanoseconds;
      return [id, { runs, nanoseconds, skipped: cost.skipped - before.skipped }];
    }),
  );
}

function addUp(costs: Costs): Cost {
  return [...costs.values()].reduce(
    (sum, cost) => ({
      runs: sum.runs + cost.runs,
      nanoseconds: sum.nanoseconds + cost.nanoseconds,
      skipped: sum.skipped + cost.skipped,
    }),
    NONE,
  );
}

/** The first letters of what a program is attached to; bpftool knows them. */
async function nameProgram(id: string): Promise<string> {
  const { stdout, failed } = await execa('bpftool', ['prog', 'show', 'id', id, '-j'], {
    reject: false,
  });
  return failed ? `program ${id}` : (JSON.parse(stdout) as { name: string }).name;
}

/** A line for each probe that the traffic made run, dearest first. */
async function sayByProbe(costs: Costs): Promise<void> {
  const used = [...costs].filter(([, { runs }]) => runs > REQUESTS / 100);
  for (const [id, { runs, nanoseconds, skipped }] of used.sort(
    ([, a], [, b]) => b.nanoseconds - a.nanoseconds,
  )) {
    say(
      `  ${await nameProgram(id)}`,
      `${(runs / REQUESTS).toFixed(2)} runs a request, ${Math.round(nanoseconds / runs)} ns each, ${skipped} skipped`,
    );
  }
}

async function findTracer(): Promise<number> {
  const { stdout } = await execa('pgrep', ['-nx', 'bpftrace']);
  return Number(stdout);
}

async function timeBest(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return Math.round(Math.min(...times));
}

function say(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(58)} ${value}\n`);
}

async function main(): Promise<void> {
  const before = await readFile(STATS, 'utf8');
  const lab = await up();
  try {
    await lab.run({ name: 'traced', command: REDIS, publish: ['8080:6379'] });
    await lab.run({
      name: 'other',
      command: [...REDIS, '--port', '7000'],
      publish: ['7001:7000'],
      waitFor: [{ protocol: 'tcp', port: 7000 }],
    });
    const bare = await measure(lab, 8080);
    const bareOther = await measure(lab, 7001);
    await writeFile(STATS, '1');

    const { host, dockerHost } = lab;
    const topology = await readTopology({ netns: host.netns, dockerHost });
    const reading = await timeBest(async () => readTopology({ netns: host.netns, dockerHost }));
    say('reading the map of the host, best of five', `${reading} ms`);
    const began = performance.now();
    let events = 0;
    let lost = 0;
    const tracer = await startTracer({
      ports: resolvePorts(topology, { ports: [8080] }).ports,
      budget: 16,
      relays: topology.relays.map(({ pid }) => pid),
      copyingRelays: false,
      probes: PROBES,
      bpftrace: 'bpftrace',
      patience: 20_000,
      signal: new AbortController().signal,
      onEvent: () => (events += 1),
      onLost: (count) => (lost = count),
    });
    say('start of bpftrace to ready', `${Math.round(performance.now() - began)} ms`);
    const pid = await findTracer();

    const start = await readCosts(pid);
    const other = await measure(lab, 7001);
    const rejected = await readCosts(pid);
    const traced = await measure(lab, 8080);
    const counted = await readCosts(pid);
    const mean = ({ runs, nanoseconds }: Cost): string =>
      `${Math.round(nanoseconds / runs)} ns (${runs} runs)`;
    const foreign = subtract(rejected, start);
    const own = subtract(counted, rejected);
    say('a run for traffic of other ports, mean of all probes', mean(addUp(foreign)));
    await sayByProbe(foreign);
    say('a run for the traced port beyond the budget', mean(addUp(own)));
    await sayByProbe(own);
    say('throughput of another port, traced : bare', (other / bareOther).toFixed(2));
    say('throughput of the traced port, traced : bare', (traced / bare).toFixed(2));
    say(`events printed for ${REQUESTS} requests, lost`, `${events}, ${lost}`);

    const stopped = performance.now();
    const end = await tracer.finish();
    say('stop to report', `${Math.round(performance.now() - stopped)} ms`);
    await end.closed;
    say('stop to all detached', `${Math.round(performance.now() - stopped)} ms`);
    const packets = end.remainder.reduce(
      (sum, event) => sum + (event.kind === 'counter' ? event.packets : 0),
      0,
    );
    say('packets only counted, sealed', `${packets}, ${String(end.sealed)}`);
  } finally {
    await writeFile(STATS, before);
    await lab.down();
  }
}

await main();
