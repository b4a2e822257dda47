/** Lets the hosts of the lab be logged in to: a server of OpenSSH in each, with keys and settings that this run makes. */

import { execa } from 'execa';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AHEAD_NAME } from './ahead.js';
import type { Lab } from '../../src/lab/index.js';

/** Nanoseconds by which the clock of each host but the first is ahead. */
export const AHEAD = 3_000_000_000;

/** A host, and the address at which the watching machine reaches it. */
export interface LoginHost {
  /** Its alias in the client's configuration. */
  readonly alias: string;
  readonly lab: Lab;
  readonly address: string;
}

export interface Logins {
  /** For `ssh -F`. */
  readonly config: string;
  down(): void;
}

/** Servers are separated from their parents in a folder that Debian's own start script makes. */
const RUNTIME = '/run/sshd';
const STREAM = fileURLToPath(new URL('own-part-stream.js', import.meta.url));

/** The servers are members of their labs, and end with them. */
export async function openLogins(folder: string, hosts: readonly LoginHost[]): Promise<Logins> {
  const isOurs = mkdirSync(RUNTIME, { recursive: true, mode: 0o755 }) !== undefined;
  const key = join(folder, 'key');
  await makeKey(key);
  for (const [index, host] of hosts.entries()) {
    await startServer(folder, host, index === 0 ? 0 : AHEAD);
  }
  const config = join(folder, 'config');
  writeFileSync(config, hosts.map((host) => writeClient(folder, host)).join('\n'));
  return {
    config,
    down: () => {
      if (isOurs) rmdirSync(RUNTIME);
    },
  };
}

async function makeKey(file: string): Promise<void> {
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
}

async function startServer(
  folder: string,
  { alias, lab }: LoginHost,
  ahead: number,
): Promise<void> {
  const hostKey = join(folder, `${alias}-key`);
  await makeKey(hostKey);
  const programs = join(folder, `${alias}-bin`);
  mkdirSync(programs);
  const start = `#!/bin/sh\nexec '${process.execPath}' '${STREAM}' "$@"\n`;
  writeFileSync(join(programs, 'trace-flow'), start, { mode: 0o755 });
  const file = join(folder, `${alias}-server`);
  const path = `${programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  writeFileSync(
    file,
    [
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${folder}/key.pub`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      `SetEnv PATH=${path} DOCKER_HOST=${lab.dockerHost} ${AHEAD_NAME}=${ahead}`,
    ].join('\n') + '\n',
  );
  // It goes to the background once it listens.
  await lab.exec('host', ['/usr/sbin/sshd', '-f', file, '-E', join(folder, `${alias}.log`)]);
}

function writeClient(folder: string, { alias, address }: LoginHost): string {
  const known = join(folder, `${alias}-known`);
  return [
    `Host ${alias}`,
    `  HostName ${address}`,
    '  User root',
    `  IdentityFile ${folder}/key`,
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    '  StrictHostKeyChecking accept-new',
    `  UserKnownHostsFile ${known}`,
    '  GlobalKnownHostsFile none',
  ].join('\n');
}
