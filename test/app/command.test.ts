/** The command that runs beside a trace: it ends with everything that it started, and shortages are reported. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { runInNamespace } from '../../src/app/command.js';
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

test.run();
