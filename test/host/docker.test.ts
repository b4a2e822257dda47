/** Engines that answer, refuse, hang or die: each gives a sentence with a remedy, and none blocks for long. */
import {
  createServer as createHttpServer,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readEngines, type DockerOptions, type EngineReading } from '../../src/host/docker.js';
import { parseEndpointUrl } from '../../src/host/docker-endpoint.js';
import { suite } from '../support/suite.js';
import { readEngineSample } from './samples.js';

const test = suite('docker');

/** Of the one engine that is named. */
async function readEngine(options: DockerOptions): Promise<EngineReading> {
  const [only] = await readEngines(options);
  if (!only) throw new Error('no reading');
  return only;
}

let folder = '';
let socket = '';
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'engine-'));
  socket = join(folder, 'sock');
});
test.after.each(() => {
  rmSync(folder, { recursive: true });
});

async function serve(server: Server, check: () => Promise<void>): Promise<void> {
  const open = new Set<{ destroy(): void }>();
  server.on('connection', (connection) => open.add(connection));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    await check();
  } finally {
    for (const connection of open) connection.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const sample = readEngineSample('docker-20.10');

/** The recorded engine; `intercept` may take the answer over by returning true. */
function replay(
  intercept: (path: string, response: ServerResponse) => boolean = () => false,
): Server {
  return createHttpServer((request, response) => {
    const path = request.url ?? '';
    if (intercept(path, response)) return;
    const id = /^\/containers\/(\w+)\/json$/.exec(path)?.[1];
    const answers: Record<string, unknown> = {
      '/version': sample.version,
      '/networks': sample.networks,
      '/containers/json?all=1': sample.list,
    };
    const answer =
      answers[path] ??
      Object.values(sample.inspect).find((entry) => (entry as { Id: string }).Id === id);
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(JSON.stringify(answer ?? { message: 'no such thing' }));
  });
}

async function ask(timeout = 1_000): Promise<EngineReading> {
  return readEngine({ dockerHost: `unix://${socket}`, env: {}, timeout });
}

function expectProblem(reading: EngineReading, says: RegExp): void {
  assert.is(reading.engine, null);
  assert.equal(reading.containers, []);
  assert.is(reading.problems.length, 1);
  assert.match(reading.problems[0] ?? '', says);
  assert.match(reading.problems[0] ?? '', /[;:] .+\.$/, 'a remedy');
}

test('reads version, networks and containers, by name', async () => {
  await serve(replay(), async () => {
    const reading = await ask();
    assert.equal(reading.engine, {
      version: '20.10.24+dfsg1',
      product: 'docker',
      address: socket,
    });
    assert.equal(
      reading.containers.map(({ name }) => name),
      ['hostnet', 'other', 'redis', 'redis2', 'shared', 'stopped'],
    );
    assert.equal(reading.problems, []);
  });
});

test('a container that was removed since it was listed is no problem', async () => {
  const gone = (path: string, response: ServerResponse): boolean => {
    if (!path.includes('/containers/2ff2')) return false;
    response.writeHead(404).end();
    return true;
  };
  await serve(replay(gone), async () => {
    const reading = await ask();
    assert.is(reading.containers.length, 5);
    assert.equal(reading.problems, []);
  });
});

test('an engine that hangs on one container still tells of the others', async () => {
  const hang = (path: string): boolean => path.includes('/containers/2ff2');
  await serve(replay(hang), async () => {
    const reading = await ask(200);
    assert.is(reading.containers.length, 5);
    assert.match(reading.problems[0] ?? '', /One container could not be inspected.*200 ms/);
  });
});

test('an engine that accepts and never answers costs the timeout and no more', async () => {
  await serve(createServer(), async () => {
    const start = performance.now();
    expectProblem(await ask(300), /did not answer within 300 ms; check it with `docker version`/);
    assert.ok(performance.now() - start < 1_500);
  });
});

test('an engine that begins an answer and never ends it', async () => {
  const drip: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"Version"');
  };
  await serve(createHttpServer(drip), async () => {
    expectProblem(await ask(300), /did not answer within 300 ms/);
  });
});

test('an engine that closes the connection', async () => {
  await serve(
    createServer((connection) => connection.destroy()),
    async () => expectProblem(await ask(), /does not answer like a Docker Engine/),
  );
});

test('something that is no engine', async () => {
  const answers: [status: number, body: string, says: RegExp][] = [
    [200, '<html>', /does not answer like a Docker Engine/],
    [200, '{"hello": 1}', /does not answer like a Docker Engine/],
    [403, '', /answered GET \/version with status 403/],
  ];
  for (const [status, body, says] of answers) {
    const say: RequestListener = (_request, response) => response.writeHead(status).end(body);
    await serve(createHttpServer(say), async () => expectProblem(await ask(), says));
  }
  await serve(
    createServer((connection) => connection.end('SSH-2.0-OpenSSH_9.2\r\n')),
    async () => expectProblem(await ask(), /does not answer like a Docker Engine/),
  );
});

test('no socket, a plain file, a folder that is closed', async () => {
  expectProblem(await ask(), /there is no Docker Engine at .*; start it, or set DOCKER_HOST/);
  writeFileSync(socket, '');
  expectProblem(await ask(), /no Docker Engine listens at|is not a socket/);
});

test('a port that nobody listens on', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const reading = await readEngine({ dockerHost: `tcp://127.0.0.1:${port}`, env: {} });
  expectProblem(reading, /no Docker Engine listens at 127\.0\.0\.1:/);
});

test('an engine over TCP', async () => {
  const server = replay();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const reading = await readEngine({ dockerHost: `tcp://127.0.0.1:${port}`, env: {} });
  server.close();
  assert.is(reading.engine?.version, '20.10.24+dfsg1');
});

test('the signal ends it with its own reason', async () => {
  await serve(createServer(), async () => {
    const stop = new AbortController();
    const reading = readEngine({
      dockerHost: `unix://${socket}`,
      env: {},
      signal: stop.signal,
    });
    stop.abort(new Error('enough'));
    const ending = await reading.catch((error: unknown) => error);
    assert.match(String(ending), /enough/);
  });
});

const ENDPOINTS: [string, unknown][] = [
  ['unix:///run/docker.sock', { kind: 'socket', path: '/run/docker.sock' }],
  ['tcp://127.0.0.1', { kind: 'tcp', host: '127.0.0.1', port: 2375, certificates: null }],
  ['tcp://[::1]:80/', { kind: 'tcp', host: '::1', port: 80, certificates: null }],
  ['tcp://engine.test:2376', { kind: 'tcp', host: 'engine.test', port: 2376, certificates: null }],
];
for (const [text, endpoint] of ENDPOINTS) {
  test(`DOCKER_HOST=${text}`, () => {
    assert.equal(parseEndpointUrl(text, {}), endpoint);
  });
}

test('DOCKER_HOST with TLS', () => {
  const env = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' };
  const endpoint = { kind: 'tcp', host: 'a', port: 2376, certificates: '/certs' };
  assert.equal(parseEndpointUrl('tcp://a', env), endpoint);
});

const REFUSED: [string, RegExp][] = [
  [
    'ssh://me@far.test/run/x.sock',
    /only there its packets can be traced: run trace-flow --host ssh:\/\/me@far\.test --port N/,
  ],
  ['ssh://x;reboot', /trace-flow --host ssh:\/\/USER@HOST/],
  ['unix://relative', /neither unix:\/\/\/path/],
  ['/var/run/docker.sock', /neither unix:\/\/\/path/],
  ['npipe:////./pipe/docker', /neither unix/],
  ['tcp://', /not tcp:\/\/host:port/],
  ['tcp://a:99999', /not tcp:\/\/host:port/],
];
for (const [text, says] of REFUSED) {
  test(`DOCKER_HOST=${text} is refused with a remedy`, async () => {
    expectProblem(await readEngine({ dockerHost: text, env: {} }), says);
  });
}

test.run();
