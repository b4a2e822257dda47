/**
 * The program with outputs that are closed, full or odd: the other outputs are written, and what is missing is
 * reported.
 */
import { execa } from 'execa';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const SAMPLE = join(PROJECT, 'samples/dnat-outside.ndjson');

const test = suite<{ folder: string }>('cli: outputs', { folder: '' });
test.skipUnless(process.platform === 'linux' ? null : 'needs /dev/full');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow outputs-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true });
});

/** In bash: `read` is the program reading the sample, with an SVG asked for. */
async function shell(folder: string, script: string) {
  const setup = `read() { ${JSON.stringify(process.execPath)} "$0/bin/run.js" read "$1" "\${@:2}"; }; sample=$1; cd "$2"; `;
  return execa('bash', ['-c', setup + script, PROJECT, SAMPLE, folder], { reject: false });
}

test('a reader that has seen enough costs no file, and is told', async ({ folder }) => {
  const script =
    'read "$sample" --json --hops all --svg a.svg | head -c 1 >/dev/null; exit $PIPESTATUS';
  const { exitCode, stderr } = await shell(folder, script);
  assert.match(readFileSync(join(folder, 'a.svg'), 'utf8'), /<\/svg>\s*$/);
  assert.match(stderr, /^wrote a\.svg/m);
  // The whole document may have gone out before its reader went; then nothing is missing.
  if (exitCode !== 0) {
    assert.is(exitCode, 1);
    assert.match(stderr, /^Error: not everything .*standard output .*EPIPE/m);
  }
});

test('a closed reader is an error for certain when nothing was read', async ({ folder }) => {
  const script = 'read "$sample" --ndjson --svg a.svg | true; exit $PIPESTATUS';
  const { exitCode, stderr } = await shell(folder, `exec 3>&2; ${script}`);
  assert.ok(statSync(join(folder, 'a.svg')).size > 0);
  assert.is(exitCode, 1, stderr);
  assert.not.match(stderr, /^\s+at /m);
});

test('a full disk behind standard output: the file is there, one line says it', async ({
  folder,
}) => {
  for (const kind of ['', '--json', '--ndjson']) {
    const { exitCode, stderr } = await shell(
      folder,
      `read "$sample" ${kind} --svg a.svg >/dev/full`,
    );
    assert.is(exitCode, 1);
    assert.equal(stderr.split('\n'), [
      'wrote a.svg',
      'Error: not everything could be written to standard output (no room is left, ENOSPC)',
    ]);
    assert.match(readFileSync(join(folder, 'a.svg'), 'utf8'), /<\/svg>\s*$/);
  }
});

test('a full standard error does not silence the report', async ({ folder }) => {
  const { exitCode, stdout } = await shell(folder, 'read "$sample" --json --svg a.svg 2>/dev/full');
  assert.is(exitCode, 1);
  assert.is((JSON.parse(stdout) as { schema: string }).schema, 'trace-flow/1');
  assert.ok(statSync(join(folder, 'a.svg')).size > 0);
});

test('help on a full disk is an error of one line, and no stack', async ({ folder }) => {
  const { exitCode, stderr } = await shell(folder, '"$0/bin/run.js" --help >/dev/full');
  assert.is(exitCode, 1);
  assert.match(stderr, /^Error: .*ENOSPC\)$/);
});

test('one output that fails costs no other one', async ({ folder }) => {
  const script = 'read "$sample" --svg /dev/full --mermaid a.mmd';
  const { exitCode, stdout, stderr } = await shell(folder, script);
  assert.is(exitCode, 1);
  assert.match(
    stderr,
    /^Error: \/dev\/full cannot be written \(no room is left, ENOSPC\)\nRemedy: /m,
  );
  assert.match(stderr, /^wrote a\.mmd$/m);
  assert.match(stdout, /proven/);
});

test('standard output and substituted processes are outputs like others', async ({ folder }) => {
  const whole = await shell(folder, 'read "$sample" --svg a.svg >/dev/null');
  assert.is(whole.exitCode, 0);
  const picture = readFileSync(join(folder, 'a.svg'), 'utf8');
  const through = await shell(folder, 'read "$sample" --svg >(cat >b.svg) >/dev/null; wait');
  assert.is(through.exitCode, 0);
  assert.is(readFileSync(join(folder, 'b.svg'), 'utf8'), picture);
  const out = await shell(folder, 'read "$sample" --svg /dev/stdout >c');
  assert.is(out.exitCode, 0);
  assert.ok(readFileSync(join(folder, 'c'), 'utf8').startsWith(picture), 'picture, then report');
});

test('outputs that are one and the same place are wrong usage, also with the input', async ({
  folder,
}) => {
  for (const script of [
    'read "$sample" --svg x --mermaid ./x',
    'ln -s x y; read "$sample" --svg x --mermaid y',
    'cp "$sample" z; read z --pcapng z',
    'read "$sample" --json --svg /dev/stdout',
  ]) {
    const { exitCode, stdout, stderr } = await shell(folder, script);
    assert.is(exitCode, 2, script);
    assert.is(stdout, '');
    assert.match(stderr, /one and the same place/);
  }
  assert.is(
    (await shell(folder, 'read "$sample" --svg /dev/null --mermaid /dev/null')).exitCode,
    0,
  );
});

test('nothing that a terminal obeys comes through, on either stream', async ({ folder }) => {
  for (const script of [
    "read $'no\\e[31m\\u202efile'",
    'read "$sample" $\'--\\e[2Jx\'',
    '"$0/bin/run.js" $\'a\\e]0;x\\a\'',
    'read "$sample" --svg $\'none\\e[31m/x\'',
    "printf '%s' $'{\"\\e[31m\": 1}' >bad; read bad",
  ]) {
    const { exitCode, stdout, stderr } = await shell(folder, script);
    assert.is.not(exitCode, 0, script);
    assert.not.match(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/, script);
  }
});

test('nohup is honoured, by the launcher and by a parent that ignores the signal', async ({
  folder,
}) => {
  // The report waits for its input, so that the signal comes in the middle.
  for (const start of [
    '(exec nohup "$0/bin/trace-flow" read - <in >out 2>err) & top=$!; pid() { echo $top; }',
    '(trap "" HUP; "$0/bin/run.js" read - <in >out 2>err; exit $?) & top=$!; pid() { pgrep -P $top; }',
  ]) {
    // Node catches the signal from when the program has looked; until then bash's child ignores it.
    const script = `mkfifo in; ${start}; exec 3>in
      until grep -qs '^SigCgt:.*[13579bdf]$' /proc/$(pid)/status; do sleep 0.05; done
      kill -HUP $(pid); cat "$sample" >&3; exec 3>&-; wait $top; code=$?; cat out err; rm in; exit $code`;
    const { exitCode, stdout } = await shell(folder, script);
    assert.match(stdout, /proven/, start);
    assert.is(exitCode, 0, start);
  }
});

test.run();
