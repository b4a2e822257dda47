/** The tracer's process: its lines, its end, and that no process of it survives. */
import * as assert from 'uvu/assert';
import { startChild, type Child, type ChildOptions } from '../../src/capture/bpftrace/child.js';
import { suite } from '../support/suite.js';
import { findMarked, FIXTURES, waitUntil } from './tracing.js';

const test = suite('child');
test.skipUnless(process.platform === 'linux' ? null : 'setpriv is a program of Linux');

interface Started {
  readonly child: Child;
  readonly lines: string[];
  readonly mark: string;
}

let marks = 0;

function start(name: string, program = '', more: Partial<ChildOptions> = {}): Started {
  const lines: string[] = [];
  const mark = `child-test-${process.pid}-${(marks += 1)}`;
  const child = startChild({
    bpftrace: name.startsWith('/') ? name : FIXTURES + name,
    program,
    functions: null,
    // Any folder: the mount, which needs root, is left out.
    tracefs: '/',
    environment: { MARK: mark },
    onLine: (line) => lines.push(line),
    ...more,
  });
  return { child, lines, mark };
}

test('gives the program on standard input, the English locale, and whole lines of both streams', async () => {
  const { child, lines, mark } = start('echoes', 'BEGIN\n\n{ }\n');
  await waitUntil(() => lines.includes('complaint') && lines.includes('{ }'), 'the echo');
  const exit = await child.stop(0);
  for (const line of ['args -', 'locale C', `mark ${mark}`, 'BEGIN', '{ }', 'complaint']) {
    assert.ok(lines.includes(line), line);
  }
  assert.not.ok(lines.includes(''), 'empty lines say nothing');
  assert.not.ok(lines.includes('cut'), 'a line without its end is not read');
  assert.is(exit.stderr, 'complaint\n');
  assert.equal([exit.signal, exit.how], ['SIGKILL', 'was killed by SIGKILL']);
  assert.equal(await findMarked('MARK', mark), []);
});

test('gives the list of functions by a descriptor of its own', async () => {
  const { child, lines } = start('reads-list', '', { functions: ['ip_rcv', 'ip_forward'] });
  await child.exited;
  assert.equal(lines, ['args --traceable-functions /dev/fd/3 -', 'ip_rcv', 'ip_forward']);
});

test('gives the types that were picked by a descriptor of its own, unless the caller has others', async () => {
  const types = Buffer.from('types\n');
  const read = async (passEnvironment: boolean): Promise<readonly string[]> => {
    const { child, lines } = start('reads-types', '', { types, passEnvironment });
    await child.exited;
    return lines;
  };
  assert.equal(await read(false), ['types']);
  process.env['BPFTRACE_BTF'] = '/dev/null';
  try {
    assert.equal(await read(false), ['types'], 'nothing of the caller reaches bpftrace');
    assert.equal(await read(true), []);
  } finally {
    Reflect.deleteProperty(process.env, 'BPFTRACE_BTF');
  }
});

test('tells how it ended', async () => {
  const { child, mark } = start('wordless');
  const exit = await child.exited;
  assert.equal(
    [exit.exitCode, exit.signal, exit.how, exit.stderr, exit.absent],
    [3, null, 'exited with code 3', '', false],
  );
  assert.equal(await findMarked('MARK', mark), []);
  assert.is((await child.stop(1000)).exitCode, 3, 'it may be stopped once more');
});

test('asks before it kills', async () => {
  const { child, lines } = start('silent');
  await waitUntil(() => lines.length > 0, 'its first line');
  assert.is((await child.stop(60_000)).signal, 'SIGINT');
});

test('kills what does not listen, with its children', async () => {
  const { child, lines, mark } = start('stubborn-child');
  await waitUntil(() => lines.length > 0, 'its first line');
  assert.is((await findMarked('MARK', mark)).length, 2);
  assert.is((await child.stop(50)).signal, 'SIGKILL');
  await waitUntil(async () => (await findMarked('MARK', mark)).length === 0, 'the end of all');
});

test('does not wait for what it left behind, but ends it', async () => {
  const { child, lines, mark } = start('gone');
  assert.is((await child.exited).exitCode, 0);
  assert.equal(lines, ['B 1a']);
  await waitUntil(async () => (await findMarked('MARK', mark)).length === 0, 'the end of all');
});

test('a program that is absent is an exit as well', async () => {
  const { child } = start('/nonexistent/bpftrace');
  const exit = await child.exited;
  assert.match(exit.stderr, /failed to execute \/nonexistent\/bpftrace: No such file/);
  assert.is(exit.exitCode, 127);
});

test.run();
