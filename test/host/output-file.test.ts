/**
 * Output files: ordinary ones are replaced whole with mode and owner, and links, FIFOs and devices are written into.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { checkOutput, locateOutput, writeOutput } from '../../src/host/output-file.js';
import { UserError } from '../../src/model/errors.js';
import { suite } from '../support/suite.js';

const test = suite<{ folder: string }>('output file', { folder: '' });
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow output-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true });
});

const isRoot = process.getuid?.() === 0;

test('a new file belongs to its owner alone, whatever the umask', async ({ folder }) => {
  const file = join(folder, 'new');
  const before = process.umask(0);
  try {
    await checkOutput(file);
    assert.equal(readdirSync(folder), [], 'a check leaves nothing behind');
    await writeOutput(file, 'text');
  } finally {
    process.umask(before);
  }
  assert.is(statSync(file).mode & 0o7777, 0o600);
  assert.is(readFileSync(file, 'utf8'), 'text');
  assert.equal(readdirSync(folder), ['new']);
});

test('a file that is there is replaced, and keeps its mode and its owner', async ({ folder }) => {
  const file = join(folder, 'old');
  writeFileSync(file, 'a much longer text than the new one');
  chmodSync(file, 0o640);
  if (isRoot) chownSync(file, 12345, 54321);
  const { ino } = statSync(file);
  await writeOutput(file, 'new');
  const facts = statSync(file);
  assert.is(readFileSync(file, 'utf8'), 'new');
  assert.is(facts.mode & 0o7777, 0o640);
  if (isRoot) assert.equal([facts.uid, facts.gid], [12345, 54321]);
  assert.is.not(facts.ino, ino, 'by a rename, so that nobody sees half of it');
});

test('links are followed, also to a file that is not there yet', async ({ folder }) => {
  mkdirSync(join(folder, 'elsewhere'));
  const link = join(folder, 'link');
  symlinkSync('elsewhere/target', link);
  for (const text of ['first', 'second']) {
    await writeOutput(link, text);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.is(readFileSync(join(folder, 'elsewhere/target'), 'utf8'), text);
  }
  assert.equal(readdirSync(folder).sort(), ['elsewhere', 'link']);
});

test('a FIFO is written into, also when its reader comes later', async ({ folder }) => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const text = 'x'.repeat(300_000);
  const written = writeOutput(fifo, text);
  const [read] = await Promise.all([readFile(fifo, 'utf8'), written]);
  assert.is(read, text);
  assert.ok(lstatSync(fifo).isFIFO());
});

test('a device is written into, and stays one', async () => {
  await writeOutput('/dev/null', 'text');
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
  const full = await refusal(writeOutput('/dev/full', 'text'));
  assert.match(full.message, /no room is left, ENOSPC/);
});

test('a descriptor of our own is written into, not the name of the file behind it', async ({
  folder,
}) => {
  const file = join(folder, 'behind');
  const fd = openSync(file, 'w');
  try {
    const { ino } = fstatSync(fd);
    for (const name of [`/dev/fd/${fd}`, `/proc/self/fd/${fd}`]) await writeOutput(name, 'part ');
    assert.is(readFileSync(file, 'utf8'), 'part part ');
    assert.is(statSync(file).ino, ino);
  } finally {
    closeSync(fd);
  }
  assert.equal(await locateOutput('/dev/stdout'), { kind: 'descriptor', fd: 1 });
  const taken: (string | Buffer)[] = [];
  const streams = new Map([
    [
      1,
      (text: string | Buffer) => {
        taken.push(text);
        return Promise.resolve();
      },
    ],
  ]);
  await writeOutput('/dev/stdout', 'text', streams);
  assert.equal(taken, ['text']);
});

test('what cannot be written is refused beforehand, each with its reason', async ({ folder }) => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('b', join(folder, 'a'));
  symlinkSync('a', join(folder, 'b'));
  const cases: [string, RegExp][] = [
    [folder, /is a folder/],
    [join(folder, 'none/x'), /no such folder/],
    [join(folder, 'file/x'), /is a file and no folder/],
    [join(folder, 'x'.repeat(256)), /too long/],
    [join(folder, 'a'), /in circles/],
  ];
  if (process.platform === 'linux') cases.push(['/proc/none', /no such folder|permission/]);
  for (const [name, why] of cases) {
    const error = await refusal(checkOutput(name));
    assert.match(error.message, why, name);
    assert.equal([error.code, error.exit], ['cannot-write', 1]);
    assert.is.not(error.remedy ?? '', '');
  }
  assert.is(await checkOutput(join(folder, 'x'.repeat(255))).then(() => 'fine'), 'fine');
});

test('a write that fails leaves the old file whole, and no draft', ({ folder }) => {
  if (process.platform !== 'linux') return;
  const file = join(folder, 'kept');
  writeFileSync(file, 'the old text');
  const module = new URL('../../src/host/output-file.js', import.meta.url).href;
  const script = `const { writeOutput } = await import(${JSON.stringify(module)});
    await writeOutput(process.argv[1], Buffer.alloc(200000)).catch((e) => console.log(e.message));`;
  const limited = ['--fsize=65536', process.execPath, '--input-type=module', '-e', script, file];
  const said = execFileSync('prlimit', limited, { encoding: 'utf8' });
  assert.match(said, /EFBIG/);
  assert.is(readFileSync(file, 'utf8'), 'the old text');
  assert.equal(readdirSync(folder), ['kept']);
});

async function refusal(work: Promise<unknown>): Promise<UserError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UserError)) throw new Error('no UserError', { cause: error });
  return error;
}

test.run();
