/** Lets nftables itself tell which rules first packets meet: one table of our own in the host, which ends with the trace. */
import { execa } from 'execa';
import { cleanEnvironment } from '../../model/environment.js';
import { UserError } from '../../model/errors.js';
import type { RuleTrace } from '../../model/rule-trace.js';
import { readTraceSocket } from './netlink.js';
import { RuleTraceReader } from './parse.js';
import { isTableWhole, removeTable, writeTraceTable, type MarkedFlow } from './ruleset.js';

export interface RuleTracerOptions extends MarkedFlow {
  /** Path of the host's network namespace; null for the own one. */
  readonly netns: string | null;
}

export interface RuleTraceEnd {
  readonly traces: readonly RuleTrace[];
  /** What limits them, one sentence each. */
  readonly notes: readonly string[];
}

export interface RuleTracer {
  /** Name of the table of the family inet. */
  readonly table: string;
  /** Removes the table and returns what was traced; may be called again. Never throws. */
  stop(): Promise<RuleTraceEnd>;
}

/** Milliseconds that nft may take for anything. */
const PATIENCE = 10_000;
/** Milliseconds until an nft that was asked to end is killed, and until what is on its way must have come. */
const END_PATIENCE = 2_000;
const PAUSE = 20;

/** Marks, then listens. Throws UserError when nft or the kernel cannot do it; nothing stays behind then. */
export async function startRuleTracer(options: RuleTracerOptions): Promise<RuleTracer> {
  const table = `trace-flow-${process.pid}`;
  const reader = new RuleTraceReader(table);
  const owner = startNft(options, ['--interactive']);
  owner.child.stdin.write(writeTraceTable(table, options));
  let monitor: Nft | null = null;
  try {
    const look = enter(options, ['nft', 'list', 'table', 'inet', table]);
    await owner.until(async () => isTableWhole(await run(look), options));
    // It tells nothing of tables that were not there when it began.
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
  // Empty twice: what was taken out the first time has been printed by then.
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
  // A pipe whose reader is gone says so here, and its process has ended by then.
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
