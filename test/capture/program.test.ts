/** The program for bpftrace: filters, budget and relays are filled in, with one BEGIN, one END and a freeze. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { PROBE_FILES } from '../../src/capture/bpftrace/plan.js';
import { tracepointsOf } from '../../src/capture/bpftrace/probe-file.js';
import { findSlice, PROBES as SLICES } from '../../src/capture/bpftrace/probes/index.js';
import {
  assembleProgram,
  FILTER,
  type ProgramParameters,
} from '../../src/capture/bpftrace/program.js';
import { suite } from '../support/suite.js';

const PROBES = fileURLToPath(new URL('../../../probes/', import.meta.url));
const FILES = PROBE_FILES.map((name) => ({ name, text: readFileSync(PROBES + name, 'utf8') }));

const test = suite('program');

function assemble(parameters: Partial<ProgramParameters> = {}, names: readonly string[] = []) {
  const chosen = names.length === 0 ? FILES : FILES.filter(({ name }) => names.includes(name));
  return assembleProgram(chosen, {
    ports: [6379, 40_001, 40_002, 40_003],
    budget: 16,
    relays: [4711],
    owner: 4713,
    finalPort: 40_003,
    counting: { kind: 'end' },
    mark: '5eed',
    ...parameters,
  });
}

test('a host without tunnels does not pay for them', () => {
  const hops = ['hops-in.bt', 'hops-out.bt'];
  const [whole, without] = [assemble({}, hops), assemble({ tunnels: false }, hops)];
  assert.is(count(whole, /printf\("W (in|out)/g), 2);
  assert.is(count(without, /printf\("W|4789|\$tunnel/g), 0);
  assert.is(count(without, /printf\("P (in|out)/g), count(whole, /printf\("P (in|out)/g));
  assert.is(count(without, /\)\) \{\n {4}return;\n {2}\}\n {2}\$who/g), 2);
});

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

test('every file in the folder is known to the plan', () => {
  assert.equal(
    readdirSync(PROBES)
      .filter((name) => name.endsWith('.bt'))
      .sort(),
    [...PROBE_FILES].sort(),
  );
});

test('every slice names the letters that its file prints, and no letter means two things', () => {
  const specs = new Map<string, unknown>();
  for (const { file, lines } of SLICES) {
    const text = readFileSync(PROBES + file, 'utf8');
    const printed = [...text.matchAll(/printf\("([A-Z]) /g)].map(([, letter]) => letter);
    const told = lines.map(({ letter }) => letter);
    assert.equal([...new Set(printed)].sort(), told.sort(), file);
    for (const line of lines) {
      assert.is(specs.get(line.letter) ?? line, line, line.letter);
      specs.set(line.letter, line);
    }
  }
});

test('every file filters, by the one line that can be replaced', () => {
  for (const { name, text } of FILES) {
    const { guard } = findSlice(name) ?? {};
    const line = guard === 'aside' ? /\{ \/\/ aside filter$/m : new RegExp(FILTER.source);
    assert.match(text, line, name);
    const printing = count(text, /^ *printf\(/gm);
    assert.is(count(text, /\bprintf\(/g), printing, `${name}: each printf starts its line`);
  }
});

test('no positional parameter and no filter is left over', () => {
  for (const budget of [1, 16, 999_999]) {
    const program = assemble({ budget });
    assert.not.match(program, /\$\d/);
    assert.not.match(program, /(?:flow|aside|sum) filter/);
    assert.match(program, /if \(@final == 0 && \$what != 0 && @relay/);
    assert.match(program, new RegExp(` <= ${budget}\\)`));
  }
});

test('filters by each port on both sides until the freeze', () => {
  const program = assemble({ ports: [6379, 40_003] }, ['hops-out.bt']);
  assert.ok(
    program.includes(
      'if (($sport == 6379 || $dport == 6379 || $sport == 40003 || $dport == 40003) && @final == 0) {',
    ),
  );
  assert.not.match(program, /@port\b/);
});

test('takes more than eight ports from a map that it clears at the end', () => {
  const eight = [1, 2, 3, 4, 5, 6, 7, 8];
  assert.not.match(assemble({ ports: eight, finalPort: 8 }), /@port\b/);
  const program = assemble({ ports: [...eight, 65_535], finalPort: 8 });
  assert.match(program, /if \(\(@port\[\$sport\] \|\| @port\[\$dport\]\) && @final == 0\) \{/);
  assert.is(count(program, /^ {2}@port\[\(uint64\)\d+\] = \(uint64\)1;$/gm), 9);
  assert.match(program, /clear\(@port\);/);
});

test('has one BEGIN with the relays and the clock, one END that clears every map it prints', () => {
  const program = assemble({ relays: [4711, 12] });
  assert.is(count(program, /^BEGIN$/gm), 1);
  assert.is(count(program, /^END$/gm), 1);
  const begin = program.slice(0, program.indexOf('}'));
  assert.match(begin, /@relay\[\(uint64\)4711\] = \(uint64\)1;\n {2}@relay\[\(uint64\)12\] =/);
  assert.match(begin, /printf\("B %lx\\n", nsecs\);\n$/);
  const maps = new Set(program.match(/@\w+/g));
  const end = program.slice(program.indexOf('\nEND'));
  for (const map of maps) assert.ok(end.includes(`clear(${map});`), map);
});

test('names no relay where no file asks for one', () => {
  assert.not.match(assemble({}, ['hops-out.bt', 'drops.bt']), /@relay/);
});

test('counts every line before it prints it, but not its own B and E', () => {
  const program = assemble();
  const lines = program.split('\n');
  const printing = lines.flatMap((line, at) => (/^\s*printf\("[BE] /.test(line) ? [] : [at]));
  let seen = 0;
  for (const at of printing) {
    if (!/^\s*printf\(/.test(lines[at] ?? '')) continue;
    seen += 1;
    assert.match(lines[at - 1] ?? '', /^\s*@printed = count\(\);$/);
  }
  assert.is(
    seen,
    FILES.reduce((sum, { text }) => sum + count(text, /^ *printf\(/gm), 0),
  );
  assert.is(count(program, /@printed = count\(\)/g), seen);
});

test('is frozen by a dial to the final port, reports once, and ends its report with E', () => {
  const program = assemble();
  assert.is(count(program, /if \(\$dport == 40003\) \{\n\s+@final = \(uint64\)1;/g), 1);
  const report = program.slice(program.indexOf('interval:ms:20'));
  assert.match(report, /^interval:ms:20\n\/@final == 1\/\n\{\n {2}@final = \(uint64\)2;\n/);
  for (const map of ['printed', 'packets', 'bytes', 'total', 'read', 'written']) {
    assert.is(count(report, new RegExp(`print\\(@${map}\\);`, 'g')), 1, map);
  }
  assert.ok(report.indexOf('printf("E ') > report.lastIndexOf('print(@'));
});

test('prints only maps that its files fill', () => {
  const program = assemble({}, ['hops-out.bt', 'tcp-states.bt']);
  assert.match(program, /print\(@packets\)/);
  assert.not.match(program, /@total|@read|@written|@splice_in/);
});

test('lists tracepoints in order, each once', () => {
  assert.equal(
    tracepointsOf({
      name: 'x.bt',
      text: 'tracepoint:a:b,\ntracepoint:a:c\n{\n}\ntracepoint:a:b\n{\n // tracepoint:d:e\n}\n',
    }),
    ['a:b', 'a:c'],
  );
});

test('refuses numbers that are none, so that nothing else can get into the program', () => {
  const broken: Partial<ProgramParameters>[] = [
    { ports: [] },
    ...[0, -1, 1.5, 65_536, NaN, Infinity].map((port) => ({ ports: [port] })),
    { ports: ['1; exit()' as unknown as number] },
    { finalPort: 0 },
    ...[0, -4, 2 ** 22 + 1, NaN].map((pid) => ({ relays: [pid] })),
    ...[0, 1e6 + 1, 2.5].map((budget) => ({ budget })),
  ];
  for (const parameters of broken) {
    assert.throws(
      () => assemble(parameters),
      (error: unknown) => error instanceof RangeError,
      JSON.stringify(parameters),
    );
  }
});

test('counts each line before it is printed, and tells the count until the freeze', () => {
  const lines = count(assemble(), /printf\("[A-Z] /g) - 2;
  const keyed = assemble({ counting: { kind: 'keyed', cpus: 3 } });
  assert.is(
    count(keyed, /^ *@printed\[cpu\] = @printed\[cpu\] \+ 1;\n *printf\(/gm),
    lines,
    'every printf but those of B and E, and of the count itself',
  );
  assert.match(keyed, /^interval:ms:\d+\n\/@final == 0\/\n\{\n {2}\$t = nsecs;$/m);
  for (const cpu of [0, 1, 2]) assert.match(keyed, `$n = $n + @printed[${cpu}];`);
  assert.not.match(keyed, '@printed[3]');
  const cast = assemble({ counting: { kind: 'cast' } });
  assert.is(count(cast, /^ *@printed = count\(\);\n *printf\(/gm), lines);
  assert.match(cast, '$n = (uint64)@printed;');
  const atEnd = assemble();
  assert.is(count(atEnd, /^ *@printed = count\(\);\n *printf\(/gm), lines);
  assert.not.match(atEnd, 'C %lx');
});

test('lowers the budget of packets while many lines are printed, where the count can be read', () => {
  const keyed = { kind: 'keyed', cpus: 2 } as const;
  const program = assemble({ counting: keyed, budget: 12 });
  assert.match(program, /^BEGIN\n\{\n {2}@most = \(uint64\)12;/m);
  assert.is(count(program, /\$count >= 12 \|\| \(\$count != 0 && \$count >= @most\)/g), 2);
  assert.match(program, /\$to <= 3 \|\| \$to == 10 \|\| @most == 12\)/);
  assert.match(program, /printf\("C %lx %lx %lx %lx %lx\\n", \$t, \$n, nsecs, @most, @since\);/);
  const lowered = program.indexOf('@most = (uint64)1;');
  const raised = program.lastIndexOf('@most = (uint64)12;');
  assert.ok(program.lastIndexOf('@since = $t;', lowered) > 0, 'the time is taken before');
  assert.ok(program.indexOf('@since = nsecs;', raised) > raised, 'the time is taken after');
  for (const fixed of [{ counting: keyed, budget: 1 }, {}]) {
    assert.not.match(assemble(fixed), /@most = \(uint64\)\d+;[^]*@most = /);
    assert.not.match(assemble(fixed), '@since');
  }
});

test.run();
