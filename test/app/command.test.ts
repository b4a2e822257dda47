/** The command that runs beside a trace: it ends with everything that it started, and shortages are reported. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { CommandBeside, runInNamespace } from '../../src/app/command.js';
import { UserError } from '../../src/model/errors.js';
import { waitUntil } from '../capture/tracing.js';
import { suite } from '../support/suite.js';

const test = suite<{ folder: string }>('app: command', { folder: '' });
test.skipUnless(process.platform === 'linux' ? null : 'needs /proc');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-command-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true });
});

/** A shell whose child and grandchild write their pids down; `last` is what the shell itself does then. */
function family(folder: string, last: string): string[] {
  const child = `sh -c 'echo $$ >>"$0/pids"; exec sleep 1000' "$0" &`;
  const script = `${child} sh -c '${child.replaceAll("'", `'\\''`)} echo $$ >>"$0/pids"; wait' "$0" & ${last}`;
  return ['sh', '-c', script, folder];
}

async function readPids(folder: string): Promise<number[]> {
  const text = await readFile(join(folder, 'pids'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) Z /.test(stat);
}

async function awaitEnd(pids: readonly number[]): Promise<void> {
  assert.is(pids.length, 3);
  const anyAlive = async (): Promise<boolean> =>
    (await Promise.all(pids.map(isAlive))).some(Boolean);
  await waitUntil(async () => !(await anyAlive()), 'the end of the whole family');
}

test('what the command leaves behind ends with it', async ({ folder }) => {
  const three = 'while [ "$(wc -l <"$0/pids" 2>/dev/null || echo 0)" -lt 3 ]; do sleep 0.05; done';
  const command = family(folder, `${three}; exit 3`);
  const end = await runInNamespace('self', command, new AbortController().signal);
  assert.is(end.how, 'exited with code 3');
  await awaitEnd(await readPids(folder));
});

test('a stop ends the command and its grandchildren, also those that do not listen', async ({
  folder,
}) => {
  const stop = new AbortController();
  const command = family(folder, 'wait');
  command[2] = `trap '' TERM; ${command[2]}`;
  const running = runInNamespace('self', command, stop.signal);
  await waitUntil(async () => (await readPids(folder)).length === 3, 'the family');
  stop.abort();
  assert.equal(await running, { how: null });
  await awaitEnd(await readPids(folder));
});

test('a command that is not there is told so', async () => {
  const failure: unknown = await runInNamespace(
    'self',
    ['/nonexistent/command'],
    new AbortController().signal,
  ).catch((error: unknown) => error);
  assert.ok(failure instanceof UserError && failure.code === 'no-command');
});

function runBeside(command: readonly string[]): { beside: CommandBeside; warnings: string[] } {
  const warnings: string[] = [];
  const progress = { warn: (text: string): void => void warnings.push(text) };
  const stop = new AbortController().signal;
  return { beside: new CommandBeside('self', command, { stop, progress }), warnings };
}

test('beside a trace: the end of the command is known, and how it ended is told', async () => {
  const { beside, warnings } = runBeside(['sh', '-c', 'exit 3']);
  assert.is(beside.endedAt, null);
  await waitUntil(() => beside.endedAt !== null, 'the end of the command');
  assert.equal(warnings, ['the command exited with code 3']);
  assert.not(beside.failed);
  await beside.finish();
});

test('beside a trace: the command ends with it, and that is no failure', async () => {
  const { beside, warnings } = runBeside(['sleep', '1000']);
  await beside.finish();
  assert.ok(beside.endedAt !== null);
  assert.equal(warnings, []);
});

test('beside a trace: a command that cannot be run fails at once, and is thrown at the end', async () => {
  const { beside } = runBeside(['/nonexistent/command']);
  await waitUntil(() => beside.failed, 'the failure');
  assert.is(beside.endedAt, null);
  const failure: unknown = await beside.finish().catch((error: unknown) => error);
  assert.ok(failure instanceof UserError && failure.code === 'no-command');
});

test('beside a trace: no command never ends and never fails', async () => {
  const { beside } = runBeside([]);
  await beside.finish();
  assert.equal([beside.endedAt, beside.failed], [null, false]);
});

test.run();
