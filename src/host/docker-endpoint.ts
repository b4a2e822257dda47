// Where the Docker Engine listens: DOCKER_HOST, or the usual sockets.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

export type DockerEndpoint =
  | { kind: 'socket'; path: string }
  | { kind: 'tcp'; host: string; port: number; certificates: string | null };

/** Sockets that are tried, in this order, when DOCKER_HOST is not set. */
const USUAL_SOCKETS = ['/var/run/docker.sock', '/run/podman/podman.sock'];

/**
 * @param dockerHost value of `DOCKER_HOST`; empty or undefined for the usual sockets.
 * @returns the endpoint, or one sentence with the remedy when this cannot be one.
 */
export function findEndpoint(
  dockerHost: string | undefined,
  env: NodeJS.ProcessEnv,
): DockerEndpoint | { problem: string } {
  if (dockerHost === undefined || dockerHost === '') {
    const path = USUAL_SOCKETS.find((candidate) => existsSync(candidate)) ?? USUAL_SOCKETS[0] ?? '';
    return { kind: 'socket', path };
  }
  return parseEndpointUrl(dockerHost, env);
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
  if (scheme === 'ssh') {
    return {
      problem:
        `DOCKER_HOST is ${text}, an engine behind ssh: packets can only be traced on the machine that runs it; ` +
        `log in there (${rest.split('/')[0] ?? rest}) and run trace-flow on it.`,
    };
  }
  return {
    problem: `DOCKER_HOST is "${text}", which is neither unix:///path/to/socket nor tcp://host:port; correct it or unset it.`,
  };
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
