/** Finds where the Docker Engine listens: at DOCKER_HOST, or at the usual sockets. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerContext } from './docker-context.js';

export type DockerEndpoint =
  | { kind: 'socket'; path: string }
  | { kind: 'tcp'; host: string; port: number; certificates: string | null };

/** Sockets of the machine's system-wide engines. */
const USUAL_SOCKETS = ['/var/run/docker.sock', '/run/podman/podman.sock'];
/** Sockets of a user's own engines, below /run/user/UID. */
const USERS_SOCKETS = ['docker.sock', 'podman/podman.sock'];

/** What is asked of the machine; replaced in tests. */
export interface Sockets {
  readonly exists: (path: string) => boolean;
  /** Names in a folder; none when it cannot be read. */
  readonly list: (path: string) => readonly string[];
  /** The file that a path leads to. */
  readonly resolve: (path: string) => string;
}

const MACHINE: Sockets = {
  exists: existsSync,
  list: (path) => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  },
  resolve: (path) => {
    try {
      return realpathSync(path);
    } catch {
      return path;
    }
  },
};

/**
 * @param dockerHost value of `DOCKER_HOST`; empty or undefined for the sockets of the machine's engines and of the
 * users' own, those of the user who became root (SUDO_UID) first.
 * @param chosen the socket of the docker command's current context, which comes first
 * @returns the endpoints, or one sentence with the remedy when the value is no endpoint. When no socket exists, the
 * first usual one.
 */
export function findEndpoints(
  dockerHost: string | undefined,
  env: NodeJS.ProcessEnv,
  sockets: Sockets = MACHINE,
  chosen: string | null = null,
): readonly DockerEndpoint[] | { problem: string } {
  if (dockerHost !== undefined && dockerHost !== '') {
    const endpoint = parseEndpointUrl(dockerHost, env);
    return 'problem' in endpoint ? endpoint : [endpoint];
  }
  const users = [...new Set([env['SUDO_UID'] ?? '', ...sockets.list('/run/user')])].filter((name) =>
    /^\d+$/.test(name),
  );
  const own = users.flatMap((uid) => USERS_SOCKETS.map((name) => `/run/user/${uid}/${name}`));
  const all = [...(chosen === null ? [] : [chosen]), ...USUAL_SOCKETS, ...own];
  const there = all.filter((path) => sockets.exists(path));
  // podman-docker makes one a link to the other.
  const files = there.map(sockets.resolve);
  const paths = there.filter((_path, index) => files.indexOf(files[index] ?? '') === index);
  return (paths.length > 0 ? paths : USUAL_SOCKETS.slice(0, 1)).map((path) => ({
    kind: 'socket',
    path,
  }));
}

/** Reads a `DOCKER_HOST` value: `unix:///path`, `tcp://host[:port]`; any other scheme is a problem with its remedy. */
export function parseEndpointUrl(
  text: string,
  env: NodeJS.ProcessEnv,
): DockerEndpoint | { problem: string } {
  const match = /^([a-z+]+):\/\/(.*)$/s.exec(text);
  const [, scheme, rest = ''] = match ?? [];
  if (scheme === 'unix' && rest.startsWith('/')) return { kind: 'socket', path: rest };
  if (scheme === 'tcp') return parseTcp(text, rest, env);
  if (scheme === 'ssh') return { problem: `DOCKER_HOST is ${text}, ${tellRemote(rest)}` };
  return {
    problem: `DOCKER_HOST is "${text}", which is neither unix:///path/to/socket nor tcp://host:port; correct it or unset it.`,
  };
}

/** The socket of a context's engine; null where it has none here. */
export function socketOf({ host }: DockerContext): string | null {
  return /^unix:\/\/(\/.+)$/s.exec(host)?.[1] ?? null;
}

/** What a context that is not of this machine means for a trace here; null for one that is. */
export function describeContext({ name, host }: DockerContext): string | null {
  const [, scheme, rest = ''] = /^([a-z+]+):\/\/(.*)$/s.exec(host) ?? [];
  if (scheme === 'unix' || scheme === 'npipe') return null;
  const subject = `Docker's current context is ${name} (${host})`;
  if (scheme === 'ssh') return `${subject}, ${tellRemote(rest)}`;
  return `${subject}, which is not asked for containers; where it is an engine of this machine, set DOCKER_HOST=${host}.`;
}

/** The command has to be pasted into a shell, so that no other text than a plain address gets into it. */
function tellRemote(rest: string): string {
  const [address = ''] = rest.split('/');
  const host = /^[\w@%+.:[\]-]+$/.test(address) ? address : 'USER@HOST';
  return `an engine on another machine, and only there its packets can be traced: run trace-flow --host ssh://${host} --port N, which does that.`;
}

function parseTcp(
  text: string,
  rest: string,
  env: NodeJS.ProcessEnv,
): DockerEndpoint | { problem: string } {
  const certificates = (env['DOCKER_TLS_VERIFY'] ?? '') === '' ? null : findCertificateFolder(env);
  const fallback = certificates === null ? 2375 : 2376;
  const match = /^(\[[0-9a-f:.]+\]|[^/:[\]]+)(?::(\d{1,5}))?\/?$/i.exec(rest);
  const port = match?.[2] === undefined ? fallback : Number(match[2]);
  if (!match || port > 65535) {
    return {
      problem: `DOCKER_HOST is "${text}", which is not tcp://host:port; correct it or unset it.`,
    };
  }
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { kind: 'tcp', host, port, certificates };
}

function findCertificateFolder(env: NodeJS.ProcessEnv): string {
  return env['DOCKER_CERT_PATH'] ?? join(env['HOME'] ?? '/', '.docker');
}
