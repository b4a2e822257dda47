// Speaks HTTP with the lab's engine over its socket; the docker command would cost 50 ms each time.

import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface ApiRequest {
  method?: 'GET' | 'POST';
  path: string;
  body?: Readable | undefined;
  signal?: AbortSignal | undefined;
}

/** @returns the response's text. @throws Error when the socket does not answer or the status is not 2xx */
export async function callEngine(socket: string, call: ApiRequest): Promise<string> {
  const { method = 'GET', path, body, signal } = call;
  const sent = request({
    socketPath: socket,
    method,
    path,
    agent: false,
    ...(signal ? { signal } : {}),
    ...(body ? { headers: { 'content-type': 'application/x-tar' } } : {}),
  });
  const response = new Promise<string>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (message) => {
      let text = '';
      message.setEncoding('utf8');
      message.on('data', (chunk: string) => (text += chunk));
      message.once('error', reject);
      message.once('end', () => {
        const status = message.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(text);
        else reject(new Error(`${method} ${path}: ${String(status)} ${text.trim()}`));
      });
    });
  });
  if (body) await Promise.all([pipeline(body, sent), response]);
  else sent.end();
  return response;
}
