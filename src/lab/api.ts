/** Speaks HTTP with the lab's engine over its socket; the docker command would cost 50 ms each time. */
import type { Readable } from 'node:stream';
import { sendRequest } from '../host/http-request.js';

export interface ApiRequest {
  method?: 'GET' | 'POST';
  path: string;
  /** A tar archive. */
  body?: Readable | undefined;
  signal?: AbortSignal | undefined;
}

/** @returns the response's text. @throws Error when the socket does not answer or the status is not 2xx */
export async function callEngine(socket: string, call: ApiRequest): Promise<string> {
  const { method = 'GET', path, body, signal } = call;
  const headers = { host: 'docker', ...(body && { 'content-type': 'application/x-tar' }) };
  const options = {
    socketPath: socket,
    method,
    path,
    headers,
    agent: false,
    ...(signal && { signal }),
  };
  const answer = await sendRequest({ secure: false, options, body });
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw new Error(`${method} ${path}: ${answer.status} ${answer.body.trim()}`);
}
