/** Traces with nftables which rules first packets meet, by a table of our own in the host that ends with the trace. */
import { execa } from 'execa';
import { cleanEnvironment } from '../../model/environment.js';
import { UserError } from '../../model/errors.js';
import type { RuleTrace } from '../../model/rule-trace.js';
import { readTraceSocket } from './netlink.js';
import { RuleTraceReader } from './parse.js';
import { isTableWhole, removeTable, writeTraceTable, type MarkedFlow } from './ruleset.js';

export interface RuleTracerOptions extends MarkedFlow {
  /** Path of the host's network namespace; null for our own. */
  readonly netns: string | null;
}

export interface RuleTraceEnd {
  readonly traces: readonly RuleTrace[];
  /** What limits the traces, one sentence each. */
  readonly notes: readonly string[];
}

export interface RuleTracer {
  /** Name of the table, which is of family inet. */
  readonly table: string;
  /** Removes the table and returns what was traced; may be called again. Never throws. */
  stop(): Promise<RuleTraceEnd>;
}

/** Milliseconds that nft may take for any command. */
const PATIENCE = 10_000;
/** Milliseconds until an nft that was asked to end is killed, and that pending trace messages may take to arrive. */
const END_PATIENCE = 2_000;
const PAUSE = 20;

/** Adds the table, then listens. Throws UserError when nft or the kernel cannot do it; nothing is left behind then. */
export async function startRuleTracer(options: RuleTracerOptions): Promise<RuleTracer> {
  const table = `trace-flow-${process.pid}`;
  const reader = new RuleTraceReader(table);
  const owner = startNft(options, ['--interactive']);
  owner.child.stdin.write(writeTraceTable(table, options));
  let monitor: Nft | null = null;
  try {
    const look = enter(options, ['nft', 'list', 'table', 'inet', table]);
    await owner.until(async () => isTableWhole(await run(look), options));
    // nft reports nothing about tables that did not exist when its monitor began.
    monitor = startNft(options, ['monitor', 'trace']);
    readLines(monitor, (line) => reader.read(line, Date.now()));
    await monitor.until(async (pid) => (await readTraceSocket(pid)) !== null);
  } catch (error) {
    owner.kill();
    monitor?.kill();
    await Promise.all([owner.child, monitor?.child]);
    throw error;
  }
  const listening = monitor;
  let ended: Promise<RuleTraceEnd> | null = null;
  return {
    table,
    stop: async () => {
      ended ??= endTracing(table, owner, listening).then(({ dropped }) => ({
        traces: reader.traces,
        notes: dropped > 0 || reader.lost ? [LOSS] : [],
      }));
      return ended;
    },
  };
}

function readLines({ child }: Nft, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

const LOSS = 'the kernel could not tell all rules that were met: nft was too slow to read them';

async function endTracing(table: string, owner: Nft, monitor: Nft): Promise<{ dropped: number }> {
  owner.child.stdin?.end(removeTable(table));
  const force = setTimeout(() => owner.kill(), END_PATIENCE);
  await owner.child;
  clearTimeout(force);
  const { pid } = monitor.child;
  let dropped = 0;
  const deadline = performance.now() + END_PATIENCE;
  // Waits until it is empty twice: what nft had read by the first time is printed by the second.
  for (let empty = 0; empty < 2 && pid !== undefined && performance.now() < deadline;) {
    const socket = await readTraceSocket(pid);
    if (socket === null) break;
    dropped = socket.dropped;
    empty = socket.waiting === 0 ? empty + 1 : 0;
    await pause();
  }
  monitor.kill();
  await monitor.child;
  return { dropped };
}

interface Nft {
  readonly child: ReturnType<typeof spawn>;
  /** Waits until `done`. Throws UserError when nft ends or complains before that, or takes too long. */
  until(done: (pid: number) => Promise<boolean>): Promise<void>;
  kill(): void;
}

/** Starts nft so that the kernel ends it when trace-flow is gone; Ctrl-C on the terminal does not reach it. */
function startNft(options: RuleTracerOptions, parameters: readonly string[]): Nft {
  const bound = ['setpriv', '--pdeathsig', 'KILL', 'nft', ...parameters];
  const [file = '', ...args] = enter(options, bound);
  const child = spawn(file, args);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  // A pipe whose reader is gone raises this error; the process has ended by then.
  child.stdin.on('error', () => undefined);
  let over = false;
  void child.then(() => (over = true));
  return {
    child,
    async until(done) {
      const deadline = performance.now() + PATIENCE;
      while (child.pid === undefined || !(await done(child.pid))) {
        if (over || said !== '' || performance.now() > deadline) throw explain(said);
        await pause();
      }
    },
    kill: () => child.kill('SIGKILL'),
  };
}

function spawn(file: string, args: readonly string[]) {
  return execa(file, args, {
    reject: false,
    buffer: false,
    detached: true,
    env: cleanEnvironment(process.env['PATH'], process.getuid?.() === 0),
    extendEnv: false,
  });
}

function enter({ netns }: RuleTracerOptions, command: readonly string[]): string[] {
  return netns === null ? [...command] : ['nsenter', `--net=${netns}`, '--', ...command];
}

/** What a command prints; nothing when it fails. */
async function run([file = '', ...args]: readonly string[]): Promise<string> {
  const options = { reject: false, stdin: 'ignore', timeout: PATIENCE } as const;
  return (await execa(file, args, options)).stdout;
}

function explain(said: string): UserError {
  if (/failed to execute nft|not found|ENOENT/.test(said)) {
    return new UserError('rules cannot be traced: nft is not installed', {
      code: 'no-nft',
      exit: 1,
      remedy: 'install it with: apt-get install nftables',
    });
  }
  const [first = 'nft did not get ready'] = said.split('\n').filter(Boolean);
  return new UserError(`rules cannot be traced: ${first}`, {
    code: 'no-rule-trace',
    exit: 1,
    remedy:
      'it needs root, Linux 5.12 or later with nf_tables, and nft 0.9.9 or later; trace without --trace-rules otherwise',
  });
}

async function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE));
}
