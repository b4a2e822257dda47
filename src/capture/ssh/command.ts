/** Writes the command that traces on a host: the system's ssh, and what it starts there as root. */
import type { Login } from '../../model/remote-host.js';

export interface HostCommand {
  /** Null for this machine. */
  readonly login: Login | null;
  /** A configuration for ssh in place of the user's own. */
  readonly sshConfig: string | undefined;
  /** The trace-flow to run, and its arguments. */
  readonly command: readonly string[];
}

/**
 * Settings of the user's configuration that would get in the way: a terminal, another command, forwardings, questions.
 * A connection over which nothing comes for fifteen seconds, not even an answer, is given up. An existing master connection is used, and none is made, because it would outlive the trace.
 */
const SETTINGS = [
  'BatchMode=yes',
  'ConnectTimeout=10',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  'ControlMaster=no',
  'ControlPersist=no',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'RequestTTY=no',
  'LogLevel=INFO',
];

/** Becomes root where the user is not, without a question. Messages are in English, because they are recognised. */
const AS_ROOT =
  'LC_ALL=C; export LC_ALL; if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n -- "$@"; fi';

export function writeHostCommand({ login, sshConfig, command }: HostCommand): string[] {
  const asRoot = ['sh', '-c', AS_ROOT, 'sh', ...command];
  if (login === null) return asRoot;
  return [
    'ssh',
    ...(sshConfig === undefined ? [] : ['-F', sshConfig]),
    ...SETTINGS.flatMap((setting) => ['-o', setting]),
    ...(login.user === null ? [] : ['-l', login.user]),
    ...(login.port === null ? [] : ['-p', String(login.port)]),
    '--',
    login.host,
    // The login shell reads this as one line.
    `exec ${asRoot.map(quote).join(' ')}`,
  ];
}

/** The command that logs in there, for people who try it by hand. */
export function writeLogin(login: Login, sshConfig: string | undefined): string {
  const { user, host, port } = login;
  return [
    'ssh',
    ...(sshConfig === undefined ? [] : ['-F', quote(sshConfig)]),
    ...(port === null ? [] : ['-p', String(port)]),
    quote(user === null ? host : `${user}@${host}`),
  ].join(' ');
}

/** Quotes a word for any shell that users log in to. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
