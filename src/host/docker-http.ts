/** Sends GET requests to a Docker Engine over its socket or TCP, with a time limit and failures as sentences. */
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import type { DockerEndpoint } from './docker-endpoint.js';
import { sendRequest, type HttpAnswer } from './http-request.js';

const MAX_SOCKETS = 16;
const HEADERS = { host: 'docker', accept: 'application/json' };

/** A request that could not be answered; `message` says why, `remedy` what to do. */
export class DockerFailure extends Error {
  constructor(
    message: string,
    readonly remedy: string,
    /** HTTP status when the engine refused the request, else null. */
    readonly status: number | null = null,
  ) {
    super(message);
    this.name = 'DockerFailure';
  }
}

export interface DockerClient {
  /** Name of the engine for people: its socket path, or host and port. */
  readonly address: string;
  /** The parsed JSON answer to GET `path`. Throws DockerFailure. */
  get(path: string): Promise<unknown>;
  close(): void;
}

/**
 * @param limits milliseconds that each answer may take, and all of them together.
 * @param signal ends every request, which then throws something other than DockerFailure.
 */
export function connectDocker(
  endpoint: DockerEndpoint,
  limits: { answer: number; total: number },
  signal?: AbortSignal,
): DockerClient {
  const address = endpoint.kind === 'socket' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
  const secure = endpoint.kind === 'tcp' && endpoint.certificates !== null;
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const agent = secure ? new https.Agent(options) : new http.Agent(options);
  const target =
    endpoint.kind === 'socket'
      ? { socketPath: endpoint.path }
      : { host: endpoint.host, port: endpoint.port, ...readCertificates(endpoint.certificates) };
  const end = performance.now() + limits.total;
  // One listener on the caller's signal for all simultaneous requests.
  const stop = signal ? { signal: AbortSignal.any([signal]) } : {};
  if (stop.signal) setMaxListeners(0, stop.signal);
  const get = async (path: string): Promise<unknown> => {
    const timeout = Math.max(0, Math.min(limits.answer, end - performance.now()));
    try {
      const options = { ...target, path, agent, headers: HEADERS, ...stop };
      const answer = await sendRequest({ secure, options, timeout });
      return parseAnswer(answer, path, address);
    } catch (error) {
      if (error instanceof DockerFailure || signal?.aborted) throw error;
      throw describeFailure(error as NodeJS.ErrnoException, address, limits.answer);
    }
  };
  const close = (): void => agent.destroy();
  return { address, get, close };
}

function parseAnswer(answer: HttpAnswer, path: string, address: string): unknown {
  if (answer.status !== 200) {
    throw new DockerFailure(
      `${address} answered GET ${path} with status ${answer.status}`,
      'check that DOCKER_HOST names a Docker Engine',
      answer.status,
    );
  }
  try {
    return JSON.parse(answer.body);
  } catch {
    throw new DockerFailure(
      `${address} does not answer like a Docker Engine`,
      'check that DOCKER_HOST names a Docker Engine',
    );
  }
}

function describeFailure(
  error: NodeJS.ErrnoException,
  address: string,
  timeout: number,
): DockerFailure {
  switch (error.code) {
    case 'ETIMEDOUT':
      return new DockerFailure(
        `the Docker Engine at ${address} did not answer within ${timeout} ms`,
        'check it with `docker version`, or restart it',
      );
    case 'ENOENT':
      return new DockerFailure(
        `there is no Docker Engine at ${address}`,
        'start it, or set DOCKER_HOST to where it listens',
      );
    case 'ECONNREFUSED':
      return new DockerFailure(
        `no Docker Engine listens at ${address}`,
        'start it, or set DOCKER_HOST to where it listens',
      );
    case 'EACCES':
    case 'EPERM':
      return new DockerFailure(
        `permission to ask the Docker Engine at ${address} was denied`,
        'run trace-flow with sudo, or as a member of the group docker',
      );
    case 'ENOTSOCK':
      return new DockerFailure(`${address} is not a socket`, 'correct DOCKER_HOST');
    default:
      return new DockerFailure(
        `${address} does not answer like a Docker Engine (${error.code ?? error.message})`,
        'check that DOCKER_HOST names a Docker Engine',
      );
  }
}

function readCertificates(folder: string | null): https.RequestOptions {
  if (folder === null) return {};
  const read = (name: string): Buffer | undefined => {
    try {
      return readFileSync(join(folder, name));
    } catch {
      return undefined;
    }
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}
