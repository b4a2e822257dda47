// Runs a command inside one of the lab's places.

import { execa } from 'execa';
import { constants } from 'node:os';
import { searchPath } from './tools.js';

export interface CommandResult {
  stdout: string;
  stderr: string;
  /** 124 when the time was up, as with timeout(1); 128 and the signal's number when a signal ended it. */
  exitCode: number;
}

export interface ExecOptions {
  input?: string | undefined;
  /** Two minutes unless told. */
  timeoutMs?: number | undefined;
  /** Returns a failure instead of throwing it. */
  allowFailure?: boolean | undefined;
  signal?: AbortSignal | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Joins the lab's cgroup by itself and becomes the command, so that whatever the command starts is ended with the lab.
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
export async function runCommand(
  command: readonly string[],
  options: ExecOptions = {},
): Promise<CommandResult> {
  const { input, timeoutMs = 120_000, allowFailure = false, signal, env } = options;
  const [file = '', ...args] = command;
  const result = await execa(file, args, {
    reject: false,
    timeout: timeoutMs,
    forceKillAfterDelay: 1000,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(signal ? { cancelSignal: signal } : {}),
    env: { PATH: searchPath(), ...env }, // iptables and its like are not in every PATH
    extendEnv: env === undefined,
    stripFinalNewline: false,
  });
  if (result.isCanceled) throw signal?.reason ?? result;
  const exitCode = result.timedOut
    ? 124
    : (result.exitCode ?? (result.signal === undefined ? 127 : 128 + signalNumber(result.signal)));
  if (result.failed && !allowFailure) {
    const how = result.timedOut
      ? `took over ${String(timeoutMs)} ms`
      : `exit code ${String(exitCode)}`;
    const said = [result.stderr, result.stdout].map((text) => text.trim()).find(Boolean);
    throw new Error(`${command.join(' ')}: ${how}${said ? `: ${said}` : ''}`);
  }
  return { stdout: result.stdout, stderr: result.stderr, exitCode };
}

function signalNumber(name: NodeJS.Signals): number {
  return constants.signals[name];
}
