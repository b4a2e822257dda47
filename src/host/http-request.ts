/** Sends one HTTP request to an engine, over a socket or TCP, and reads the whole answer as text. */
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** The most bytes of an answer, far more than an engine sends. */
const MAX_ANSWER = 64 * 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpRequest {
  /** Over TLS. */
  readonly secure: boolean;
  readonly options: https.RequestOptions;
  readonly body?: Readable | undefined;
  /** Milliseconds until it fails with the code ETIMEDOUT; no limit when left out. */
  readonly timeout?: number;
}

/** @throws the error of the connection, or of its signal */
export async function sendRequest(request: HttpRequest): Promise<HttpAnswer> {
  const { secure, options, body, timeout } = request;
  const sent = (secure ? https : http).request(options);
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          sent.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
        }, timeout);
  try {
    const answer = receive(sent);
    if (body) await Promise.all([pipeline(body, sent), answer]);
    else sent.end();
    return await answer;
  } finally {
    clearTimeout(timer);
  }
}

function receive(sent: http.ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_ANSWER) response.destroy(new Error(`more than ${MAX_ANSWER} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
  });
}
