/** Says how a thrown value ends the program: what to print on stderr, and the exit code. */
import { findNearest } from './nearest.js';
import { UserError } from '../model/errors.js';
import { describeSystemError, systemCode } from '../model/system-error.js';

export interface ProgramFailure {
  /** Lines for stderr, ending in a newline; empty when there is nothing to say. */
  text: string;
  exit: number;
}

export interface FailureContext {
  /** Whether flags had been parsed; before that, an error is a usage error. */
  parsed: boolean;
  /** Names of the command's flags, to suggest one for a mistyped flag. */
  flags: readonly string[];
  /** Also prints where the error came from. */
  debug: boolean;
}

/** Oclif's errors carry their exit code here; `EEXIT` is its way to end quietly. */
interface OclifError {
  code?: unknown;
  /** In oclif's error about unknown flags: the flags as typed. */
  flags?: unknown;
  oclif?: { exit?: number };
}

/** What to send with a bug report: where the error happened, without paths of the machine. */
function describeDefect({ stack = '' }: Error): string[] {
  const places = [...stack.matchAll(/\/dist\/(src\/\S+?:\d+:\d+)/g)].slice(0, 4);
  const where = places.map(([, place]) => place).join(' < ');
  return [
    'This is a defect of trace-flow, not of what you gave it. Please report it with these lines,',
    'the command, and the output of: trace-flow doctor --json (and --version)',
    `Where: ${where === '' ? 'not known' : where}; Node ${process.versions.node}`,
  ];
}

/** A line for each unknown flag that is close to a known one. */
function suggestFlags(error: OclifError, known: readonly string[]): string[] {
  const unknown = Array.isArray(error.flags) ? error.flags.map(String) : [];
  return unknown.flatMap((flag) => {
    const nearest = findNearest(flag.replace(/^-+|=.*$/g, ''), known);
    return nearest === undefined ? [] : [`Remedy: did you mean --${nearest}?`];
  });
}

/** Maps any thrown value to its message and exit code; pure, never throws. */
export function describeProgramFailure(
  error: unknown,
  { parsed, debug, flags }: FailureContext,
): ProgramFailure {
  if (!(error instanceof Error)) return { text: `Error: ${String(error)}\n`, exit: 1 };
  const { code, oclif } = error as OclifError;
  if (code === 'EEXIT') return { text: '', exit: oclif?.exit ?? 0 };

  const lines = [`Error: ${error.message}`];
  let exit = 1;
  if (error instanceof UserError) {
    if (error.remedy !== undefined) lines.push(`Remedy: ${error.remedy}`);
    exit = error.exit;
  } else if (oclif !== undefined) {
    exit = oclif.exit ?? 2;
    lines.push(...suggestFlags(error as OclifError, flags));
  } else if (!parsed && error.constructor === Error) {
    exit = 2; // a flag's own parser threw
  } else if (systemCode(error) !== null) {
    lines.push(`Remedy: ${describeSystemError(error).remedy}`);
  } else if (typeof code !== 'string' && !debug) {
    lines.push(...describeDefect(error));
  }
  if (debug && error.stack !== undefined) lines.push(error.stack);
  return { text: `${lines.join('\n')}\n`, exit };
}
