/** Runs one test file in a process group of its own and says what became of it, however it ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Message } from './child.js';
import type { TestFile } from './discover.js';
import { isGroupAlive, signalGroup } from './group.js';
import type { Report } from './judge.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));
const KEPT_OUTPUT = 64 * 1024;

export interface FileLimits {
  timeoutMs: number;
  /** After its last test a file has this long to let go of timers, sockets and processes. */
  exitGraceMs: number;
  /** Between SIGTERM and SIGKILL, for a live test to take its lab down. */
  killGraceMs: number;
  /** Its scheduling priority, from 0 to 19 (lowest). */
  priority: number;
}

export interface FileResult extends Report {
  /** The end of what the file wrote, to show beside its failures. */
  output: string;
  elapsedMs: number;
}

/**
 * Runs one compiled test file; never rejects.
 * @param signal ends the file early and fails it.
 */
export async function runFile(
  { file, live }: TestFile,
  limits: FileLimits,
  signal: AbortSignal,
): Promise<FileResult> {
  const started = Date.now();
  const requireLive = live && process.env['TRACE_FLOW_REQUIRE_LIVE'] === '1';
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', CHILD, file, String(requireLive)],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, FORCE_COLOR: undefined, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
    },
  );
  if (limits.priority > 0 && child.pid !== undefined) setPriority(child.pid, limits.priority);
  const group = child.pid ?? Number.MAX_SAFE_INTEGER; // its own group, as it is detached
  const result: FileResult = {
    passed: 0,
    passes: [],
    failures: [],
    skips: [],
    output: '',
    elapsedMs: 0,
  };
  const fail = (title: string, detail: string): void => {
    result.failures.push({ title, detail });
  };
  keepOutput(child, result);

  let running = 'none';
  let handles: string[] | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    signalGroup(group, 'SIGTERM');
    killTimer ??= setTimeout(() => signalGroup(group, 'SIGKILL'), limits.killGraceMs);
  };
  let timer = setTimeout(() => {
    const seconds = limits.timeoutMs / 1000;
    fail('timeout', `Killed after ${seconds} s; the test running then: ${running}`);
    stop();
  }, limits.timeoutMs);
  const onAbort = (): void => {
    fail('interrupted', `The test running then: ${running}`);
    stop();
  };
  signal.addEventListener('abort', onAbort);

  child.on('message', (message: Message) => {
    if (message.type === 'start') running = message.title;
    else if (message.type === 'stray') result.failures.push(message.failure);
    else {
      handles = message.handles;
      result.passed = message.report.passed;
      result.passes = message.report.passes;
      result.skips = message.report.skips;
      result.failures.push(...message.report.failures);
      clearTimeout(timer);
      timer = setTimeout(() => {
        fail('left something running', `Still open after the last test: ${handles?.join(', ')}`);
        stop();
      }, limits.exitGraceMs);
    }
  });

  const [code, killedBy] = await waitForExit(child);
  clearTimeout(timer);
  clearTimeout(killTimer);
  signal.removeEventListener('abort', onAbort);
  if (result.failures.length === 0 && (handles === undefined || code !== 0)) {
    const when = handles === undefined ? `during: ${running}` : 'after its last test';
    fail('exited early', `Ended with ${killedBy ?? `exit code ${code}`} ${when}`);
  }
  if (await killStrays(group)) fail('left processes running', 'They were killed with their group.');
  child.stdout?.destroy();
  child.stderr?.destroy();
  result.elapsedMs = Date.now() - started;
  return result;
}

function keepOutput(child: ChildProcess, result: FileResult): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      result.output = (result.output + text).slice(-KEPT_OUTPUT);
    });
  }
}

function waitForExit(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      resolve([code, signal]);
    });
    child.on('error', () => {
      resolve([null, null]);
    });
  });
}

/** @returns whether the group outlived its leader by more than the moment that ending takes. */
async function killStrays(group: number): Promise<boolean> {
  for (let attempt = 0; attempt < 10; attempt++) {
    if (!isGroupAlive(group)) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  signalGroup(group, 'SIGKILL');
  return true;
}
