/**
 * What a trace costs the traffic, beside tcpdump: `npm run bench:traffic [-- --rounds 5 --bpftrace PATH]`, as root. Requests a second by
 * DNAT and through docker-proxy, single, pipelined and bulk: bare, under tcpdump, under empty programs at the same points, and traced.
 */
import { execa } from 'execa';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import type { Report } from '../../src/model/report.js';

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const PORT = 8080;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    bpftrace: { type: 'string', default: 'bpftrace' },
    /** Further flags of the trace. */
    flags: { type: 'string', default: '' },
  },
});

const WAYS = ['dnat', 'docker-proxy'] as const;
const SHAPES = {
  single: ['-c', '20', '-n', '30000', '-t', 'ping_mbulk'],
  pipelined: ['-c', '20', '-P', '16', '-n', '300000', '-t', 'ping_mbulk'],
  bulk: ['-c', '4', '-n', '8000', '-d', '100000', '-t', 'get'],
} as const;
const WATCHERS = ['bare', 'tcpdump', 'floor', 'traced'] as const;

type Watcher = (typeof WATCHERS)[number];
/** Requests a second, by way and shape. */
type Speeds = ReadonlyMap<string, number>;

interface Watch {
  /** Ends it, and says what a trace has to say of its own work. */
  stop(): Promise<string | null>;
}

async function measure(lab: Lab): Promise<Speeds> {
  const speeds = new Map<string, number>();
  for (const way of WAYS) {
    const [where, to] =
      way === 'dnat' ? (['client', lab.host.ipv4] as const) : (['host', '127.0.0.1'] as const);
    for (const [shape, flags] of Object.entries(SHAPES)) {
      const words = ['redis-benchmark', '-h', to, '-p', String(PORT), '-q', ...flags];
      const { stdout } = await lab.exec(where, words, { timeoutMs: 300_000 });
      speeds.set(`${way} ${shape}`, Number(/([\d.]+) requests per second/.exec(stdout)?.[1]));
    }
  }
  return speeds;
}

/** Starts a program and waits for a line of its standard error. */
async function start(command: readonly string[], ready: RegExp, env = {}): Promise<Watch> {
  const [file = '', ...words] = command;
  const child = execa(file, words, { reject: false, env, maxBuffer: 2 ** 28 });
  await new Promise<void>((resolve, reject) => {
    const take = (line: string): void => {
      if (ready.test(line)) resolve();
    };
    createInterface({ input: child.stderr }).on('line', take);
    createInterface({ input: child.stdout }).on('line', take);
    void child.then(({ stderr }) => reject(new Error(`${file} ended: ${stderr}`)));
  });
  return {
    stop: async () => {
      child.kill('SIGINT');
      const { stdout } = await child;
      return stdout;
    },
  };
}

/** The points that a trace here attaches to. */
async function findPoints(lab: Lab): Promise<readonly string[]> {
  const report = await (await startTrace(lab)).stop();
  return (JSON.parse(report ?? '') as Report).coverage.probes.attached;
}

async function startTrace({ host, dockerHost }: Lab): Promise<Watch> {
  const { bpftrace } = values;
  const more = values.flags.split(' ').filter(Boolean);
  const flags = ['--port', String(PORT), '--netns', host.netns, '--json', '--hops', '1'];
  return start(
    [process.execPath, PROGRAM, 'trace', ...flags, '--bpftrace', bpftrace, ...more],
    /ready:/,
    { DOCKER_HOST: dockerHost },
  );
}

/** The interval's probe stands last in the program: when it has printed, all before it are attached. */
async function startFloor(points: readonly string[]): Promise<Watch> {
  const text = `${points.join(',\n')} { }\ninterval:ms:500 { printf("attached\\n"); }`;
  return start([values.bpftrace, '-e', text], /^attached/);
}

async function startWatcher(
  lab: Lab,
  watcher: Watcher,
  { folder, points }: { readonly folder: string; readonly points: readonly string[] },
): Promise<Watch> {
  switch (watcher) {
    case 'bare':
      return { stop: async () => Promise.resolve(null) };
    case 'tcpdump': {
      const words = ['tcpdump', '-i', 'any', '-w', join(folder, 'all.pcap')];
      return start(lab.commandIn('host', words), /listening on/);
    }
    case 'floor':
      return startFloor(points);
    case 'traced':
      return startTrace(lab);
  }
}

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** What a trace told of one round: it must have seen and proven everything. */
function describe(report: Report): string {
  const { connections, coverage } = report;
  const proven = connections.filter(({ proof }) => proof === 'proven').length;
  const wrong = connections.filter(({ path, client }) => {
    return path !== (client.address === '127.0.0.1' ? 'docker-proxy' : 'dnat');
  }).length;
  const { lostEvents, skippedRuns = 0 } = coverage;
  return `${connections.length} connections, ${proven} proven, ${wrong} by another path, ${lostEvents} events lost, ${skippedRuns} runs skipped`;
}

async function compare(lab: Lab, folder: string): Promise<void> {
  const points = await findPoints(lab);
  /** For each way and shape, the ratio to the bare run of the same round. */
  const ratios = new Map<string, Map<Watcher, number[]>>();
  const rounds = Number(values.rounds);
  for (let round = 0; round < rounds; round++) {
    const speeds = new Map<Watcher, Speeds>();
    // In another order each time.
    const order = [...WATCHERS.slice(round % 4), ...WATCHERS.slice(0, round % 4)];
    for (const watcher of order) {
      const watch = await startWatcher(lab, watcher, { folder, points });
      speeds.set(watcher, await measure(lab));
      const said = await watch.stop();
      if (watcher === 'traced')
        console.error(`round ${round + 1}: ${describe(JSON.parse(said ?? '') as Report)}`);
    }
    for (const [key, bare] of speeds.get('bare') ?? []) {
      const own = ratios.get(key) ?? new Map<Watcher, number[]>();
      ratios.set(key, own);
      for (const [watcher, all] of speeds)
        own.set(watcher, [...(own.get(watcher) ?? []), (all.get(key) ?? NaN) / bare]);
    }
  }
  console.log(`| way, shape | tcpdump | empty programs | traced |`);
  console.log('|---|---|---|---|');
  for (const [key, own] of ratios) {
    const cells = (['tcpdump', 'floor', 'traced'] as const).map((watcher) => {
      const list = own.get(watcher) ?? [];
      const range = [Math.min(...list), Math.max(...list)].map((one) => one.toFixed(2)).join('–');
      return `${median(list).toFixed(2)} (${range})`;
    });
    console.log(`| ${key} | ${cells.join(' | ')} |`);
  }
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-traffic-'));
  const lab = await up();
  try {
    await lab.run({ name: 'watched', command: REDIS, publish: [`${PORT}:6379`] });
    // What redis-benchmark gets.
    const big = ['set', 'key:__rand_int__', 'x'.repeat(100_000)];
    await lab.exec('host', ['redis-cli', '-p', String(PORT), ...big]);
    await compare(lab, folder);
  } finally {
    await lab.down();
    await rm(folder, { recursive: true });
  }
}

await main();
