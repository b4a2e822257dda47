/** Runs a command inside one of the lab's places. */
import { constants } from 'node:os';
import { runProgram } from '../host/command.js';
import { searchPath } from './tools.js';

export interface CommandResult {
  stdout: string;
  stderr: string;
  /** 124 when the time was up, as with timeout(1); 128 plus the signal's number when a signal ended it. */
  exitCode: number;
}

export interface ExecOptions {
  input?: string | undefined;
  /** Two minutes by default. */
  timeoutMs?: number | undefined;
  /** Returns a failure instead of throwing it. */
  allowFailure?: boolean | undefined;
  signal?: AbortSignal | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Joins the lab's cgroup and then becomes the command, so that everything the command starts ends with the lab.
 * A constant: the path and the command are its arguments.
 */
const JOIN = 'echo 0 > "$0" && exec "$@"';

export interface Entrance {
  nsenter: string;
  /** Path of a network namespace. */
  netns: string;
  /** A cgroup's `cgroup.procs`. */
  procs: string;
}

/** The argument array that runs `command` in a network namespace, as a member of the lab. */
export function buildEntry(entrance: Entrance, command: readonly string[]): [string, ...string[]] {
  const { nsenter, netns, procs } = entrance;
  return ['/bin/sh', '-c', JOIN, procs, nsenter, `--net=${netns}`, '--', ...command];
}

/** Runs an argument array to its end. @throws Error with the command and its standard error, unless `allowFailure` */
export async function runChecked(
  command: readonly string[],
  options: ExecOptions = {},
): Promise<CommandResult> {
  const { input, timeoutMs: timeout = 120_000, allowFailure = false, signal, env } = options;
  const [file = '', ...args] = command;
  // iptables and its like are not in every PATH.
  const environment = { ...(env === undefined && process.env), PATH: searchPath(), ...env };
  const end = await runProgram(file, args, { timeout, signal, input, environment });
  const { stdout, stderr, stopped } = end;
  if (stopped === 'aborted') throw signal?.reason ?? new Error(`${command.join(' ')}: stopped`);
  const ended = end.exitCode ?? (end.signal === null ? 127 : 128 + constants.signals[end.signal]);
  const exitCode = stopped === 'timeout' ? 124 : ended;
  if ((exitCode !== 0 || stopped !== null) && !allowFailure) {
    const how = stopped === 'timeout' ? `took over ${timeout} ms` : `exit code ${exitCode}`;
    const said = [stderr, stdout].map((text) => text.trim()).find(Boolean);
    throw new Error(`${command.join(' ')}: ${how}${said ? `: ${said}` : ''}`);
  }
  return { stdout, stderr, exitCode };
}
