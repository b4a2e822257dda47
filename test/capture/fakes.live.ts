/** The tracer against bpftraces that misbehave: what it reports is right, and none of them survives. */
import { createServer, connect, type AddressInfo } from 'node:net';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { UserError } from '../../src/model/errors.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { FLOOD, type Play } from './play.js';
import { findTracers, FIXTURES, trace, waitUntil, type Tracing } from './tracing.js';

const test = suite('tracer and fakes');
test.skipUnless(findLiveObstacle());
test.after.each(async () => {
  await waitUntil(async () => (await findTracers()).length === 0, 'the end of every tracer');
});

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function dial(port: number, times = 1): Promise<void> {
  for (let round = 0; round < times; round += 1) {
    const socket = connect(port, '127.0.0.1').resume();
    socket.on('error', () => undefined);
    await once(socket, 'close');
  }
}

async function start(kind: Play): Promise<Tracing & { readonly port: number }> {
  const port = await findFreePort();
  return { port, ...(await trace([port], { bpftrace: `${FIXTURES}plays-${kind}` })) };
}

async function catchError(work: Promise<unknown>): Promise<UserError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UserError)) throw new Error('no UserError', { cause: error });
  return error;
}

test('never ready: a clear error within the patience', async () => {
  const port = await findFreePort();
  const error = await catchError(trace([port], { bpftrace: `${FIXTURES}silent`, patience: 700 }));
  assert.is(error.code, 'not-ready');
  assert.match(error.message, /within 0\.7 s: missing out, in, drop, state, accept/);
  assert.equal(await findTracers(), []);
});

test('never ready and deaf to SIGINT, with a child', async () => {
  const port = await findFreePort();
  const bpftrace = `${FIXTURES}stubborn-child`;
  const error = await catchError(trace([port], { bpftrace, patience: 100 }));
  assert.is(error.code, 'not-ready');
});

test('ends before it is ready: with a known complaint, without a word, or was never there', async () => {
  const port = await findFreePort();
  for (const [name, code] of [
    [`${FIXTURES}no-btf`, 'no-btf'],
    [`${FIXTURES}wordless`, 'bpftrace-failed'],
    ['/nonexistent/bpftrace', 'no-bpftrace'],
    [FIXTURES, 'no-bpftrace'],
  ] as const) {
    assert.is((await catchError(trace([port], { bpftrace: name }))).code, code, name);
  }
});

test('a bpftrace that cannot do with the types that were picked gets all of them', async () => {
  const port = await findFreePort();
  const { tracer, events } = await trace([port], { bpftrace: `${FIXTURES}wants-all-types` });
  await dial(port, 3);
  await waitUntil(() => events.length === 3, 'its events');
  const end = await tracer.finish();
  assert.equal([end.sealed, end.notes], [true, []]);
  await end.closed;
  assert.equal(await findTracers(), []);
});

test('is told to stop before it is ready', async () => {
  const abort = new AbortController();
  const port = await findFreePort();
  const started = trace([port], { bpftrace: `${FIXTURES}silent`, signal: abort.signal });
  await waitUntil(async () => (await findTracers()).length > 0, 'the fake');
  abort.abort(new Error('enough'));
  const reason = await started.then(
    () => null,
    (error: unknown) => error,
  );
  assert.is(reason instanceof Error && reason.message, 'enough');
  assert.equal(await findTracers(), []);
});

test('a number that is none starts nothing', async () => {
  for (const options of [{ budget: 0 }, { relays: [-1] }]) {
    const error: unknown = await trace([1], options).catch((reason: unknown) => reason);
    assert.instance(error, RangeError);
  }
});

test('honest: sealed, nothing lost, nothing of the seals among the events', async () => {
  const { tracer, events, losses, port } = await start('honest');
  await dial(port, 13);
  const end = await tracer.finish();
  assert.equal([end.sealed, end.lost, end.died, end.notes], [true, 0, null, []]);
  assert.is(events.length, 13);
  assert.equal(
    events.map(({ id }) => id),
    Array.from({ length: 13 }, (_, at) => at + 1),
  );
  assert.equal(losses, []);
  assert.is(end.remainder.length, 1);
  const [counter] = end.remainder;
  assert.equal(counter?.kind === 'counter' && [counter.packets, counter.bytes], [7, 700]);
  await end.closed;
  assert.equal(await findTracers(), []);
});

test('checkpoints: all that was told before them is complete, and a loss shows in the count', async () => {
  const { tracer, events, checkpoints, port } = await start('honest');
  assert.is(tracer.checkpoints, true);
  await dial(port, 3);
  await waitUntil(() => events.length === 3, 'its events');
  const last = events.at(-1)?.time ?? Infinity;
  await waitUntil(() => (checkpoints.at(-1)?.to ?? 0) > last, 'a checkpoint behind them');
  const end = await tracer.finish();
  assert.is(end.sealed, true);
  assert.ok(checkpoints.every(({ afterLoss }) => afterLoss === undefined));
  for (const [index, one] of checkpoints.entries()) {
    if (index > 0)
      assert.is(one.from, checkpoints[index - 1]?.to, 'each begins where the last ended');
  }
  assert.equal(
    checkpoints.map(({ end: isEnd }) => isEnd),
    [...checkpoints.slice(1).map(() => undefined), true],
  );
  await end.closed;
});

test('a loss that only the count betrays: no checkpoint reaches it', async () => {
  const { tracer, checkpoints, port } = await start('hides');
  await waitUntil(() => checkpoints.length > 0, 'a checkpoint before the loss');
  await dial(port);
  const end = await tracer.finish();
  assert.equal([end.sealed, end.lost], [false, 5]);
  const [first] = checkpoints;
  assert.is(first?.afterLoss, undefined);
  assert.ok(checkpoints.every(({ afterLoss, end: isEnd }) => !isEnd || afterLoss === true));
  await end.closed;
});

test('floods: every line is read', async () => {
  const { tracer, events, port } = await start('floods');
  await dial(port);
  await waitUntil(() => events.length === FLOOD, 'every line');
  const end = await tracer.finish();
  assert.is(end.sealed, true);
});

test('dies in mid-trace, also in the middle of a line: not sealed, and said so', async () => {
  for (const kind of ['dies', 'cut'] as const) {
    const { tracer, events, port } = await start(kind);
    await dial(port);
    assert.is((await tracer.died).signal, 'SIGKILL');
    const end = await tracer.finish();
    assert.is(end.sealed, false);
    assert.match(end.died ?? '', /^bpftrace was killed by SIGKILL while tracing/);
    assert.equal(end.notes, [end.died]);
    assert.equal(events, [], kind);
  }
});

test('does not answer at the end, nor to SIGINT: not sealed, gone all the same', async () => {
  const { tracer, events, port } = await start('stubborn');
  await dial(port, 3);
  const end = await tracer.finish();
  assert.equal([end.sealed, end.died], [false, null]);
  assert.equal(end.notes, ['bpftrace did not hand over everything that it had seen']);
  assert.is(events.length, 3);
  assert.equal(await findTracers(), []);
});

test('losses that it reports, and those that only the count of lines betrays', async () => {
  const reported = await start('loses');
  await dial(reported.port);
  const end = await reported.tracer.finish();
  assert.equal([end.sealed, end.lost], [false, 5]);
  assert.equal(reported.losses, [5]);

  const silent = await start('miscounts');
  await dial(silent.port);
  const other = await silent.tracer.finish();
  assert.equal([other.sealed, other.lost], [false, 5]);
});

test('garbage between the lines is passed over', async () => {
  const { tracer, events, port } = await start('garbage');
  await dial(port, 2);
  const end = await tracer.finish();
  assert.equal([end.sealed, end.lost], [true, 0]);
  assert.is(events.length, 2);
});

test('counters that are printed twice count once', async () => {
  const { tracer } = await start('repeats');
  const end = await tracer.finish();
  assert.equal(
    end.remainder.map((event) => event.kind === 'counter' && event.packets),
    [7],
  );
});

test('the port of a seal is closed after every end, so the process can end', async () => {
  const { tracer } = await start('honest');
  await (
    await tracer.finish()
  ).closed;
  const open = (process as { getActiveResourcesInfo?: () => string[] }).getActiveResourcesInfo?.();
  assert.not.ok(open?.includes('TCPServerWrap'), open?.join());
});

test('none survives when this program is killed', async () => {
  const module = fileURLToPath(new URL('tracing.js', import.meta.url));
  const port = await findFreePort();
  for (const bpftrace of [`${FIXTURES}plays-stubborn`, 'bpftrace']) {
    const script = `import(${JSON.stringify(module)}).then((m) => m.traceUntilKilled(${port}, ${JSON.stringify(bpftrace)}))`;
    const owner = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    const { pid = 0 } = owner;
    assert.ok((await findTracers(pid)).length > 0, bpftrace);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await waitUntil(async () => (await findTracers(pid)).length === 0, `the end of ${bpftrace}`);
  }
});

test.run();
