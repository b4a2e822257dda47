/** Explains why a host could not be traced, from what ssh, sudo and the trace-flow there said. */
import { UserError } from '../../model/errors.js';
import type { RemoteHost } from '../../model/remote-host.js';

export interface HostEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The system's code when the program could not be started, such as ENOENT. */
  readonly errno: string | null;
  readonly stderr: string;
}

interface Failing {
  readonly host: RemoteHost;
  /** The command for a terminal that logs in there. */
  readonly login: string;
  /** What was to be run there. */
  readonly program: string;
}

interface Explanation {
  readonly code: string;
  readonly why: string;
  readonly remedy: string;
}

interface Case {
  readonly code: string;
  readonly pattern: RegExp;
  readonly tell: (
    failing: Failing,
    match: RegExpExecArray,
  ) => readonly [why: string, remedy: string];
}

/** Exit code of ssh where it could not connect or was disconnected. */
const SSH_FAILED = 255;

/** What ssh says, of a failed connection. */
const OF_SSH: readonly Case[] = [
  {
    code: 'host-key-changed',
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    tell: ({ login, host }) => [
      'its host key is not the one that is known',
      `find out why: another machine may answer there. If it is the right one, forget the old key (ssh-keygen -R ${host.login?.host ?? ''}) and log in once: ${login}`,
    ],
  },
  {
    code: 'host-key',
    pattern: /Host key verification failed|No \S+ host key is known/,
    tell: ({ login }) => ['its host key is not known', `log in once, and accept its key: ${login}`],
  },
  {
    code: 'ssh-denied',
    pattern: /Permission denied \(|Too many authentication failures/,
    tell: ({ login }) => [
      'ssh may not log in there (permission denied)',
      `"${login}" has to work without a question: load a key into the agent (ssh-add), or put one there (ssh-copy-id)`,
    ],
  },
  {
    code: 'ssh-name',
    pattern: /Could not resolve hostname ([^\s:]+)/,
    tell: ({ login }, [, name]) => [
      `no machine is called ${name ?? 'so'}`,
      `check the name; it may be an alias of ~/.ssh/config: ${login}`,
    ],
  },
  {
    code: 'ssh-connect',
    pattern:
      /Connection refused|Connection timed out|Operation timed out|No route to host|Network is unreachable/,
    tell: ({ login }, [words]) => [
      `ssh cannot connect to it (${words.toLowerCase()})`,
      `check that it is up and that its ssh server can be reached: ${login}`,
    ],
  },
  {
    code: 'ssh-config',
    pattern:
      /Can't open user config file|Bad configuration option|Bad owner or permissions on|terminating, \d+ bad/,
    tell: ({ login }) => ['ssh cannot read its configuration', `correct it: ${login}`],
  },
];

/** What the host's shell, sudo and trace-flow say. */
const OF_HOST: readonly Case[] = [
  {
    code: 'host-sudo',
    pattern:
      /sudo: (?:a password is required|a terminal is required|sorry, you must have a tty)|is not in the sudoers|is not allowed to (?:execute|run)|may not run sudo/,
    tell: ({ program, host }) => [
      'sudo does not let the user become root there without a password',
      `${beRoot(host)}, or allow it in the sudoers there: USER ALL=(root) NOPASSWD: ${program.startsWith('/') ? program : `/usr/local/bin/${program}`}`,
    ],
  },
  {
    code: 'host-no-sudo',
    pattern: /sudo: (?:command )?not found/,
    tell: ({ host }) => ['the user there is not root, and there is no sudo', beRoot(host)],
  },
  {
    code: 'host-no-node',
    pattern: /\bnode['’]?: (?:command )?(?:not found|No such file or directory)/,
    tell: () => ['trace-flow finds no Node there', 'install Node there, for all users'],
  },
  {
    code: 'host-no-program',
    pattern: /: (?:command )?not found|: No such file or directory|: [Pp]ermission denied/,
    tell: ({ program }) => [
      `${program} cannot be run there`,
      'install it there (npm install --global trace-flow), or say where it is: --host-program PATH',
    ],
  },
  {
    code: 'host-too-old',
    pattern: /Nonexistent flags?: [^\n]*--/,
    tell: ({ program }) => [
      `the ${program} there is too old`,
      'install the version there that this machine has (trace-flow --version)',
    ],
  },
];

/** Why no trace began on the host. */
export function explainStart(failing: Failing, end: HostEnd): UserError {
  const { code, why, remedy } = explain(failing, end);
  return new UserError(`${failing.host.name} cannot be traced: ${why}`, { code, exit: 1, remedy });
}

/** Whether a trace ended as one does: with a report, or because there was no matching traffic. */
export function isOrderly({ exitCode }: HostEnd): boolean {
  return exitCode === 0 || exitCode === 3;
}

/** Why the trace on the host ended in the middle: a part of a sentence. */
export function describeCut(end: HostEnd, isLocal: boolean): string {
  if (end.signal !== null) return `${isLocal ? 'its trace' : 'ssh'} was ended by ${end.signal}`;
  if (!isLocal && end.exitCode === SSH_FAILED) {
    return `the connection broke (${lastLine(end.stderr) || 'ssh said nothing'})`;
  }
  const said = findError(end.stderr)?.why ?? '';
  return said === '' ? `its trace ended with exit code ${end.exitCode ?? 'none'}` : said;
}

function explain(failing: Failing, end: HostEnd): Explanation {
  const { errno, exitCode, stderr, signal } = end;
  if (errno !== null) {
    return errno === 'ENOENT'
      ? { code: 'no-ssh', why: 'ssh is not installed on this machine', remedy: 'install OpenSSH' }
      : { code: 'no-ssh', why: `ssh cannot be started (${errno})`, remedy: 'check ssh -V' };
  }
  const isConnection = failing.host.login !== null && exitCode === SSH_FAILED;
  for (const { code, pattern, tell } of isConnection ? OF_SSH : OF_HOST) {
    const match = pattern.exec(stderr);
    if (match === null) continue;
    const [why, remedy] = tell(failing, match);
    return { code, why, remedy };
  }
  const told = findError(stderr);
  if (told !== null) return { code: 'host-failed', ...told };
  const how =
    signal === null ? `ended with exit code ${exitCode ?? 'none'}` : `was ended by ${signal}`;
  const what = isConnection ? 'ssh' : failing.program;
  const said = lastLine(stderr);
  return {
    code: 'host-failed',
    why: said === '' ? `${what} ${how}` : said,
    remedy: `try it by hand: ${failing.login} ${failing.program} doctor`,
  };
}

function beRoot({ login }: RemoteHost): string {
  return login === null
    ? 'start this with sudo'
    : `log in as root (--host ssh://root@${login.host})`;
}

/** The error and the remedy that a trace-flow printed. */
function findError(stderr: string): { readonly why: string; readonly remedy: string } | null {
  // An error may quote what another program said, over several lines.
  const told = /^Error: ([^]+?)\n*(?:^Remedy: |(?![^]))/m.exec(stderr)?.[1];
  if (told === undefined) return null;
  const why = told.split(/\s*\n\s*/).join(' ');
  return { why, remedy: /^Remedy: (.+)$/m.exec(stderr)?.[1] ?? 'run trace-flow doctor there' };
}

function lastLine(text: string): string {
  return text.trim().split(/\r?\n/).at(-1) ?? '';
}
