/** Shared by the tests of faults: a server that greets, a trace of it with one fault, and what it reports. */
import { execa } from 'execa';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLiveObstacle } from './live.js';
import { suite, type Suite } from './suite.js';

export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
export const RUN = join(PROJECT, 'bin/run.js');

export interface Scene {
  folder: string;
  server: Server;
  port: number;
}

/** A suite whose tests have a folder and a server that says hello. */
export function faultSuite(name: string): Suite<Scene> {
  const test = suite<Scene>(name, { folder: '', server: createServer(), port: 0 });
  test.skipUnless(findLiveObstacle('setpriv', 'prlimit'));
  test.before.each(async (context) => {
    context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-faults-'));
    context.server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('hello\n');
      socket.resume();
    }).listen(0, '127.0.0.1');
    await once(context.server, 'listening');
    context.port = (context.server.address() as AddressInfo).port;
  });
  test.after.each(({ folder, server }) => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return test;
}

/** One connection to the server, to its end. */
export const dial = (port: number): string => `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3`;

export interface Options {
  /** Starts the program: `setpriv …`, `prlimit …`. */
  readonly through?: readonly string[];
  readonly env?: Record<string, string>;
  /** In bash, beside the trace. */
  readonly command?: string;
  readonly flags?: readonly string[];
}

export function trace(port: number, options: Options = {}) {
  const { through = [], env = {}, command = dial(port), flags = [] } = options;
  const own = [process.execPath, RUN, '--port', String(port), '--json', ...flags];
  const [file = '', ...args] = [...through, ...own, '--', 'bash', '-c', command];
  return execa(file, args, { reject: false, env });
}

export interface Told {
  readonly verdict: { readonly proof: string; readonly reason: string };
  readonly connections: readonly {
    readonly path: string;
    readonly proof: string;
    readonly timing: { readonly start: string };
  }[];
  readonly coverage: {
    readonly sealed: boolean;
    readonly lostEvents: number;
    readonly notes: readonly string[];
  };
}

export const parse = (text: string): Told => JSON.parse(text) as Told;
